"""How probes plug into the running exporter: a schedule in the background, a ledger among the collectors, a source."""

from typing import Final

from exporter.config import Config
from exporter.poll import Schedule
from exporter.secret import Secret
from exporter.snapshot import Answers
from exporter.wired import Wiring
from probes.answers import ProbeAnswers
from probes.backends.looker import Looker
from probes.backends.wiring import wire_backends
from probes.ledger import Ledger
from probes.on_demand import PATH, OnDemand
from probes.prober import Prober
from probes.schedule import ProbeSchedule
from probes.turn import Turns
from probes.verdict_families import EXPLAIN_PATH, Verdicts

_LOOK_SECONDS: Final = 1.0  # between two looks at the ledger, which is memory


def wire_probes(config: Config, *, probe: Prober | None = None) -> Wiring:
    """Return the probes of all configured aliases and the looks at their lanes; none configured: nothing runs."""
    looker = Looker(config.lanes, config.probes.stalled_seconds)
    backends = wire_backends(config, looker)
    if not config.aliases:
        return backends
    ledger = Ledger(config)
    turns = Turns(config, ledger, probe or Prober(config=config), look=looker.look)
    page = OnDemand(config, ledger, turns)
    verdicts = Verdicts(config, ledger)
    answers = ProbeAnswers(ledger, [alias.name for alias in config.aliases], config.lanes)
    return backends | Wiring(
        schedules=(
            Schedule(
                name="answers",
                source=answers,
                slot="answers",
                part=Answers,
                interval_seconds=_LOOK_SECONDS,
                deadline_seconds=_LOOK_SECONDS,
            ),
        ),
        collectors={"probes": ledger.families, "verdicts": verdicts.families},
        background={"probes": ProbeSchedule(config, turns).run},
        followers=(turns.follow,),
        memories={"ledger": ledger, "turns": turns, "verdicts": verdicts},
        routes={EXPLAIN_PATH: verdicts.explain} | ({PATH: page.answer} if config.probes.on_demand else {}),
    )


def prober_with_key(config: Config, key: Secret) -> Prober:
    """Return a prober that shows `key`, whatever the environment holds."""
    return Prober(config=config, key=key)

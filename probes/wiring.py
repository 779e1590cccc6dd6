"""How probes plug into the running exporter: a schedule in the background, a ledger among the collectors, a source."""

from typing import Final

from exporter.config import Config
from exporter.poll import Schedule
from exporter.snapshot import Answers
from exporter.wiring import Wiring
from probes.answers import ProbeAnswers
from probes.attempt import attempt_chat, chat_request
from probes.ledger import Ledger
from probes.schedule import Prober, ProbeSchedule
from probes.secret import Secret

_LOOK_SECONDS: Final = 1.0  # between two looks at the ledger, which is memory


def wire_probes(config: Config, *, probe: Prober | None = None) -> Wiring:
    """Return the probes of all configured aliases; none configured: nothing runs."""
    if not config.aliases:
        return Wiring()
    ledger = Ledger(config)
    schedule = ProbeSchedule(config, ledger, probe=probe)
    answers = ProbeAnswers(ledger, [alias.name for alias in config.aliases], config.lanes)
    return Wiring(
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
        collectors={"probes": ledger.families},
        background={"probes": schedule.run},
    )


def prober_with_key(config: Config, key: Secret) -> Prober:
    """Return a prober that shows `key`, whatever the environment holds."""
    gateway = config.gateway
    if gateway is None:
        raise ValueError("expected a gateway to probe, found none")
    return lambda alias: attempt_chat(chat_request(gateway, alias, key))

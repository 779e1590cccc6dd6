"""How probes plug into the running exporter: a schedule in the background and a ledger among the collectors."""

from exporter.config import Config
from exporter.wiring import Wiring
from probes.attempt import attempt_chat, chat_request
from probes.ledger import Ledger
from probes.schedule import Prober, ProbeSchedule
from probes.secret import Secret


def wire_probes(config: Config, *, probe: Prober | None = None) -> Wiring:
    """Return the probes of all configured aliases; none configured: nothing runs."""
    if not config.aliases:
        return Wiring()
    ledger = Ledger(config)
    schedule = ProbeSchedule(config, ledger, probe=probe)
    return Wiring(collectors={"probes": ledger.families}, background={"probes": schedule.run})


def prober_with_key(config: Config, key: Secret) -> Prober:
    """Return a prober that shows `key`, whatever the environment holds."""
    gateway = config.gateway
    if gateway is None:
        raise ValueError("expected a gateway to probe, found none")
    return lambda alias: attempt_chat(chat_request(gateway, alias, key))

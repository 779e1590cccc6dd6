"""How looks at the lanes' servers plug into the running exporter."""

from typing import Final

from exporter.backend import Backends
from exporter.config import Config
from exporter.poll import Schedule
from exporter.wired import Wiring
from probes.backends import families
from probes.backends.looker import Looker
from probes.backends.source import BackendsSource

_DEADLINE: Final = 6.0  # two waves of pages and the parsing of the largest one


def wire_backends(config: Config, looker: Looker) -> Wiring:
    """Return the looks at all lanes with an address, and at the gateway; without either nothing runs."""
    if not looker.names and config.gateway is None:
        return Wiring()
    schedule = Schedule(
        name="backends",
        source=BackendsSource(looker, config.gateway),
        slot="backends",
        part=Backends,
        interval_seconds=config.probes.look_interval_seconds,
        deadline_seconds=_DEADLINE,
    )
    return Wiring(schedules=(schedule,), collectors={"backends": families.collect})

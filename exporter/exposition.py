"""From families to the bytes of a page: Prometheus text and OpenMetrics, prepared before anyone asks."""

from collections.abc import Callable, Iterable

from exporter.metric import Family
from exporter.snapshot import Snapshot

Collector = Callable[[Snapshot, float], Iterable[Family]]
"""What gives families for one snapshot at one Unix time; `probes` plug in here."""

"""Families of what NVML and DCGM do not agree on, and of the one that stands still.

`DisagreementCollector` keeps only what one snapshot cannot tell: how the values moved before.
"""

from collections.abc import Iterator, Mapping

from exporter import catalogue as c
from exporter.facts.disagreement import Motion, compare, follow, is_frozen, moving_values
from exporter.metric import Family, Sample
from exporter.snapshot import Device, Gpus, Snapshot

_Motions = dict[str, Motion]  # by UUID


class DisagreementCollector:
    """Compares the two while both answer, and follows each reading of each."""

    def __init__(self) -> None:
        self._seen: dict[str, Gpus] = {}
        self._motions: dict[str, _Motions] = {}

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield both families; none while one of the two sources says nothing."""
        if snapshot.nvml is None or snapshot.dcgm is None:
            self._seen, self._motions = {}, {}
            return
        sources = {"nvml": snapshot.nvml, "dcgm": snapshot.dcgm}
        self._follow(sources, now)
        yield c.GPU_SOURCES_DISAGREE.of(
            c.GPU_SOURCES_DISAGREE.sample(one.is_true, node=snapshot.node, gpu_uuid=one.gpu_uuid, field=one.field)
            for one in compare(snapshot.nvml, snapshot.dcgm)
        )
        yield c.GPU_SOURCE_FROZEN.of(self._frozen(snapshot.node, now))

    def _follow(self, sources: Mapping[str, Gpus], now: float) -> None:
        """Note what is new; only what both sources tell of a card is followed, for the same things move in both."""
        cards = {source: {device.uuid: device for device in gpus.devices} for source, gpus in sources.items()}
        for source, gpus in sources.items():
            if self._seen.get(source) is gpus:  # the same reading as at the last page
                continue
            self._seen[source] = gpus
            before = self._motions.get(source, {})
            other = cards["nvml" if source == "dcgm" else "dcgm"]
            self._motions[source] = {
                uuid: follow(before.get(uuid), _shared(device, other[uuid]), now)
                for uuid, device in cards[source].items()
                if uuid in other
            }

    def _frozen(self, node: str, now: float) -> Iterator[Sample]:
        for source, other in (("nvml", "dcgm"), ("dcgm", "nvml")):
            motions, others = self._motions[source], self._motions[other]
            for uuid in motions.keys() & others.keys():
                verdict = is_frozen(motions[uuid], others[uuid], now)
                yield c.GPU_SOURCE_FROZEN.sample(verdict, node=node, gpu_uuid=uuid, source=source)


def _shared(device: Device, other: Device) -> dict[str, float]:
    known = moving_values(other)
    return {name: value for name, value in moving_values(device).items() if name in known}

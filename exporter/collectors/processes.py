"""Families of the cards' memory by part and by holder."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter import catalogue as c
from exporter.facts import attribution
from exporter.facts.attribution import Held
from exporter.metric import Family, Sample
from exporter.snapshot import Device, Snapshot


@dataclass(frozen=True, slots=True)
class ProcessCollector:
    """Yields at most `top` holders a card, and the rest of each part as one."""

    top: int

    def collect(self, snapshot: Snapshot, _now: float) -> Iterator[Family]:
        """Yield whose memory it is, of every card that tells."""
        if snapshot.gpus is None:
            return
        names = attribution.pod_names(snapshot)
        cards = [
            _Card(snapshot, one, attribution.held(one, snapshot.processes, names)) for one in snapshot.gpus.devices
        ]
        yield c.GPU_MEMORY_PART.of(sample for card in cards for sample in card.parts())
        yield c.GPU_PART_PROCESSES.of(sample for card in cards for sample in card.counts())
        yield c.GPU_HOLDER_MEMORY.of(sample for card in cards for sample in card.holders(self.top))


@dataclass(frozen=True, slots=True)
class _Card:
    snapshot: Snapshot
    device: Device
    holds: tuple[Held, ...]

    def parts(self) -> Iterator[Sample]:
        for part, size in attribution.memory_parts(self.device, self.holds).items():
            yield c.GPU_MEMORY_PART.sample(size, **self._key(), part=part)

    def counts(self) -> Iterator[Sample]:
        for part, count in attribution.process_counts(self.device, self.holds).items():
            yield c.GPU_PART_PROCESSES.sample(count, **self._key(), part=part)

    def holders(self, top: int) -> Iterator[Sample]:
        for holder, size in attribution.largest(self.holds, top).items():
            yield c.GPU_HOLDER_MEMORY.sample(
                size,
                **self._key(),
                part=holder.part,
                owner_namespace=holder.namespace,
                owner_pod=holder.pod,
                process=holder.process,
            )

    def _key(self) -> dict[str, str]:
        return {"node": self.snapshot.node, "gpu_uuid": self.device.uuid}

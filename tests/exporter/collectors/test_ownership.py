"""Who owns which card on the page; idle_owned takes time, and is told from owned by what the card did meanwhile."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exporter import catalogue as c
from exporter.cluster import Claim, ClaimedDevice, Dra, OfferedDevice
from exporter.collectors.ownership import OwnershipCollector, collect_claims
from exporter.facts import ownership
from exporter.metric import Family, Metric
from exporter.snapshot import Agents, Allocation, Allocations, Device, Gpus, NodeView, Snapshot

MIB = 1 << 20
STEP = 15.0
CARD = Device(uuid="GPU-a", index=0, memory_used_bytes=21642 * MIB)


def node(card: Device, *pods: str, is_asked: bool = True) -> Snapshot:
    """Return a node with one card that these pods were given."""
    given = tuple(
        Allocation(namespace="vllm", pod=pod, container="server", resource="nvidia.com/gpu", device_ids=("GPU-a",))
        for pod in pods
    )
    allocations = Allocations(containers=given) if is_asked else None
    return Snapshot(node="n", gpus=Gpus(source="nvml", devices=(card,)), allocations=allocations)


def busy(seconds: float, **fields: object) -> Snapshot:
    return node(replace(CARD, busy_seconds=seconds, utilization_ratio=0.0, **fields), "a")  # type: ignore[arg-type]  # its fields


def used(ratio: float | None, *pods: str) -> Snapshot:
    return node(replace(CARD, utilization_ratio=ratio), *(pods or ("a",)))


def watched(snapshots: Iterable[Snapshot], step: float = STEP) -> tuple[str, float | None]:
    """Return the state at the end, and the idle seconds counted."""
    collector = OwnershipCollector()
    families: dict[Metric, Family] = {}
    for number, snapshot in enumerate(snapshots):
        families = {family.metric: family for family in collector.collect(snapshot, 1000.0 + number * step)}
    states = [sample.labels[2] for sample in families[c.GPU_OWNERSHIP].samples if sample.value]
    assert len(states) == 1
    return states[0], next((one.value for one in families[c.GPU_OWNED_IDLE].samples), None)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param([used(0.0)] * 21, ("idle_owned", 300.0), id="quiet for 300 s"),
        pytest.param([used(0.04)] * 21, ("idle_owned", 300.0), id="below 5 % is quiet"),
        pytest.param([used(0.0)] * 20, ("owned", 285.0), id="quiet for less"),
        pytest.param([used(0.05)] * 21, ("owned", 0.0), id="5 % is work"),
        pytest.param([*[used(0.0)] * 20, used(0.9)], ("owned", 285.0), id="work ends it at once"),
        pytest.param(
            [*[used(0.0)] * 15, used(0.9), *[used(0.0)] * 15], ("owned", 435.0), id="one busy reading begins it anew"
        ),
        pytest.param([*[used(0.0)] * 15, used(None), *[used(0.0)] * 15], ("owned", 420.0), id="so does an unread one"),
        pytest.param([*[used(0.0)] * 15, *[used(0.0, "b")] * 15], ("owned", 420.0), id="so does another owner"),
        pytest.param([used(0.0, "a", "b")] * 21, ("idle_owned", 300.0), id="a card of two owners is idle likewise"),
        pytest.param([used(None)] * 21, ("owned", None), id="a card that does not tell is not called idle"),
        pytest.param([busy(7.0)] * 21, ("idle_owned", 300.0), id="by the driver's count of busy time"),
        pytest.param([busy(0.2 * n) for n in range(21)], ("idle_owned", 300.0), id="a probe now and then is no work"),
        pytest.param([busy(1.0 * n) for n in range(21)], ("owned", 0.0), id="a second in 15 is work"),
        pytest.param(
            [busy(0.0 if n < 10 else 4.0) for n in range(21)], ("owned", 285.0), id="a burst between two readings"
        ),
        pytest.param([busy(9.0), *[busy(0.0)] * 20], ("owned", 285.0), id="a count that fell began anew"),
        pytest.param(
            [busy(7.0, memory_used_bytes=2 * MIB)] * 21, ("owned", None), id="a card without memory in use is not held"
        ),
        pytest.param([node(replace(CARD, utilization_ratio=0.0))] * 21, ("orphan", None), id="nobody owns it"),
        pytest.param(
            [node(replace(CARD, utilization_ratio=0.0), "a", is_asked=False)] * 21, ("unknown", None), id="blind"
        ),
    ],
)
def test_idle_is_owned_held_and_quiet_for_five_minutes(
    seen: list[Snapshot], expected: tuple[str, float | None]
) -> None:
    assert watched(seen) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(1.0, ("idle_owned", 390.0), id="looked at each second"),
        pytest.param(61.0, ("owned", 0.0), id="after a gap nobody knows what it did"),
    ],
)
def test_how_often_one_looks_does_not_count(step: float, expected: tuple[str, float]) -> None:
    """Seconds are counted in stretches, and only those that were seen."""
    assert watched([busy(7.0)] * 400, step) == expected


def test_the_state_set_has_every_state_once() -> None:
    """One is 1 and all others are 0, so that a rule can select by name."""
    families = {family.metric: family for family in OwnershipCollector().collect(used(0.0), 0.0)}

    states = {sample.labels[2]: sample.value for sample in families[c.GPU_OWNERSHIP].samples}
    assert set(states) == set(ownership.STATES)
    assert [state for state, value in states.items() if value] == ["owned"]
    assert [sample.labels for sample in families[c.GPU_OWNER_INFO].samples] == [
        ("n", "GPU-a", "vllm", "a", "server", "", "device_plugin")
    ]


def _rows(snapshot: Snapshot) -> list[tuple[str, ...]]:
    return [sample.labels for family in collect_claims(snapshot, 0.0) for sample in family.samples]


def test_claims_of_all_nodes_are_told_with_what_the_agents_know() -> None:
    """The slice tells the node; the UUID comes from it, or from the card at its address; a monitor looks."""
    offered = (
        OfferedDevice(driver="gpu.nvidia.com", pool="a", device="gpu-0", node="a", uuid="GPU-1"),
        OfferedDevice(driver="gpu.intel.com", pool="b", device="0000-03-00-0", node="b", pci_address="0000:03:00.0"),
        OfferedDevice(driver="gpu.intel.com", pool="c", device="0000-03-00-0", node="c", pci_address="0000:03:00.0"),
    )
    given = tuple(ClaimedDevice(driver=one.driver, pool=one.pool, device=one.device) for one in offered)
    gone = ClaimedDevice(driver="gpu.nvidia.com", pool="z", device="gpu-0")
    snapshot = Snapshot(
        node="watcher",
        agents=Agents(
            by_node={"b": NodeView(node="b", devices=(Device(uuid="intel-b", index=0, pci_bus_id="0000:03:00.0"),))}
        ),
        dra=Dra(
            version="v1",
            offered=offered,
            claims=(
                Claim(namespace="llm", name="gpus", devices=(*given, gone), pods=(("p", "1"), ("q", "2"))),
                Claim(namespace="mon", name="look", devices=(replace(given[0], is_admin=True),), pods=(("m", "3"),)),
                Claim(namespace="llm", name="kept", devices=(given[0],)),
            ),
        ),
    )
    intel = ("gpu.intel.com", "0000-03-00-0", "llm", "gpus", "llm")
    nvidia = ("gpu.nvidia.com", "gpu-0", "llm", "gpus", "llm")

    assert _rows(snapshot) == [
        ("", "", *nvidia, "p", "use"),
        ("", "", *nvidia, "q", "use"),
        ("a", "GPU-1", *nvidia, "p", "use"),
        ("a", "GPU-1", *nvidia, "q", "use"),
        ("a", "GPU-1", "gpu.nvidia.com", "gpu-0", "mon", "look", "mon", "m", "admin"),
        ("b", "intel-b", *intel, "p", "use"),
        ("b", "intel-b", *intel, "q", "use"),
        ("c", "", *intel, "p", "use"),
        ("c", "", *intel, "q", "use"),
    ]


def test_without_the_api_server_no_claim_is_told() -> None:
    assert _rows(used(0.0)) == []

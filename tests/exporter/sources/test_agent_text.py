"""What an agent's page says is what the agent knows: written and read back, it is the same."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collectors import devices, sources
from exporter.collectors.nodes import NodeCollector
from exporter.collectors.ownership import OwnershipCollector
from exporter.collectors.presence import PresenceCollector
from exporter.collectors.processes import ProcessCollector
from exporter.collectors.xids import XidCollector
from exporter.config_cluster import NodeBaseline
from exporter.errors import SourceError
from exporter.exposition import Exposition
from exporter.facts.node_views import own_view
from exporter.snapshot import (
    UNAVAILABLE_REASONS,
    Allocations,
    Device,
    DeviceProcess,
    Gpus,
    NodeView,
    PodName,
    Processes,
    ProcessInfo,
    Snapshot,
    SourceState,
    XidCount,
)
from exporter.sources.agent_text import read_view
from fakes.reference_node import AT, CARD, MIB, SNAPSHOT

_GOLDEN: Final = Path(__file__).parents[1] / "golden"
_NODE: Final = SNAPSHOT.node
_MIG: Final = replace(CARD, uuid="GPU-2", index=1, sharing="mig", memory_total_bytes=None, memory_used_bytes=None)
_INSTANCE: Final = replace(CARD, uuid="MIG-1", index=1, parent_uuid="GPU-2", mig_profile="1g.10gb", processes=None)
_LOST: Final = Device(uuid="GPU-3", index=2, model="NVIDIA L4", unavailable="lost")
_UP: Final = {name: SourceState(name=name, is_up=True, last_success_at=AT) for name in ("nvml", "podresources")}
_NO_DRIVER: Final = SourceState(name="nvml", is_up=False)


def page(snapshot: Snapshot) -> bytes:
    """Return what a node agent says of `snapshot`."""
    collectors = {
        "sources": sources.collect,
        "xids": XidCollector().collect,
        "presence": PresenceCollector().collect,
        "processes": ProcessCollector(32).collect,
        "devices": devices.collect,
        "ownership": OwnershipCollector().collect,
        "nodes": NodeCollector(NodeBaseline()).collect,
    }
    return Exposition(collectors).prepare(snapshot, AT).text.plain


def told(view: NodeView) -> NodeView:
    """Return what of a view the page tells and the reader takes; telemetry only as what it comes to."""
    cards = tuple(_told_of(device) for device in view.devices or ())
    telemetry = None if view.telemetry is None else tuple(_told_of(device) for device in view.telemetry)
    return replace(
        view,
        devices=None if view.devices is None else cards,
        owners=None if view.owners is None else tuple(sorted(view.owners, key=repr)),
        holders=None if view.holders is None else tuple(sorted(view.holders, key=repr)),
        telemetry=telemetry if telemetry and {one.source for one in cards} == {"dcgm"} else None,
        telemetry_facts={},
    )


def _told_of(device: Device) -> Device:
    return Device(
        uuid=device.uuid,
        index=device.index,
        source=device.source,
        model=device.model,
        pci_bus_id=device.pci_bus_id,
        driver_version=device.driver_version,
        cuda_version=device.cuda_version,
        vbios_version=device.vbios_version,
        serial=device.serial,
        unavailable=device.unavailable,
        memory_total_bytes=device.memory_total_bytes,
        memory_used_bytes=device.memory_used_bytes,
        memory_free_bytes=device.memory_free_bytes,
        memory_reserved_bytes=device.memory_reserved_bytes,
        utilization_ratio=device.utilization_ratio,
        parent_uuid=device.parent_uuid,
        mig_profile=device.mig_profile,
        sharing=device.sharing,
        power_watts=device.power_watts,
        power_limit_watts=device.power_limit_watts,
        power_limits_watts=device.power_limits_watts,
        temperatures_celsius=device.temperatures_celsius,
        clock_events=device.clock_events,
        is_remap_pending=device.is_remap_pending,
        is_remap_failed=device.is_remap_failed,
        recovery_action=device.recovery_action,
        xids=device.xids or None,  # of a card that had none, the page is not asked whether it is watched
    )


def node(*cards: Device, **parts: object) -> Snapshot:
    return replace(SNAPSHOT, gpus=Gpus(source="nvml", devices=cards), **parts)  # type: ignore[arg-type]  # of one field each


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(SNAPSHOT, id="the reference node"),
        pytest.param(node(CARD, _MIG, _INSTANCE, _LOST), id="a card, one that is cut, its instance, one that is lost"),
        pytest.param(node(CARD, allocations=None, sources={"nvml": _UP["nvml"]}), id="nobody asks the kubelet"),
        pytest.param(node(CARD, allocations=Allocations(), sources=_UP), id="the kubelet gave nothing away"),
        pytest.param(node(replace(CARD, processes=None), processes=None), id="the driver lists no processes"),
        pytest.param(node(sources=_UP), id="the driver lists no card"),
        pytest.param(Snapshot(node=_NODE, sources={"nvml": _NO_DRIVER}), id="a driver that was never read"),
        pytest.param(
            Snapshot(node=_NODE, sources={"nvml": replace(_NO_DRIVER, last_success_at=AT - 60)}),
            id="a driver that gave its cards a minute ago",
        ),
        pytest.param(
            Snapshot(
                node=_NODE,
                gpus=(gpus := Gpus(source="dcgm", devices=(replace(CARD, processes=None),))),
                dcgm=gpus,
                sources={"dcgm": SourceState(name="dcgm", is_up=True)},
            ),
            id="DCGM speaks for the node",
        ),
    ],
)
def test_a_page_read_back_is_the_node_s_own_word(snapshot: Snapshot) -> None:
    assert told(read_view(_NODE, page(snapshot))) == told(own_view(snapshot))


_SIZES: Final = st.integers(0, 1 << 40)
_TEXTS: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_XIDS: Final = st.builds(
    XidCount, code=st.integers(1, 999), count=st.integers(1, 1 << 20), last_at=st.floats(1.0, AT, allow_nan=False)
)


def _by_code(xids: list[XidCount]) -> tuple[XidCount, ...]:
    return tuple(sorted(xids, key=lambda xid: xid.code))


_CARDS: Final = st.builds(
    Device,
    uuid=st.uuids().map(lambda uuid: f"GPU-{uuid}"),
    index=st.integers(0, 15),
    model=_TEXTS,
    driver_version=_TEXTS,
    sharing=st.sampled_from(["", "none", "mig", "mps", "vgpu"]),
    unavailable=st.sampled_from([None, *UNAVAILABLE_REASONS]),
    memory_total_bytes=st.none() | _SIZES,
    memory_free_bytes=st.none() | _SIZES,
    utilization_ratio=st.none() | st.floats(0, 1),
    power_watts=st.none() | st.floats(0, 1000),
    power_limit_watts=st.none() | st.floats(0, 1000),
    power_limits_watts=st.dictionaries(st.sampled_from(["default", "min", "max"]), st.floats(0, 1000)),
    temperatures_celsius=st.dictionaries(st.sampled_from(["gpu", "memory"]), st.floats(-40, 120)),
    clock_events=st.dictionaries(st.sampled_from(["idle", "power_cap", "hw_thermal"]), st.booleans()),
    is_remap_pending=st.none() | st.booleans(),
    is_remap_failed=st.none() | st.booleans(),
    recovery_action=st.sampled_from(["", *devices.RECOVERY_ACTIONS]),
    xids=st.none() | st.lists(_XIDS, max_size=3, unique_by=lambda xid: xid.code).map(_by_code),
    processes=st.none() | st.tuples(st.builds(DeviceProcess, pid=st.integers(1, 3), memory_bytes=st.none() | _SIZES)),
)
_PODS: Final = Processes(
    by_pid={
        1: ProcessInfo(pid=1, name='a"b\\c', pod_uid="u1"),
        2: ProcessInfo(pid=2, name="x", is_dead=True),
    },
    pods={"u1": PodName(namespace="n", pod="p")},
)


@settings(max_examples=50)
@given(cards=st.lists(_CARDS, min_size=1, max_size=3, unique_by=lambda card: card.uuid))
def test_whatever_the_cards_are_they_are_read_back(cards: list[Device]) -> None:
    gpus = Gpus(source="nvml", devices=tuple(sorted(cards, key=lambda card: (card.index, card.uuid))))
    snapshot = Snapshot(node=_NODE, gpus=gpus, allocations=Allocations(), processes=_PODS, sources=_UP)
    assert told(read_view(_NODE, page(snapshot))) == told(own_view(snapshot))


def test_instances_come_with_their_card_and_profile() -> None:
    view = read_view("gpu-worker-1", (_GOLDEN / "h100-mig.prom").read_bytes())
    assert [(card.uuid[:4], card.sharing, card.mig_profile) for card in view.devices or ()] == [
        ("GPU-", "mig", ""),
        ("MIG-", "", "3g.40gb"),
        ("MIG-", "", "1g.10gb"),
    ]


def test_telemetry_beside_the_driver_is_told_by_what_it_comes_to() -> None:
    """The page has each card once, as the driver tells it; the agent compares both itself and says what it found."""
    dcgm = Gpus(source="dcgm", devices=(replace(CARD, driver_version="580.1"),))
    view = read_view(_NODE, page(replace(SNAPSHOT, nodes=None, nvml=SNAPSHOT.gpus, dcgm=dcgm)))
    assert view.telemetry is None
    assert view.telemetry_facts["driver"] == "580.1"
    assert view.telemetry_facts["memory"] == f"{CARD.memory_total_bytes and CARD.memory_total_bytes // MIB} MiB"


def test_a_simulated_node_says_that_it_is_simulated() -> None:
    line = b'lanewatch_build_info{role="node",simulated="%s",version="1"} 1.0\n'
    assert read_view("n", line % b"yes").is_simulated
    assert not read_view("n", line % b"no").is_simulated


def test_what_a_page_says_of_other_nodes_is_not_read() -> None:
    """Whoever serves the agent's page could otherwise speak for cards that are not there."""
    body = page(SNAPSHOT) + page(SNAPSHOT).replace(b'node="gpu-worker-1"', b'node="x"').replace(
        b"lanewatch_gpus{", b"y{"
    )
    assert told(read_view(_NODE, body)) == told(own_view(SNAPSHOT))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "expected samples named lanewatch_…, found none", id="an empty answer"),
        pytest.param(
            b'lanewatch_gpus{node="n",view="nvml"} 1\n' * 20_000,
            "expected at most 16384 lines of interest, found more",
            id="more than any node has",
        ),
        pytest.param(b"node_load1 0.5\n", "expected samples named lanewatch_…, found none", id="another exporter"),
        pytest.param(
            b'lanewatch_gpus{node="other",view="nvml"} 1\n',
            "expected the page of node n, found one of other",
            id="a page that speaks for another node",
        ),
        pytest.param(
            b'lanewatch_gpu_info{node="n",gpu_uuid="GPU-1"} 1\n',
            "node n: expected the label 'index', found a sample without it",
            id="a label is missing",
        ),
        pytest.param(
            b'lanewatch_gpus{node="n",view="nvml} 1\n',
            "expected lines of the form name{labels} value",
            id="a broken line",
        ),
    ],
)
def test_a_page_of_something_else_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(SourceError, match="expected") as refusal:
        read_view("n", body)
    assert message in str(refusal.value)


def test_the_index_of_a_card_is_a_number() -> None:
    body = page(SNAPSHOT).replace(b'index="0"', b'index="x"')
    with pytest.raises(SourceError, match="expected the index of a card, found 'x'"):
        read_view(_NODE, body)


def test_what_slows_a_card_is_told_as_true_or_false() -> None:
    """A reason that does not hold is known not to; a page without reasons tells of none."""
    (card,) = read_view(_NODE, page(SNAPSHOT)).devices or ()
    assert [(reason, type(holds)) for reason, holds in card.clock_events.items()] == [
        ("idle", bool),
        ("power_cap", bool),
    ]
    (bare,) = read_view(_NODE, page(SNAPSHOT).replace(b"gpu_clock_event{", b"gpu_y{")).devices or ()
    assert bare.clock_events == {}


def test_an_xid_whose_time_nobody_knows_is_not_recent() -> None:
    body = page(SNAPSHOT).replace(b"lanewatch_gpu_xid_last_timestamp_seconds{", b"lanewatch_y{")
    (card,) = read_view(_NODE, body).devices or ()
    assert card.xids == (XidCount(code=31, count=2, last_at=0.0),)


def test_the_code_of_an_xid_is_a_number() -> None:
    body = page(SNAPSHOT).replace(b'xid="31"', b'xid="1e9"')
    with pytest.raises(SourceError, match="expected the code of an Xid, found '1e9'"):
        read_view(_NODE, body)


@pytest.mark.parametrize(
    ("last_success_at", "never"),
    [
        pytest.param(None, {"nvml"}, id="it gave nothing since the exporter began"),
        pytest.param(AT - 60, set(), id="it gave something once"),
    ],
)
def test_a_driver_that_was_never_read_is_told_from_one_that_fell_silent(
    last_success_at: float | None, never: set[str]
) -> None:
    silent = replace(_NO_DRIVER, last_success_at=last_success_at)
    view = read_view(_NODE, page(Snapshot(node=_NODE, sources={"nvml": silent})))
    assert view.sources == {"nvml": False}
    assert view.never_read == never

"""Whether all layers of a node describe the same card, over spellings, units and ways of sharing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import NodeInfo, OfferedDevice
from exporter.facts.agreement import VIEWS, Agreement, agreements
from exporter.facts.card_facts import FACTS, MIB
from exporter.facts.gpu_nodes import GpuNode
from exporter.snapshot import Device, NodeView
from exporter.sources import dcgm, xpum
from exporter.sources.claims_json import read_slice
from exporter.sources.exposition_text import parse
from exporter.sources.node_json import Wanted, read_node
from fakes.k8s_fixtures import raw

_FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
CARD: Final = Device(
    uuid="GPU-1",
    index=0,
    source="nvml",
    model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
    driver_version="610.43.02",
    cuda_version="13.3",
    memory_total_bytes=24467 * MIB,
    memory_reserved_bytes=439 * MIB,
    sharing="none",
)
INFO: Final = read_node(raw("reference-node", "Node")[0], Wanted(keys=frozenset()))
_TELEMETRY: Final = replace(CARD, source="dcgm", cuda_version="", memory_total_bytes=24028 * MIB, sharing="")
_SLICE: Final = read_slice(raw("dra-nvidia-one-gpu", "ResourceSlice")[0])
_OFFERED: Final = _SLICE.devices if _SLICE else ()


def node(
    *devices: Device,
    info: NodeInfo | None = INFO,
    telemetry: tuple[Device, ...] | None = None,
    offered: tuple[OfferedDevice, ...] | None = None,
) -> GpuNode:
    view = NodeView(node="n", devices=devices, telemetry=telemetry) if devices else None
    return GpuNode(name="n", info=info, view=view, driver=devices or None, offered=offered)


def labelled(info: NodeInfo = INFO, /, gpus: float | None = None, **labels: str) -> NodeInfo:
    """Return the node with other labels, `_` for `.` and `-` for `__`; an empty one is taken away."""
    changed = {f"nvidia.com/{name.replace('__', '-').replace('_', '.')}": text for name, text in labels.items()}
    told = {name: text for name, text in {**info.labels, **changed}.items() if text}
    if gpus is None:
        return replace(info, labels=told)
    return offering(replace(info, labels=told), {"nvidia.com/gpu": gpus})


def offering(info: NodeInfo, resources: Mapping[str, float]) -> NodeInfo:
    rest = {name: amount for name, amount in info.capacity.items() if not name.startswith("nvidia.com/")}
    return replace(info, capacity={**rest, **resources}, allocatable={**rest, **resources})


def states(found: GpuNode) -> dict[str, str]:
    return {one.fact: one.state for one in agreements(found)}


def odd(found: GpuNode) -> dict[str, tuple[str, ...]]:
    """Return the facts that are not agreed on, with the views that are wrong."""
    return {one.fact: one.odd for one in agreements(found) if one.state == "disagree"}


def of(fact: str, found: GpuNode) -> Agreement:
    return next(one for one in agreements(found) if one.fact == fact)


_SLICED: Final = labelled(gpus=4.0, gpu_replicas="4", gpu_sharing__strategy="time-slicing")
_MIG_MODE: Final = replace(CARD, sharing="mig", memory_total_bytes=None)
_INSTANCES: Final = tuple(
    Device(uuid=f"MIG-{number}", index=0, source="nvml", parent_uuid="GPU-1", mig_profile="1g.6gb") for number in (1, 2)
)
_MIXED: Final = offering(
    labelled(
        mig_capable="true",
        mig_strategy="mixed",
        mig__1g_6gb_count="2",
    ),
    {"nvidia.com/gpu": 0.0, "nvidia.com/mig-1g.6gb": 2.0},
)
_SINGLE: Final = labelled(
    gpus=2.0,
    mig_capable="true",
    mig_strategy="single",
    gpu_product="NVIDIA-RTX-PRO-4000-Blackwell-SFF-Edition-MIG-1g.6gb",
    gpu_count="2",
    gpu_memory="5888",
)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(node(CARD), id="the reference node"),
        pytest.param(node(CARD, telemetry=(_TELEMETRY,)), id="telemetry leaves out what the firmware keeps"),
        pytest.param(node(CARD, offered=_OFFERED), id="ResourceSlices write versions without zeros in front"),
        pytest.param(
            node(CARD, info=labelled(gpu_product="NVIDIA-RTX-PRO-4000-Blackwell-SFF-Edition-SHARED")),
            id="the product says that it is shared",
        ),
        pytest.param(
            node(CARD, info=labelled(gpu_product="rtx_pro_4000-BLACKWELL-sff-edition")), id="case, dashes, vendor"
        ),
        pytest.param(node(CARD, info=labelled(gpu_memory="24466")), id="memory rounded to MiB"),
        pytest.param(
            node(
                CARD,
                info=labelled(
                    cuda_driver__version_full="",
                    cuda_runtime__version_full="",
                    cuda_driver_major="610",
                    cuda_driver_minor="43",
                    cuda_driver_rev="02",
                    cuda_runtime_major="13",
                    cuda_runtime_minor="3",
                ),
            ),
            id="versions in parts, as feature discovery told them before",
        ),
        pytest.param(node(CARD, info=_SLICED), id="one card in four slices"),
        pytest.param(
            node(CARD, info=labelled(_SLICED, gpu_sharing__strategy="mps")), id="MPS that nobody uses at present"
        ),
        pytest.param(
            node(CARD, info=offering(labelled(_SLICED), {"nvidia.com/gpu.shared": 4.0})),
            id="replicas under a name of their own",
        ),
        pytest.param(node(_MIG_MODE, *_INSTANCES, info=_MIXED), id="MIG, each profile a resource"),
        pytest.param(node(_MIG_MODE, *_INSTANCES, info=_SINGLE), id="MIG, instances in the place of cards"),
        pytest.param(
            node(CARD, replace(CARD, uuid="GPU-2", model="NVIDIA L4"), info=labelled(gpus=2.0, gpu_count="2")),
            id="two products, of which labels can name one",
        ),
    ],
)
def test_what_is_the_same_is_not_called_different(found: GpuNode) -> None:
    assert odd(found) == {}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            node(CARD, info=labelled(cuda_driver__version_full="580.95.05")),
            {"driver": ("labels",)},
            id="labels of before the driver's update",
        ),
        pytest.param(
            node(CARD, info=labelled(gpu_product="NVIDIA-L4", gpu_memory="23034")),
            {"product": ("labels",), "memory": ("labels",)},
            id="labels of the card before this one",
        ),
        pytest.param(
            node(CARD, info=replace(INFO, allocatable={**INFO.allocatable, "nvidia.com/gpu": 0.0})),
            {"count": ("allocatable",)},
            id="a card that the device plugin calls unhealthy",
        ),
        pytest.param(
            node(CARD, replace(CARD, uuid="GPU-2", unavailable="missing"), info=labelled(gpus=2.0, gpu_count="2")),
            {"count": ("labels", "capacity", "allocatable")},
            id="a card that the driver lost",
        ),
        pytest.param(
            node(CARD, info=labelled(_SLICED, gpu_sharing__strategy="none")),
            {"sharing": ()},
            id="shared in secret: the driver cannot know, and two stand against one",
        ),
        pytest.param(
            node(replace(CARD, sharing="mps"), info=INFO),
            {"sharing": ("labels", "capacity", "allocatable")},
            id="MPS at work where the labels deny it",
        ),
        pytest.param(
            node(CARD, info=labelled(_SLICED, gpus=2.0)),
            {"count": ("capacity", "allocatable"), "replicas": ("labels",)},
            id="fewer replicas than the labels say",
        ),
        pytest.param(
            node(_MIG_MODE, *_INSTANCES[:1], info=_MIXED),
            {"mig": ("labels", "capacity", "allocatable")},
            id="an instance that was destroyed",
        ),
        pytest.param(
            node(_MIG_MODE, *_INSTANCES, info=labelled(mig_capable="true", mig_strategy="none")),
            {"mig": ("capacity", "allocatable")},
            id="a card that was cut while the device plugin offers it whole",
        ),
        pytest.param(
            node(CARD, telemetry=(replace(_TELEMETRY, driver_version="580.95.05"),)),
            {"driver": ("telemetry",)},
            id="telemetry that was not restarted after the driver's update",
        ),
        pytest.param(
            node(CARD, offered=tuple(replace(one, cuda_version="12.9.0") for one in _OFFERED)),
            {"cuda": ("claims",)},
            id="ResourceSlices of before the update",
        ),
        pytest.param(
            node(info=labelled(cuda_driver__version_full="580.95.05"), offered=_OFFERED),
            {"driver": ()},
            id="two views without the driver's own word: nobody is called wrong",
        ),
    ],
)
def test_what_differs_is_named(found: GpuNode, expected: dict[str, tuple[str, ...]]) -> None:
    """The driver's own word is believed, else that of most."""
    assert odd(found) == expected


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        pytest.param(node(info=None), "count", id="nobody tells anything"),
        pytest.param(node(CARD, info=None), "driver", id="only the driver tells"),
        pytest.param(node(CARD, info=labelled(gpu_memory="")), "memory", id="the label is not there"),
        pytest.param(node(CARD, info=labelled(gpu_memory="about 24")), "memory", id="the label is no number"),
        pytest.param(node(replace(CARD, driver_version=""), info=INFO), "driver", id="the driver does not tell"),
        pytest.param(
            node(CARD, info=offering(NodeInfo(name="n"), {"nvidia.com/gpu": 4.0})),
            "count",
            id="replicas or cards, no label tells which",
        ),
        pytest.param(node(_MIG_MODE, *_INSTANCES, info=_SINGLE), "memory", id="labels describe instances"),
    ],
)
def test_too_few_views_are_unknown(found: GpuNode, fact: str) -> None:
    """Unknown is never agreement."""
    assert states(found)[fact] == "unknown"


def test_every_fact_has_a_verdict_and_says_what_each_view_said() -> None:
    found = node(CARD, telemetry=(_TELEMETRY,), offered=_OFFERED)
    assert tuple(states(found)) == FACTS
    assert {view: said.value for view, said in of("memory", found).views.items()} == {
        "nvml": "24467 MiB",
        "telemetry": "24028 MiB",
        "labels": "24467 MiB",
        "claims": "24467 MiB",
    }


def test_most_views_are_believed_where_the_driver_is_silent() -> None:
    info = replace(INFO, allocatable={**INFO.allocatable, "nvidia.com/gpu": 0.0})
    assert odd(node(info=info)) == {"count": ("allocatable",)}


@pytest.mark.parametrize("schema", ["4.8", "4.8.3", "4.9"])
def test_what_dcgm_exporter_really_says_of_the_reference_card_agrees(schema: str) -> None:
    text = (_FIXTURES / "dcgm" / f"{schema}-rtxpro4000.prom").read_bytes()
    found = node(CARD, telemetry=dcgm.read_gpus(parse(text, prefixes=("DCGM_",)), {}).devices)
    told = {one.fact for one in agreements(found) if "telemetry" in one.views}
    assert told >= {"count", "product", "memory", "driver"}
    assert odd(found) == {}


def test_two_cards_of_intel_agree_over_xpumd_and_resource_slices() -> None:
    """No label and no kubelet tells of them: xpumd calls them Arc A770 Graphics, the slice A770."""
    text = (_FIXTURES / "xpum" / "xpumd-2.prom").read_bytes()
    cards = xpum.read_gpus(parse(text, prefixes=("xpum_", "hw_"))).devices
    offered = read_slice(raw("dra-intel-one-pod-two-gpus", "ResourceSlice")[0])
    view = NodeView(node="n", devices=cards, telemetry=cards)
    found = GpuNode(name="n", view=view, offered=offered.devices if offered else ())
    assert {fact for fact, state in states(found).items() if state == "agree"} == {"count", "product", "memory"}


def test_what_an_agent_told_of_its_telemetry_stands_for_its_cards() -> None:
    told = NodeView(
        node="n", devices=(CARD,), telemetry_facts={"driver": "580.95.05", "count": "1", "memory": "24467 MiB"}
    )
    assert odd(replace(node(CARD), view=told)) == {"driver": ("telemetry",)}


_DRIVERS: Final = st.dictionaries(st.sampled_from(VIEWS), st.sampled_from(["1.2", "1.2.0", "1.3"]))


def _node_of(drivers: Mapping[str, str], order: int) -> GpuNode:
    """Return a node whose views say these versions, with cards and labels in another order each time."""
    labels = {"nvidia.com/cuda.driver-version.full": drivers["labels"]} if "labels" in drivers else {}
    cards = [replace(CARD, uuid=f"GPU-{number}", driver_version=drivers.get("nvml", "")) for number in range(3)]
    Random(order).shuffle(cards)  # noqa: S311  # an order, no secret
    offered = tuple(
        OfferedDevice(driver="gpu.nvidia.com", pool="n", device=card.uuid, driver_version=drivers.get("claims", ""))
        for card in cards
    )
    return node(*cards, info=NodeInfo(name="n", labels=labels), offered=offered)


@given(drivers=_DRIVERS, order=st.integers(0, 100))
def test_the_verdict_does_not_depend_on_order_and_fits_itself(drivers: Mapping[str, str], order: int) -> None:
    """Agreement has no odd view, disagreement with the driver in it has one, and it takes two views to say anything."""
    told = of("driver", _node_of(drivers, order))
    assert told == of("driver", _node_of(drivers, order + 1))
    versions = {text.removesuffix(".0") for view, text in drivers.items() if view in {"nvml", "labels", "claims"}}
    assert (told.state == "disagree") == (len(versions) > 1)
    assert (told.state == "unknown") == (len(told.views) < 2)
    assert bool(told.odd) == (told.state == "disagree" and (len(told.views) > 2 or "nvml" in told.views))

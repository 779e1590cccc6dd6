"""A watcher without cards of its own finds the same causes: all that it knows of them an agent's page told."""

import dataclasses
from typing import Final

import pytest

from exporter.backend import Backend
from exporter.cluster import NodeInfo, Nodes
from exporter.collectors import devices, sources
from exporter.collectors.ownership import OwnershipCollector
from exporter.collectors.presence import PresenceCollector
from exporter.collectors.xids import XidCollector
from exporter.exposition import Exposition
from exporter.snapshot import Agents, Device, KernelLog, KernelXid, Snapshot, SourceState, XidCount
from exporter.sources.agent_text import read_view
from fakes.alias_world import (
    BACKEND,
    CARD,
    NODE,
    NOW,
    POD,
    answered,
    card,
    case,
    given,
    info,
    refused,
    server,
    world,
)
from probes.first_token_cause import FirstTokenCause, first_token_cause
from probes.layer.case import survey
from probes.layers import Cause, LayerState
from probes.verdict import judge_layers

_OTHER: Final = dataclasses.replace(CARD, uuid="GPU-2", index=1, pci_bus_id="00000000:02:00.0")
_COLD: Final = dict.fromkeys(CARD.clock_events, False)
_AT: Final = "00000000:01:00.0"


def agent_page(*cards: Device, **parts: object) -> bytes:
    """What the agent of the lane's node says; it hears nothing from the API server, and knows no lane."""
    node = dataclasses.replace(world(cards=cards), workloads=None, nodes=None, backends=None)
    node = dataclasses.replace(node, **parts)  # type: ignore[arg-type]  # fields by name, checked by the dataclass
    collectors = {
        "sources": sources.collect,
        "xids": XidCollector().collect,
        "presence": PresenceCollector().collect,
        "devices": devices.collect,
        "ownership": OwnershipCollector().collect,
    }
    return Exposition(collectors).prepare(node, NOW).text.plain


def watched(body: bytes, backend: Backend = BACKEND) -> Snapshot:
    """What the watcher knows, on a node without cards: the API server's word, the lane's server, and this page."""
    agents = Agents(by_node={NODE: read_view(NODE, body)})
    known = world(POD, backend=backend, allocations=None, agents=agents)
    return dataclasses.replace(known, node="watcher", gpus=None, sources={})


def slowed(*reasons: str, **changes: object) -> Device:
    return card(clock_events=_COLD | dict.fromkeys(reasons, True), **changes)


@pytest.mark.parametrize(
    ("cards", "cause"),
    [
        pytest.param((CARD,), "unknown", id="the card runs free"),
        pytest.param((slowed("hw_thermal"),), "throttling", id="heat"),
        pytest.param((slowed("power_brake"),), "throttling", id="a power brake"),
        pytest.param((slowed("power_cap", power_watts=69.0),), "unknown", id="at its limit by its own work"),
        pytest.param((slowed("power_cap", power_watts=40.0),), "throttling", id="capped far below its limit"),
        pytest.param(
            (slowed("power_cap", power_watts=50.0, power_limit_watts=50.0),), "throttling", id="the limit was lowered"
        ),
        pytest.param((slowed("hw_thermal"), _OTHER), "throttling", id="the lane's card of two"),
        pytest.param(
            (CARD, dataclasses.replace(_OTHER, clock_events={"hw_thermal": True})),
            "unknown",
            id="the card beside the lane's",
        ),
    ],
)
def test_a_late_first_token_is_explained_by_the_card_of_another_node(
    cards: tuple[Device, ...], cause: FirstTokenCause
) -> None:
    """What slows a card is on its agent's page, and names the card of the lane alone."""
    late = case(watched(agent_page(*cards)), answered("slow", first=4.0))
    verdict = first_token_cause(late, survey(late), {})
    assert verdict is not None
    assert cause == verdict.cause


def xids(code: int, seconds_ago: float) -> tuple[XidCount, ...]:
    return (XidCount(code=code, count=1, last_at=NOW - seconds_ago),)


def kernel_says(code: int) -> KernelLog:
    return KernelLog(xids=(KernelXid(number=1, pci_bus_id=_AT, code=code, at=NOW - 30),), addresses={_AT: CARD.uuid})


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param(agent_page(CARD), "backend_process", id="the card is well"),
        pytest.param(agent_page(card(xids=xids(79, 30))), "device", id="a hardware Xid"),
        pytest.param(agent_page(card(xids=()), kernel_log=kernel_says(79)), "device", id="one in the kernel log alone"),
        pytest.param(agent_page(card(xids=xids(79, 3600))), "backend_process", id="a hardware Xid of an hour ago"),
        pytest.param(agent_page(card(xids=xids(13, 30))), "backend_process", id="an Xid of the program's own"),
        pytest.param(
            agent_page(CARD, dataclasses.replace(_OTHER, xids=xids(79, 30))),
            "backend_process",
            id="a hardware Xid of the card beside the lane's",
        ),
        pytest.param(agent_page(card(unavailable="lost")), "device", id="the card is lost"),
        pytest.param(agent_page(card(unavailable="lost"), _OTHER), "device", id="the lane's card of two is lost"),
        pytest.param(
            agent_page(CARD, dataclasses.replace(_OTHER, unavailable="lost")),
            "backend_process",
            id="the card beside the lane's is lost",
        ),
        pytest.param(agent_page(card(recovery_action="reset_gpu")), "device", id="its driver asks for a reset"),
    ],
)
def test_a_failure_is_explained_by_the_card_of_another_node(body: bytes, cause: Cause) -> None:
    """What is wrong with a card is on its agent's page: a failure of the lane on it is the card's."""
    assert cause == judge_layers(case(watched(body, server("down")), refused())).cause


_BARE: Final = info(allocatable={"nvidia.com/gpu": 0.0})


@pytest.mark.parametrize(
    ("last_success_at", "nodes", "state"),
    [
        pytest.param(None, (info(),), "unknown", id="never read, its cards are offered"),
        pytest.param(None, None, "unknown", id="never read, what is offered is not known"),
        pytest.param(None, (_BARE,), "bad", id="never read, and the kubelet has no card to offer either"),
        pytest.param(NOW - 60, (info(),), "bad", id="it gave its cards a minute ago"),
    ],
)
def test_a_driver_that_an_agent_never_read_is_not_proven_bad(
    last_success_at: float | None, nodes: tuple[NodeInfo, ...] | None, state: LayerState
) -> None:
    """An agent that never could read the driver may be the blind one, as on one's own node."""
    silent = {"nvml": SourceState(name="nvml", is_up=False, last_success_at=last_success_at)}
    page = agent_page(gpus=None, allocations=None, sources=silent)
    known = dataclasses.replace(watched(page), nodes=None if nodes is None else Nodes(nodes=nodes))
    assert state == judge_layers(case(known, refused())).layers["driver"].state


def test_whose_card_it_is_comes_from_the_same_page() -> None:
    """Of two cards, the one that the kubelet gave to the lane's pod is the lane's."""
    judged = case(watched(agent_page(CARD, _OTHER, allocations=None)), refused())
    assert survey(judged).cards == ()
    both = case(watched(agent_page(CARD, _OTHER)), refused())
    assert [one.uuid for one in survey(both).cards] == [given().device_ids[0]]

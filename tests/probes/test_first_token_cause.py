"""Why a first token came late: one cause, the surest first."""

import dataclasses

import pytest

from exporter.backend import Engine
from exporter.config_path import Alias
from exporter.snapshot import Agents, MemoryHolder, NodeView, Owner, Snapshot
from fakes.alias_world import (
    CARD,
    GIB,
    NODE,
    POD,
    RIVAL,
    answered,
    card,
    case,
    direct,
    given,
    pod,
    probed,
    refused,
    server,
    timed_out,
    well,
    world,
)
from probes.first_token_cause import FIRST_TOKEN_CAUSES, FirstTokenCause, Steady, first_token_cause, used_now
from probes.layer.case import Case, survey
from probes.served import Served

SLOW = answered("slow", first=4.0)
HOT = card(clock_events={"idle": False, "hw_thermal": True})
FULL = card(memory_used_bytes=int(23.9 * GIB))
HALF = {CARD.uuid: 12 * GIB}
BUSY = server("busy", engine=Engine(waiting=2), slots={"busy": 1, "free": 0})
AWAY = dataclasses.replace(POD, name="c-1", lane="lane-c", node="elsewhere")


def told(*holders: MemoryHolder, owners: tuple[Owner, ...] = ()) -> Snapshot:
    """The lane's node as its agent tells of it: who was given the card, and who holds its memory."""
    ours = Owner(gpu_uuid="GPU-1", namespace="vllm", pod="a-1", container="server", lane="", source="device_plugin")
    view = NodeView(node=NODE, devices=(CARD,), owners=(ours, *owners), holders=holders)
    return world(POD, node="watcher", gpus=None, allocations=None, agents=Agents(by_node={NODE: view}), sources={})


def holder(pod: str, part: str = "pods", gib: float = 1.0) -> MemoryHolder:
    where = "vllm" if pod else ""
    return MemoryHolder(
        gpu_uuid="GPU-1", part=part, namespace=where, pod=pod, process="python", memory_bytes=int(gib * GIB)
    )


def judge(judged: Case, steady: Steady | None = None) -> FirstTokenCause | None:
    verdict = first_token_cause(judged, survey(judged), steady or {})
    return verdict.cause if verdict else None


@pytest.mark.parametrize(
    ("judged", "cause"),
    [
        pytest.param(case(well(), answered()), "none", id="in time"),
        pytest.param(case(world(POD, cards=(HOT,)), answered()), "none", id="in time, however hot the card is"),
        pytest.param(case(well(), SLOW), "unknown", id="late, and nothing tells why"),
        pytest.param(case(well()), None, id="not probed yet"),
        pytest.param(case(well(), refused()), None, id="no answer to speak of"),
        pytest.param(
            case(well(), SLOW, alias=Alias(name="embed", kind="embeddings")), None, id="a kind without tokens"
        ),
        pytest.param(case(well(), SLOW, is_cold=True), "cold_start", id="the lane had just started"),
        pytest.param(case(world(POD, backend=BUSY), SLOW), "queue", id="others waited too"),
        pytest.param(case(world(POD, backend=BUSY), timed_out()), "queue", id="it waited in vain"),
        pytest.param(
            case(world(POD, backend=server("busy", slots={"busy": 1, "free": 3})), SLOW),
            "unknown",
            id="slots were free",
        ),
        pytest.param(case(well(), answered("slow", first=4.0, queue_seconds=3.0)), "queue", id="the lane says so"),
        pytest.param(
            case(world(POD, backend=BUSY), answered("slow", first=4.0, queue_seconds=0.1)),
            "unknown",
            id="the lane says that it did not wait",
        ),
        pytest.param(case(well(), SLOW, direct(first=0.3)), "gateway_overhead", id="the lane alone is in time"),
        pytest.param(case(well(), SLOW, direct(first=3.9)), "unknown", id="the lane alone is as slow"),
        pytest.param(
            case(well(), answered("slow", first=4.0, served=Served(retries=2))),
            "gateway_overhead",
            id="it tried thrice",
        ),
        pytest.param(
            case(well(), answered("slow", first=4.0, served=Served(overhead_seconds=2.0))),
            "gateway_overhead",
            id="it says so itself",
        ),
        pytest.param(
            case(well(), answered("slow", first=4.0, served=Served(overhead_seconds=0.02))),
            "unknown",
            id="it was quick",
        ),
        pytest.param(case(world(POD, cards=(HOT,)), SLOW), "throttling", id="heat"),
        pytest.param(case(world(POD, cards=(card(clock_events={"idle": True}),)), SLOW), "unknown", id="idle clocks"),
        pytest.param(
            case(world(POD, cards=(card(clock_events={"power_cap": True}, power_watts=69.0),)), SLOW),
            "unknown",
            id="at its power limit by its own work",
        ),
        pytest.param(
            case(world(POD, cards=(card(clock_events={"power_cap": True}, power_watts=40.0),)), SLOW),
            "throttling",
            id="capped far below its limit",
        ),
        pytest.param(
            case(
                world(POD, cards=(card(clock_events={"power_cap": True}, power_limit_watts=50.0, power_watts=50.0),)),
                SLOW,
            ),
            "throttling",
            id="somebody lowered the limit",
        ),
        pytest.param(
            case(world(POD, cards=(CARD, dataclasses.replace(HOT, uuid="GPU-2", index=1))), SLOW),
            "unknown",
            id="another card is hot",
        ),
        pytest.param(case(world(POD, RIVAL, allocations=(given(), given("b-1"))), SLOW), "co_tenant", id="two owners"),
        pytest.param(case(told(holder("a-1")), SLOW), "unknown", id="alone on its card"),
        pytest.param(case(told(holder("a-1"), holder("x-1")), SLOW), "co_tenant", id="an intruder's pod holds memory"),
        pytest.param(case(told(holder("", "host")), SLOW), "co_tenant", id="a process of the node holds memory"),
        pytest.param(case(told(holder("m-1", gib=0.05)), SLOW), "unknown", id="a monitor holds a little"),
        pytest.param(case(told(holder("", "unresolved", 21)), SLOW), "unknown", id="whose memory is not known"),
    ],
)
def test_cause(judged: Case, cause: FirstTokenCause | None) -> None:
    """Each cause is named where it is proven, and `unknown` where none is."""
    assert cause == judge(judged)


@pytest.mark.parametrize(
    ("known", "steady", "cause"),
    [
        pytest.param(FULL, HALF, "vram", id="nearly full, half full while it was in time"),
        pytest.param(FULL, used_now(survey(case(world(POD, cards=(FULL,))))), "unknown", id="always nearly full"),
        pytest.param(FULL, {}, "unknown", id="what is usual is not known"),
        pytest.param(card(memory_used_bytes=22 * GIB), HALF, "unknown", id="fuller, and not full"),
        pytest.param(card(memory_used_bytes=None), HALF, "unknown", id="cannot be read"),
    ],
)
def test_memory(known: object, steady: Steady, cause: FirstTokenCause) -> None:
    """A lane may fill its card by design: only more than its own steady state is a cause."""
    assert cause == judge(case(world(POD, cards=(known,)), SLOW), steady)  # type: ignore[arg-type]  # a Device


def test_order() -> None:
    """Where all holds at once the surest is named, and each next one when that is taken away."""
    cold = case(world(POD, backend=BUSY, cards=(HOT,)), SLOW, direct(first=0.3), is_cold=True)
    warm = dataclasses.replace(cold, is_cold=False)
    idle = dataclasses.replace(warm, snapshot=world(POD, cards=(HOT,)))
    alone = dataclasses.replace(idle, direct=None)
    shared = dataclasses.replace(alone, snapshot=world(POD, cards=(FULL,), allocations=(given(), given("b-1"))))
    full = dataclasses.replace(alone, snapshot=world(POD, cards=(FULL,)))
    causes = [judge(one, HALF) for one in (cold, warm, idle, alone, shared, full)]
    assert causes == ["cold_start", "queue", "gateway_overhead", "throttling", "co_tenant", "vram"]
    assert {*causes, "none", "unknown"} == set(FIRST_TOKEN_CAUSES)


def test_another_lanes_pod_elsewhere_is_no_tenant() -> None:
    """Who is on another node's card is not on this one."""
    assert judge(case(world(POD, AWAY), SLOW)) == "unknown"


def test_a_lane_that_is_not_known_has_no_tenants() -> None:
    """Where the lane's pods are not known, whose memory is whose cannot be told."""
    known = world(pod(lane="other"), RIVAL, allocations=(given(), given("b-1")))
    assert judge(case(known, probed("slow", first=4.0, status=200))) == "unknown"

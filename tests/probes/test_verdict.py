"""From an outcome and a snapshot to the one layer that explains it."""

import dataclasses
from typing import get_args

import pytest

from exporter.cluster import Controller, Pod, Workloads
from exporter.config import Alias
from exporter.snapshot import Allocation, Allocations, Device, Gpus, Snapshot
from probes.attempt import Attempt
from probes.chat import ErrorFacts
from probes.layers import CAUSES, Cause, lowest_proven
from probes.outcome import OUTCOMES, Outcome
from probes.served import Served
from probes.verdict import root_cause

FAST = Alias(name="fast", lane="lane-a")
DEAD = Attempt(alias="fast", status=500, is_from_gateway=True)
NOTHING = Snapshot(node="n")
POD = Pod(namespace="vllm", name="a-1", uid="u", lane="lane-a", phase="Running", is_ready=True)
RAISED = Controller(namespace="vllm", name="lane-a", desired_replicas=1)
CARD = Device(uuid="GPU-1", index=0)
OTHER_CARD = Device(uuid="GPU-2", index=1, unavailable="lost")


def snapshot(
    *pods: Pod, cards: tuple[Device, ...] = (CARD,), desired: int = 1, ids: tuple[str, ...] = ("GPU-1",)
) -> Snapshot:
    """A node with one lane, its pods, and the cards that its first pod was given."""
    given = Allocation(namespace="vllm", pod="a-1", container="server", resource="nvidia.com/gpu", device_ids=ids)
    return Snapshot(
        node="n",
        gpus=Gpus(source="nvml", devices=cards),
        allocations=Allocations(containers=(given,)),
        workloads=Workloads(pods=pods, controllers=(dataclasses.replace(RAISED, desired_replicas=desired),)),
    )


def pod(**changes: object) -> Pod:
    return dataclasses.replace(POD, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def card(reason: str) -> Device:
    return dataclasses.replace(CARD, unavailable=reason)


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        pytest.param(NOTHING, "backend_process", id="nothing below is known"),
        pytest.param(snapshot(POD), "backend_process", id="the pod runs, the card answers"),
        pytest.param(snapshot(pod(is_ready=False)), "backend_process", id="the pod runs but is not ready"),
        pytest.param(snapshot(), "lane_pod", id="there is no pod"),
        pytest.param(snapshot(desired=0), "lane_pod", id="the lane is parked"),
        pytest.param(
            snapshot(pod(phase="Pending", reason="ContainerCreating")), "lane_pod", id="the pod is not up yet"
        ),
        pytest.param(
            snapshot(pod(phase="Pending", reason="Unschedulable: 0/1 nodes: Insufficient nvidia.com/gpu.")),
            "allocation",
            id="no card is free",
        ),
        pytest.param(
            snapshot(pod(phase="Failed", reason="UnexpectedAdmissionError")), "allocation", id="the kubelet refuses"
        ),
        pytest.param(
            snapshot(POD, pod(name="a-2", phase="Failed", reason="UnexpectedAdmissionError")),
            "backend_process",
            id="an old failed pod beside one that runs",
        ),
        pytest.param(snapshot(POD, cards=(card("lost"),)), "device", id="the card is lost"),
        pytest.param(snapshot(POD, cards=(card("hung"),)), "driver", id="the driver hangs"),
        pytest.param(snapshot(POD, cards=(CARD, OTHER_CARD)), "backend_process", id="another lane's card is lost"),
        pytest.param(snapshot(POD, cards=(CARD, OTHER_CARD), ids=("GPU-2",)), "device", id="its own of two is lost"),
        pytest.param(snapshot(POD, cards=(CARD, OTHER_CARD), ids=("GPU-2::0",)), "device", id="a share of it is lost"),
        pytest.param(snapshot(pod(reason="NodeLost")), "node", id="the node is lost"),
        pytest.param(snapshot(pod(reason="NodeLost"), cards=(card("lost"),)), "node", id="the lowest layer wins"),
    ],
)
def test_refused_lane(known: Snapshot, cause: Cause) -> None:
    """A lane that refuses is the fault of the lowest layer that is proven bad, else of its own process."""
    assert cause == root_cause("lane_refused", DEAD, alias=FAST, snapshot=known).cause


@pytest.mark.parametrize(
    ("outcome", "attempt", "cause"),
    [
        ("ok", Attempt(alias="fast"), "none"),
        ("slow", Attempt(alias="fast"), "first_token"),
        ("fallback", Attempt(alias="fast"), "backend_process"),
        ("wrong_lane", Attempt(alias="fast"), "alias_route"),
        ("dns", Attempt(alias="fast"), "network"),
        ("connect", Attempt(alias="fast", failure_words="Connection refused"), "gateway_process"),
        ("connect", Attempt(alias="fast", failure_words="No route to host"), "network"),
        ("tls", Attempt(alias="fast"), "gateway_process"),
        ("auth", Attempt(alias="fast", status=401), "gateway_key"),
        ("auth", Attempt(alias="fast", status=401, is_from_lane=True), "alias_route"),
        ("bad_route", Attempt(alias="fast"), "alias_route"),
        ("loading", Attempt(alias="fast"), "backend_process"),
        ("stalled", Attempt(alias="fast"), "backend_work"),
        ("timeout_total", Attempt(alias="fast"), "backend_work"),
        ("timeout_first", Attempt(alias="fast", status=408), "backend_work"),
        ("timeout_first", Attempt(alias="fast"), "gateway_process"),
        ("rate_limited", Attempt(alias="fast"), "gateway_key"),
        ("rate_limited", Attempt(alias="fast", is_from_lane=True), "backend_work"),
        ("context_too_long", Attempt(alias="fast"), "backend_process"),
        ("http_4xx", Attempt(alias="fast"), "gateway_process"),
        ("http_4xx", Attempt(alias="fast", is_from_gateway=True), "alias_route"),
        ("http_4xx", Attempt(alias="fast", is_from_lane=True), "gateway_translation"),
        ("http_5xx", Attempt(alias="fast"), "gateway_process"),
        ("http_5xx", Attempt(alias="fast", is_from_lane=True), "backend_process"),
        (
            "http_5xx",
            Attempt(alias="fast", error=ErrorFacts(message="litellm.APIConnectionError: Invalid response object")),
            "gateway_translation",
        ),
        ("truncated", Attempt(alias="fast"), "gateway_process"),
        ("stream_error", Attempt(alias="fast"), "backend_process"),
        ("bad_output", Attempt(alias="fast", is_done=True), "output"),
        ("bad_output", Attempt(alias="fast", failure="not_a_stream"), "gateway_process"),
        ("bad_output", Attempt(alias="fast", failure="bad_chunk", is_from_gateway=True), "gateway_translation"),
        ("skipped_busy", Attempt(alias="fast"), "unknown"),
        ("error", Attempt(alias="fast", failure="error"), "unknown"),
    ],
)
def test_cause_without_a_snapshot(outcome: Outcome, attempt: Attempt, cause: Cause) -> None:
    """Where nothing below is known, the answer itself tells the layer."""
    assert cause == root_cause(outcome, attempt, alias=FAST, snapshot=NOTHING).cause


@pytest.mark.parametrize("outcome", ["ok", "slow", "auth", "bad_route", "dns", "wrong_lane"])
def test_lower_layers_do_not_explain_what_is_above(outcome: Outcome) -> None:
    """A lost card is not why a key is wrong, and a good answer needs no explanation."""
    lost = snapshot(POD, cards=(card("lost"),))
    bare = root_cause(outcome, Attempt(alias="fast"), alias=FAST, snapshot=NOTHING)
    assert bare.cause == root_cause(outcome, Attempt(alias="fast"), alias=FAST, snapshot=lost).cause


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_explained(outcome: Outcome) -> None:
    """Each outcome has a cause out of the list and at least one sentence of evidence."""
    verdict = root_cause(outcome, Attempt(alias="fast"), alias=FAST, snapshot=NOTHING)
    assert verdict.cause in CAUSES
    assert all(verdict.evidence)
    assert verdict.evidence


def test_evidence_is_for_people() -> None:
    """The sentences name what was seen above and what is known below."""
    attempt = dataclasses.replace(DEAD, error=ErrorFacts(message="Connection error."), served=Served())
    verdict = root_cause("lane_refused", attempt, alias=FAST, snapshot=snapshot(POD))
    assert verdict.evidence == (
        "the gateway could not connect to the lane of alias fast (HTTP 500)",
        "the gateway says: Connection error.",
        "lane lane-a: pod vllm/a-1 is Running, ready",
    )


def test_unknown_lane_proves_nothing() -> None:
    """A lane that the cluster does not know may run elsewhere."""
    assert lowest_proven(snapshot(POD), "elsewhere") is None


def test_alias_without_a_lane_still_sees_the_only_card() -> None:
    """On a machine with one card there is no doubt which card serves."""
    verdict = lowest_proven(snapshot(POD, cards=(card("lost"),)), "")
    assert verdict is not None
    assert verdict.cause == "device"


def test_list_of_causes_is_closed() -> None:
    """The list that the metric uses is the type's."""
    assert get_args(Cause) == CAUSES

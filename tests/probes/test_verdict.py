"""From an outcome and a snapshot to the one layer that explains it."""

import dataclasses
import re
from typing import get_args

import msgspec
import pytest

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_path import Alias
from exporter.snapshot import Allocation, Allocations, Device, Gpus, Snapshot
from fakes import alias_world
from fakes.alias_world import (
    answered,
    case,
    direct,
    probed,
    refused,
    server,
    timed_out,
    well,
    without_api,
    without_kubelet,
    world,
)
from probes.attempt import Attempt
from probes.found import ErrorFacts
from probes.layer.case import Case
from probes.layers import CAUSES, Cause
from probes.outcome import OUTCOMES, Outcome
from probes.served import Served
from probes.verdict import judge_layers, root_cause

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


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        pytest.param(snapshot(POD, cards=(card("lost"),)), "device", id="with its card"),
        pytest.param(snapshot(cards=(CARD,)), "backend_process", id="with nothing"),
    ],
)
def test_alias_without_a_lane_still_sees_the_only_card(known: Snapshot, cause: Cause) -> None:
    """On a machine with one card there is no doubt which card serves; of pods nothing can be said."""
    assert cause == root_cause("lane_refused", DEAD, alias=Alias(name="fast"), snapshot=known).cause


def test_unknown_lane_proves_nothing() -> None:
    """A lane that the cluster does not know may run elsewhere."""
    elsewhere = Alias(name="fast", lane="elsewhere")
    assert root_cause("lane_refused", DEAD, alias=elsewhere, snapshot=snapshot(POD)).cause == "backend_process"


BLUNT = msgspec.structs.replace(alias_world.FAST, look_first=False)
COUNTED = msgspec.structs.replace(alias_world.FAST, when_cold="counted")
STOPPED = alias_world.server("stopped")
PARKED = alias_world.world(controllers=(alias_world.controller(desired=0),))
LOST = alias_world.world(alias_world.POD, cards=(alias_world.card(unavailable="lost"),))


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        pytest.param(case(well(), answered()), "none", id="well"),
        pytest.param(case(LOST, answered()), "none", id="well, whatever the card is said to be"),
        pytest.param(
            case(world(alias_world.POD, backend=server("idle", scrape="refused")), answered()),
            "none",
            id="well, and its metrics page is broken",
        ),
        pytest.param(case(well(), answered("slow", first=3)), "first_token", id="slow"),
        pytest.param(case(well(), answered("slow", first=3), is_cold=True), "none", id="slow while the lane is cold"),
        pytest.param(
            case(well(), answered("slow", first=3), is_cold=True, alias=COUNTED),
            "first_token",
            id="cold, and it counts",
        ),
        pytest.param(case(LOST, answered("fallback")), "device", id="its fallback answers, for the card is lost"),
        pytest.param(case(PARKED, answered("fallback")), "lane_pod", id="its fallback answers, for the lane is parked"),
        pytest.param(
            case(well(), answered("fallback"), direct()), "network", id="its fallback, though the lane is well"
        ),
        pytest.param(case(LOST, refused()), "device", id="refused, for the card is lost"),
        pytest.param(case(LOST, refused(), direct()), "network", id="the lane answers us: no card explains it"),
        pytest.param(case(PARKED, refused()), "lane_pod", id="refused, for the lane is parked"),
        pytest.param(case(PARKED, probed("auth", status=401)), "gateway_key", id="a wrong key, and the lane parked"),
        pytest.param(case(PARKED, probed("connect", failure_words="Connection refused")), "gateway_process", id="down"),
        pytest.param(
            case(world(alias_world.POD, backend=STOPPED), timed_out(), direct("timeout_first", first=None)),
            "backend_process",
            id="stopped: it takes connections and answers nothing",
        ),
        pytest.param(case(world(alias_world.POD, backend=server("wedged")), timed_out()), "backend_work", id="wedged"),
        pytest.param(
            case(world(alias_world.POD, backend=server("busy")), timed_out()), "backend_work", id="busy for too long"
        ),
        pytest.param(
            case(world(alias_world.POD, backend=server("busy")), timed_out(), is_repeated=False),
            "none",
            id="a user came just before the probe",
        ),
        pytest.param(
            case(world(alias_world.POD, backend=server("busy")), timed_out(), is_repeated=False, alias=BLUNT),
            "backend_work",
            id="nobody looked before",
        ),
        pytest.param(
            case(
                world(alias_world.POD, backend=server("busy")),
                timed_out(),
                direct("timeout_first", first=None),
                is_repeated=False,
            ),
            "backend_work",
            id="the lane itself let us wait too",
        ),
        pytest.param(
            case(world(alias_world.POD, backend=server("stalled")), timed_out(), is_repeated=False),
            "backend_work",
            id="busy, and nothing moves",
        ),
        pytest.param(
            case(well(), timed_out(status=None, is_from_gateway=False), direct()), "gateway_process", id="gateway hung"
        ),
        pytest.param(case(well(), timed_out(), direct()), "network", id="the way from gateway to lane is dead"),
        pytest.param(
            case(well(), timed_out(), direct(), is_repeated=False), "unknown", id="the same once: somebody had the slot"
        ),
        pytest.param(
            case(well(), probed("stalled", status=200), direct(), is_repeated=False), "unknown", id="it stalled once"
        ),
        pytest.param(
            case(well(), probed("stream_error", status=200, is_from_lane=True), direct()),
            "backend_process",
            id="it broke in the middle, however well it is now",
        ),
        pytest.param(
            case(well(), probed("stalled", status=200), direct()), "gateway_process", id="only the gateway stalls"
        ),
        pytest.param(
            case(LOST, answered("bad_output", flaw="not_finite")), "device", id="nonsense from a card that is broken"
        ),
        pytest.param(
            case(LOST, probed("bad_output", status=200, failure="not_a_stream")),
            "gateway_process",
            id="a page of HTML, and the card lost",
        ),
        pytest.param(
            case(LOST, probed("bad_output", status=302)), "gateway_process", id="a redirect, and the card lost"
        ),
        pytest.param(
            case(well(), probed("http_5xx", status=500, is_from_gateway=True), direct("bad_output", first=None)),
            "output",
            id="the gateway chokes on nonsense of the lane",
        ),
        pytest.param(case(without_api(well()), refused()), "backend_process", id="API server gone: no false cause"),
        pytest.param(case(without_kubelet(well()), refused()), "backend_process", id="kubelet gone: no false cause"),
        pytest.param(case(without_api(well()), answered()), "none", id="API server gone, users served"),
        pytest.param(case(well(), probed("skipped_busy")), "none", id="skipped, and the lane has done its work"),
        pytest.param(
            case(world(alias_world.POD, backend=server("stalled")), probed("skipped_busy")),
            "unknown",
            id="skipped, and the lane stands still",
        ),
        pytest.param(
            case(well(), timed_out(), direct("skipped_busy", first=None), is_repeated=False),
            "none",
            id="a user came just before the probe, and is served",
        ),
        pytest.param(
            case(well(), timed_out(), direct("skipped_busy", first=None)),
            "backend_work",
            id="the same twice in a row",
        ),
        pytest.param(
            case(world(alias_world.POD, backend=server("busy")), probed("skipped_busy")), "none", id="works for users"
        ),
        pytest.param(
            case(world(alias_world.POD, backend=server("busy"), is_gateway_alive=False), probed("skipped_busy")),
            "unknown",
            id="works for somebody, and the gateway is silent",
        ),
        pytest.param(case(LOST), "unknown", id="not probed yet"),
    ],
)
def test_root_cause(case: Case, cause: Cause) -> None:
    """The lowest layer proven bad that could make what was seen; what is well, or above it, has none below."""
    assert cause == judge_layers(case).cause


def test_broken_metrics_page_is_a_finding_of_its_own() -> None:
    """A lane that serves and cannot be scraped has a finding, and every layer is well."""
    verdict = judge_layers(case(world(alias_world.POD, backend=server("idle", scrape="forbidden")), answered()))
    assert verdict.findings == ("the metrics page of lane lane-a is forbidden: its serving is not concerned",)
    assert {finding.state for finding in verdict.layers.values()} == {"ok"}


def test_evidence_holds_no_address() -> None:
    """What a gateway says of its lanes' addresses is not passed on."""
    said = ErrorFacts(message="Cannot connect to host 10.42.0.7:8080 at http://lane-a.vllm.svc:8080/v1 [::1]:99")
    verdict = judge_layers(case(well(), refused(error=said, served=Served(api_base="http://10.1.2.3/v1"))))
    assert not re.search(r"10\.|http:|8080|::1", repr(verdict))


def test_list_of_causes_is_closed() -> None:
    """The list that the metric uses is the type's."""
    assert get_args(Cause) == CAUSES

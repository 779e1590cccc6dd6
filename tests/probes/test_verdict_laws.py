"""What holds of every verdict, whatever is broken: laws over made-up worlds."""

import dataclasses
from random import Random
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from exporter.backend import BACKEND_STATES
from exporter.cluster import Nodes
from exporter.snapshot import Snapshot
from fakes.alias_world import (
    BACKEND,
    CARD,
    POD,
    RIVAL,
    card,
    case,
    controller,
    direct,
    info,
    pod,
    probed,
    server,
    world,
)
from probes.first_token_cause import FIRST_TOKEN_CAUSES, first_token_cause
from probes.found import ErrorFacts
from probes.layer.case import Case, Probed, survey
from probes.layers import CAUSES, LAYERS, Layer
from probes.outcome import OUTCOMES, Outcome
from probes.verdict import judge_layers

PODS = (
    POD,
    pod(is_ready=False),
    pod(name="a-2", phase="Pending", node="", is_ready=False, reason="Unschedulable: Insufficient nvidia.com/gpu"),
    pod(name="a-3", phase="Failed", is_ready=False, reason="UnexpectedAdmissionError"),
    pod(name="a-4", is_terminating=True),
    RIVAL,
)
CARDS = (CARD, card(unavailable="lost"), card(unavailable="hung"), card(recovery_action="reset_gpu"))
INFOS = (info(), info(is_ready=False), info(is_ready=None), info(allocatable={"nvidia.com/gpu": 0.0}))
OF_PARTS: dict[str, tuple[Layer, ...]] = {  # part of the snapshot -> layers that only it can prove bad
    "gpus": ("device",),
    "workloads": ("lane_pod",),
    "backends": ("backend_work",),
}
LANE: tuple[str, ...] = LAYERS[: LAYERS.index("network")]
TOLD_BY_THE_LANE = ("context_too_long", "rate_limited")  # which answers, and so says itself what is wrong
ERRORS = (
    ErrorFacts(message="No deployments available for selected model, Try again in 5 seconds."),
    ErrorFacts(message="litellm.APIConnectionError: Invalid response object"),
)
ELSEWHERE = dataclasses.replace(RIVAL, name="z-1", lane="lane-z", node="elsewhere", labels={}, phase="Failed")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    pods = draw(st.lists(st.sampled_from(PODS), unique_by=lambda one: one.name, max_size=4))
    return world(
        *pods,
        cards=(draw(st.sampled_from(CARDS)),),
        controllers=(controller(desired=draw(st.integers(0, 1))),),
        nodes=(draw(st.sampled_from(INFOS)),),
        backend=server(draw(st.sampled_from(BACKEND_STATES))),
        is_gateway_alive=draw(st.sampled_from([True, False, None])),
    )


def answers(outcomes: tuple[Outcome, ...] = OUTCOMES) -> st.SearchStrategy[Probed]:
    facts = st.fixed_dictionaries(
        {
            "status": st.sampled_from([None, 200, 302, 400, 408, 429, 500, 501, 503]),
            "error": st.sampled_from([None, *ERRORS]),
            "is_from_gateway": st.booleans(),
            "is_from_lane": st.booleans(),
            "flaw": st.sampled_from([None, "empty", "bad_body"]),
            "failure": st.sampled_from([None, "closed", "bad_chunk"]),
            "first": st.sampled_from([None, 0.3, 4.0]),
        }
    )
    return st.builds(lambda outcome, some: probed(outcome, **some), st.sampled_from(outcomes), facts)


def cases(outcomes: tuple[Outcome, ...] = OUTCOMES) -> st.SearchStrategy[Case]:
    past_it = st.none() | st.sampled_from([direct(), direct("connect", first=None), direct("bad_output", first=None)])
    skipped = st.none() | st.sampled_from([one for one in OUTCOMES if one.startswith("skipped_")])
    return st.builds(
        lambda snapshot, gateway, lane, skip: case(snapshot, gateway, lane, skipped=skip),
        snapshots(),
        st.none() | answers(outcomes),
        past_it,
        skipped,
    )


@given(judged=cases())
def test_lists_are_closed(judged: Case) -> None:
    """Every layer is told in its order, the cause is out of the list, and there is evidence for it."""
    verdict = judge_layers(judged)
    assert (tuple(verdict.layers), verdict.cause in CAUSES, bool(verdict.evidence)) == (LAYERS, True, True)
    assert all(sentence for finding in verdict.layers.values() for sentence in finding.evidence)
    late = first_token_cause(judged, survey(judged), {})
    assert late is None or late.cause in FIRST_TOKEN_CAUSES


@given(judged=cases())
def test_cause_is_bad(judged: Case) -> None:
    """Whoever reads that a layer explains it reads of no other state of that layer than bad."""
    verdict = judge_layers(judged)
    assert verdict.cause in {"none", "unknown"} or verdict.layers[cast("Layer", verdict.cause)].state == "bad"


@given(judged=cases(("ok",)))
def test_what_is_well_has_no_cause(judged: Case) -> None:
    """Of an alias that answers well nothing below is the cause, whatever it shows."""
    expected = {"none"} if judged.gateway is not None else {"none", "unknown"}
    assert judge_layers(judged).cause in expected


@given(judged=cases(), part=st.sampled_from(sorted(OF_PARTS)))
def test_blindness_proves_nothing(judged: Case, part: str) -> None:
    """What cannot be read is never bad: without a part of the snapshot its layers are bad only by the answer."""
    nothing: dict[str, Any] = {part: None}
    blind = dataclasses.replace(judged, direct=None, snapshot=dataclasses.replace(judged.snapshot, **nothing))
    verdict = judge_layers(blind)
    bad = [layer for layer in OF_PARTS[part] if verdict.layers[layer].state == "bad"]
    assert bad in ([], [verdict.told_alone])


@given(judged=cases(), turn=st.randoms(use_true_random=False))
def test_order_does_not_matter(judged: Case, turn: Random) -> None:
    """Pods are told in any order."""
    snapshot = judged.snapshot
    assert snapshot.workloads is not None
    pods = list(snapshot.workloads.pods)
    turn.shuffle(pods)
    turned = dataclasses.replace(snapshot, workloads=dataclasses.replace(snapshot.workloads, pods=tuple(pods)))
    assert judge_layers(judged).cause == judge_layers(dataclasses.replace(judged, snapshot=turned)).cause


@given(judged=cases())
def test_what_is_not_the_lanes_explains_nothing(judged: Case) -> None:
    """Another node that is down with a lost card, another lane's failed pod and dead server change no cause."""
    snapshot = judged.snapshot
    assert snapshot.workloads is not None
    assert snapshot.nodes is not None
    assert snapshot.backends is not None
    busy_elsewhere = dataclasses.replace(
        snapshot,
        workloads=dataclasses.replace(snapshot.workloads, pods=(*snapshot.workloads.pods, ELSEWHERE)),
        nodes=Nodes(nodes=(*snapshot.nodes.nodes, info(name="elsewhere", is_ready=False, capacity={}))),
        backends=dataclasses.replace(
            snapshot.backends,
            by_lane={**snapshot.backends.by_lane, "lane-z": dataclasses.replace(BACKEND, lane="lane-z", state="down")},
        ),
    )
    assert judge_layers(judged).cause == judge_layers(dataclasses.replace(judged, snapshot=busy_elsewhere)).cause


@given(judged=cases(tuple(one for one in OUTCOMES if one not in TOLD_BY_THE_LANE)))
def test_the_lowest_explains(judged: Case) -> None:
    """Where the cause lies in the lane, no layer below it is proven bad."""
    verdict = judge_layers(judged)
    below = LANE[: LANE.index(verdict.cause)] if verdict.cause in LANE else ()
    assert not [layer for layer in below if verdict.layers[cast("Layer", layer)].state == "bad"]

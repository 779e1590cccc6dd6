"""Which layer explains what the last probe of an alias saw: every layer's state, one cause, and the evidence.

Pure. The cause is the lowest layer that is proven bad and could make what was seen; where none is proven, the answer
itself tells, and is the proof. An alias that is well has no cause, whatever else is broken. What answered us directly
is not why the gateway fails. Wrong for a while it may be, for a snapshot is a little older or younger than the probe:
never for long.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.config_path import Alias
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.layer import node, path, pod, server
from probes.layer.case import Case, Ground, Probed, survey
from probes.layers import CAUSES, LAYERS, AliasVerdict, Cause, Finding, Layer, Verdict, broken
from probes.outcome import Outcome, is_set_aside
from probes.symptom import describe

__all__ = ["CAUSES", "NOT_PROBED", "Case", "Cause", "Probed", "Verdict", "judge_layers", "root_cause"]

NOT_PROBED: Final = Verdict("unknown", ("not probed yet",))

_JUDGES: Final[Mapping[Layer, Callable[[Case, Ground], Finding]]] = {
    "node": node.judge_node,
    "driver": node.judge_driver,
    "device": node.judge_device,
    "allocation": pod.judge_allocation,
    "lane_pod": pod.judge_pod,
    "backend_process": server.judge_process,
    "backend_work": server.judge_work,
    "network": path.judge_network,
    "gateway_process": path.judge_gateway,
    "gateway_key": path.judge_key,
    "alias_route": path.judge_route,
    "gateway_translation": path.judge_translation,
    "first_token": path.judge_first_token,
    "output": path.judge_output,
}
_LANE: Final[tuple[Layer, ...]] = (
    "node",
    "driver",
    "device",
    "allocation",
    "lane_pod",
    "backend_process",
    "backend_work",
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The layers that can make an outcome, the lowest first, and what it means where none of them is proven bad."""

    layers: tuple[Layer, ...]
    otherwise: Callable[[Case], Cause]
    is_momentary: bool = False  # the lane broke then, however well it answers now


def judge_layers(case: Case) -> AliasVerdict:
    """Return every layer under the alias, and the one that explains its last probe."""
    ground = survey(case)
    layers = {layer: judge(case, ground) for layer, judge in _JUDGES.items()}
    verdict = _judge(case, ground, layers)
    alone = next((layer for layer in LAYERS if layer == verdict.cause and layers[layer].state != "bad"), None)
    return AliasVerdict(
        alias=case.alias.name,
        cause=verdict.cause,
        evidence=verdict.evidence,
        layers=layers if alone is None else {**layers, alone: broken(*verdict.evidence)},
        told_alone=alone,
        findings=server.scrape_findings(case, ground),
    )


def root_cause(outcome: Outcome, attempt: Attempt, *, alias: Alias, snapshot: Snapshot) -> Verdict:
    """Return the layer that explains one attempt through the gateway, seen with what `snapshot` knows."""
    case = Case(alias=alias, snapshot=snapshot, now=attempt.ended_at, gateway=Probed(attempt, outcome))
    verdict = judge_layers(case)
    return Verdict(verdict.cause, verdict.evidence)


def _judge(case: Case, ground: Ground, layers: Mapping[Layer, Finding]) -> Verdict:
    is_moving = _serves_users(case, ground)
    if case.gateway is None:
        return Verdict("none", _MOVING) if is_moving else NOT_PROBED
    seen = describe(case.gateway.outcome, case.gateway.attempt, case.alias)
    cause = _cause(case, layers)
    if is_moving and (cause in _LANE or cause == "unknown"):
        return Verdict("none", (*seen, *_MOVING))
    if cause in {"none", "unknown"}:
        return Verdict(cause, seen)
    return Verdict(cause, (*seen, *_evidence(case, layers, cause)))


def _is_whole(attempt: Attempt) -> bool:
    return attempt.failure is None and attempt.status in {200, None}


def _serves_users(case: Case, ground: Ground) -> bool:
    """Whether the lane was seen busy and moving since the last probe, or is while one that ran out of time stands.

    What broke in it before works again. Of the gateway it proves nothing: others may have other keys, or go past it.
    """
    if ground.backend is None or (case.snapshot.backends and case.snapshot.backends.is_gateway_alive is False):
        return False
    skipped = case.skipped or (case.gateway.outcome if case.gateway else None)
    is_since = skipped == "skipped_busy" or (case.is_outrun and case.witness is not None)
    state = ground.backend.state
    return (state == "busy" and (is_since or case.is_outrun)) or (state == "idle" and is_since)


def _cause(case: Case, layers: Mapping[Layer, Finding]) -> Cause:
    rule = _rule(case)
    is_lane_cleared = case.is_answered_directly and not rule.is_momentary
    able = (layer for layer in rule.layers if not (is_lane_cleared and layer in _LANE))
    return next((layer for layer in able if layers[layer].state == "bad"), None) or rule.otherwise(case)


def _evidence(case: Case, layers: Mapping[Layer, Finding], cause: Cause) -> tuple[str, ...]:
    """Return the sentences of the layer that explains, and what is known of the pod below it."""
    own = next((finding.evidence for layer, finding in layers.items() if layer == cause), ())
    if cause not in ("backend_process", "backend_work"):
        return own
    below = layers["lane_pod"].evidence or (f"lane {case.alias.lane}: its pods are not known here",)
    return tuple(dict.fromkeys((*own, *below)))


def _rule(case: Case) -> _Rule:
    asked = case.gateway
    if asked is None:
        return _always("unknown")
    if not asked.is_good and path.is_mistranslated(asked.attempt):
        return _MISTRANSLATED
    if asked.outcome == "bad_output" and (path.is_foreign(asked.attempt) or not _is_whole(asked.attempt)):
        return _UNREADABLE
    if asked.outcome == "lane_refused" and is_set_aside(asked.attempt):
        return _SET_ASIDE
    return _RULES[asked.outcome]


def _always(cause: Cause, *layers: Layer) -> _Rule:
    return _Rule(layers, lambda _: cause)


def _attempt(case: Case) -> Attempt:
    return case.gateway.attempt if case.gateway else Attempt(alias=case.alias.name)


def _of_connect(case: Case) -> Cause:
    """A refusal comes from a host that is there; anything else is the way to it."""
    return "gateway_process" if _attempt(case).failure_words == path.REFUSED else "network"


def _of_auth(case: Case) -> Cause:
    return "alias_route" if _attempt(case).is_from_lane else "gateway_key"


def _of_limit(case: Case) -> Cause:
    return "backend_work" if _attempt(case).is_from_lane else "gateway_key"


def _of_4xx(case: Case) -> Cause:
    if _attempt(case).is_from_lane:
        return "gateway_translation"
    return "alias_route" if _attempt(case).is_from_gateway else "gateway_process"


def _of_5xx(case: Case) -> Cause:
    return "backend_process" if _attempt(case).is_from_lane else "gateway_process"


def _of_silence(case: Case) -> Cause:
    """A gateway that works gives up at the limit that we sent it; one that is silent beyond it hangs itself."""
    if _attempt(case).status is None:
        return "gateway_process"
    return "unknown" if case.is_answered_directly else "backend_work"


def _of_set_aside(case: Case) -> Cause:
    """A lane that was put aside is judged by what it says itself; that it answers well shows only that it may again."""
    return _OF_DIRECT.get(case.witness.outcome, "unknown") if case.witness else "unknown"


def _of_unreadable(case: Case) -> Cause:
    return "gateway_translation" if _attempt(case).is_from_gateway else "gateway_process"


def _unless_cleared(cause: Cause, otherwise: Cause) -> Callable[[Case], Cause]:
    """Return `cause`, or where the lane itself answered well at that time `otherwise`, once it happens again."""

    def decide(case: Case) -> Cause:
        if not case.is_answered_directly:
            return cause
        return otherwise if case.is_repeated else "unknown"

    return decide


_MOVING: Final = ("the lane was seen busy and moving: it works for users",)
_MISTRANSLATED: Final = _always("gateway_translation", "gateway_translation")
_UNREADABLE: Final = _Rule(("gateway_process", "output"), _of_unreadable)
_SET_ASIDE: Final = _Rule((*_LANE, "alias_route"), _of_set_aside)
_OF_DIRECT: Final[Mapping[Outcome, Cause]] = {
    "rate_limited": "backend_work",
    "context_too_long": "backend_process",
    "http_4xx": "backend_process",
    "bad_output": "output",
}
_RULES: Final[Mapping[Outcome, _Rule]] = {
    "ok": _always("none"),
    "slow": _Rule((), lambda case: "none" if case.is_excused else "first_token"),
    "wrong_lane": _always("alias_route"),
    "dns": _always("network"),
    "connect": _Rule((), _of_connect),
    "tls": _always("gateway_process"),
    "auth": _Rule((), _of_auth),
    "rate_limited": _Rule((), _of_limit),
    "bad_route": _always("alias_route"),
    "context_too_long": _always("backend_process"),
    "http_4xx": _Rule(("gateway_process", "alias_route", "gateway_translation"), _of_4xx),
    "http_5xx": _Rule((*_LANE, "alias_route", "gateway_translation", "output", "gateway_process"), _of_5xx),
    "bad_output": _always("output", "node", "driver", "device", "gateway_translation", "output"),
    "error": _always("unknown"),
    "fallback": _Rule(_LANE, lambda case: "network" if case.is_answered_directly else "backend_process"),
    "lane_refused": _Rule((*_LANE, "network", "alias_route"), _unless_cleared("backend_process", "network")),
    "loading": _Rule(_LANE, lambda _: "backend_process", is_momentary=True),
    "stream_error": _Rule(_LANE, lambda _: "backend_process", is_momentary=True),
    "stalled": _Rule(_LANE, _unless_cleared("backend_work", "gateway_process")),
    "timeout_total": _Rule(_LANE, _unless_cleared("backend_work", "gateway_process")),
    "timeout_first": _Rule((*_LANE, "network", "gateway_process"), _of_silence),
    # a lane that dies is told by an `error` event; silence is the gateway's
    "truncated": _Rule((*_LANE, "gateway_process"), lambda _: "gateway_process"),
    "skipped_busy": _always("unknown"),
    "skipped_budget": _always("unknown"),
    "skipped_unloaded": _always("unknown"),
}

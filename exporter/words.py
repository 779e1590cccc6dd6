"""The layers under an alias and the words in which the page speaks of each when it fails: for people, not for rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LayerWords:
    """A layer's short name, for a light, and the sentence that ends «alias: ...» when it is the cause."""

    short: str
    failed: str


LAYERS: Final[Mapping[str, LayerWords]] = {  # the lowest first
    "node": LayerWords("node", "its node is not well"),
    "driver": LayerWords("driver", "the driver of its cards does not answer"),
    "device": LayerWords("card", "its card is lost or does not answer"),
    "allocation": LayerWords("allocation", "no card is given to its lane"),
    "lane_pod": LayerWords("pod", "the pod of its lane does not run as it should"),
    "backend_process": LayerWords("server", "the server of its lane fails"),
    "backend_work": LayerWords("work", "the server of its lane answers, and its work does not move"),
    "network": LayerWords("network", "the way to it is broken: a name or an address"),
    "gateway_process": LayerWords("gateway", "the gateway itself fails"),
    "gateway_key": LayerWords("key", "the gateway refuses our key or our rate"),
    "alias_route": LayerWords("route", "the gateway sends it nowhere, or to the wrong lane"),
    "gateway_translation": LayerWords("translation", "the gateway does not understand what its lane answers well"),
    "first_token": LayerWords("first token", "it answers too late"),
    "output": LayerWords("output", "it answers, and the answer is no use"),
}
_LATE: Final[Mapping[str, str]] = {
    "throttling": "the card is held back by heat or power",
    "co_tenant": "somebody else is on the card",
    "vram": "the card is fuller than usual",
    "cold_start": "the lane had just started",
    "queue": "it waited for a slot",
    "gateway_overhead": "the gateway took the time",
    "unknown": "nothing explains it",
}
_LEFT_ALONE: Final[Mapping[str, str]] = {
    "skipped_busy": "its lane works for users, so it was not asked",
    "skipped_budget": "its budget of tokens is used up, so it was not asked",
    "skipped_unloaded": "its model is not loaded, so it was not asked",
}


def explain(outcome: str, cause: str) -> str:
    """Return in words what the last probe and the verdict say of an alias."""
    if not outcome:
        return "not asked yet"
    if cause in LAYERS:
        return LAYERS[cause].failed
    if outcome in _LEFT_ALONE:
        return _LEFT_ALONE[outcome]
    if cause == "unknown":
        return "it does not answer well, and why cannot be told yet"
    return "answers, served by a fallback" if outcome == "fallback" else "answers"


def explain_late(cause: str) -> str:
    """Return in words why a first token came late; empty: it did not."""
    return _LATE.get(cause, "")

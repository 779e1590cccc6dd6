"""The way above the lane, as the last probe went it: network, gateway, key, route, translation, and the answer itself.

A layer that the probe did not come to is not looked at; what it went through without a stop is well.
"""

import errno
import os
from typing import Final

from probes.attempt import Attempt
from probes.layer.case import Case, Ground, Probed
from probes.layers import Finding, broken, not_looked_at, unknown, well
from probes.outcome import POLICY, is_set_aside, measured, misses, threshold
from probes.served import contradicts
from probes.symptom import quote

REFUSED: Final = os.strerror(errno.ECONNREFUSED)
_MISTRANSLATED: Final = "Invalid response object"
_NOT_REACHED: Final = frozenset({"dns", "connect", "tls", "error"})
_NOT_TOLD: Final = frozenset({"skipped_busy", "skipped_budget", "skipped_unloaded", "error"})
_NOT_A_GATEWAY: Final = frozenset({"http_4xx", "http_5xx", "bad_output", "truncated"})
_NOT_IMPLEMENTED: Final = 501  # what a lane says that was started for another kind of work


def is_answered(asked: Probed) -> bool:
    """Whether there is an answer to speak of."""
    return POLICY[asked.outcome].is_answered


def is_mistranslated(attempt: Attempt) -> bool:
    """Whether the gateway says that it could not read what its lane answered."""
    return attempt.error is not None and _MISTRANSLATED in attempt.error.message


def is_other_kind(attempt: Attempt) -> bool:
    """Whether the lane says that it was started for another kind of work."""
    return attempt.is_from_lane and attempt.status == _NOT_IMPLEMENTED


def is_foreign(attempt: Attempt) -> bool:
    """Whether something without the gateway's headers answers what is no JSON of this kind of work."""
    return attempt.flaw == "bad_body" and not (attempt.is_from_gateway or attempt.is_from_lane)


def judge_network(case: Case, _: Ground) -> Finding:
    """Judge the way from us to the gateway, and from there to the lane."""
    asked = case.gateway
    if asked is None or asked.outcome in _NOT_TOLD:
        return not_looked_at()
    if asked.outcome == "dns" or (asked.outcome == "connect" and asked.attempt.failure_words != REFUSED):
        return broken(f"the gateway cannot be reached: {quote(asked.attempt.failure_words) or asked.outcome}")
    if is_set_aside(asked.attempt):
        return unknown("the gateway asks no lane for now, and so the way to it was not seen")
    if case.is_answered_directly and (asked.outcome == "lane_refused" or asked.attempt.status in {408, 504}):
        said = "the lane answers us, and the gateway does not reach it: the network, or its `api_base`"
        return broken(said) if case.is_repeated else unknown(f"{said}; or the lane had a short moment")
    if asked.attempt.is_from_lane or is_answered(asked):
        return well("the lane's answer came through the gateway")
    return unknown("the gateway was reached; whether it reaches the lane was not seen")


def judge_gateway(case: Case, _: Ground) -> Finding:
    """Judge the gateway's own process: by what it answered, else by its liveliness page."""
    asked = case.gateway
    if asked is not None and asked.outcome not in _NOT_TOLD:
        seen = _gateway_fault(asked)
        if seen:
            return broken(seen, *_liveliness(case))
        if _fails_by_itself(asked) and case.is_answered_directly:
            said = f"the gateway answers {_status(asked.attempt)} by itself, and the lane answers us well"
            return broken(said) if case.is_repeated else unknown(said)
        if asked.attempt.is_from_gateway or is_answered(asked):
            return well("the gateway answered")
    alive = case.snapshot.backends.is_gateway_alive if case.snapshot.backends else None
    if alive is None:
        return not_looked_at() if asked is None or asked.outcome in _NOT_TOLD else unknown("the gateway did not answer")
    return well(*_liveliness(case)) if alive else broken(*_liveliness(case))


def judge_key(case: Case, _: Ground) -> Finding:
    """Judge the key that we show the gateway."""
    asked = case.gateway
    if asked is None or asked.attempt.status is None or asked.outcome in _NOT_TOLD:
        return not_looked_at()
    if asked.outcome in {"auth", "rate_limited"} and not asked.attempt.is_from_lane:
        return broken(f"the gateway refuses the key with HTTP {asked.attempt.status}")
    is_past = asked.attempt.is_from_gateway or asked.attempt.is_from_lane or is_answered(asked)
    return well("the gateway took the key") if is_past else unknown("what answered is no gateway that asks for a key")


def judge_route(case: Case, _: Ground) -> Finding:
    """Judge whether the gateway sends the alias to the lane that is promised, with a key that this one takes."""
    asked = case.gateway
    if asked is None or asked.attempt.status is None or asked.outcome in _NOT_TOLD:
        return not_looked_at()
    fault = _route_fault(asked, case)
    if fault:
        return broken(fault)
    if asked.outcome in {"auth", "rate_limited"}:
        return not_looked_at()
    if asked.attempt.is_from_lane or is_answered(asked):
        return well("the gateway sent the alias to a lane that answered")
    return unknown("where the gateway sends the alias is not told")


def judge_translation(case: Case, _: Ground) -> Finding:
    """Judge whether the gateway can read its lane, and the lane the gateway."""
    asked = case.gateway
    if asked is None or asked.attempt.status is None or asked.outcome in _NOT_TOLD:
        return not_looked_at()
    if is_mistranslated(asked.attempt):
        return broken("the gateway cannot read what its lane answers")
    is_through = asked.attempt.is_from_gateway or asked.attempt.is_from_lane
    is_refused = is_through and asked.outcome in {"http_4xx", "http_5xx", "bad_output"} and not _fails_by_itself(asked)
    if is_refused and case.is_answered_directly:
        return broken("the same question was answered well by the lane itself")
    if asked.outcome == "http_4xx" and asked.attempt.is_from_lane:
        return broken(f"the lane refuses what the gateway made of the question with HTTP {asked.attempt.status}")
    return well("the answer came through") if is_answered(asked) else not_looked_at()


def judge_first_token(case: Case, _: Ground) -> Finding:
    """Judge whether the answer came within the promised times."""
    asked = case.gateway
    if asked is None or not is_answered(asked):
        return not_looked_at()
    late = sorted(misses(asked.attempt, case.alias))
    times = measured(asked.attempt, case.alias)
    if late and case.is_excused:
        return well("the lane had just started: its times do not count")
    if late:
        return broken(*(f"{slo}: {times[slo]:.3f} s, promised is {threshold(case.alias, slo):g} s" for slo in late))
    return well(*(f"{slo}: {seconds:.3f} s" for slo, seconds in times.items()))


def judge_output(case: Case, _: Ground) -> Finding:
    """Judge what the answer says; nonsense that the lane itself says is no fault of the gateway."""
    asked, witness = case.gateway, case.witness
    if witness is not None and witness.outcome == "bad_output":
        return broken(f"asked directly, the lane's answer is not what was asked for: {_flaw(witness.attempt)}")
    if asked is None or asked.attempt.status != 200 or asked.outcome in _NOT_TOLD:
        return not_looked_at()
    if is_answered(asked):
        return well("the answer is what was asked for")
    if asked.outcome != "bad_output" or asked.attempt.failure is not None or is_foreign(asked.attempt):
        return not_looked_at()
    if case.is_answered_directly:
        return well("the lane's own answer is what was asked for")
    return broken(f"the answer is whole and not what was asked for: {_flaw(asked.attempt)}")


def _gateway_fault(asked: Probed) -> str:
    attempt, outcome = asked.attempt, asked.outcome
    if outcome == "connect" and attempt.failure_words == REFUSED:
        return "the gateway's host refuses connections"
    if outcome == "tls":
        return f"TLS with the gateway fails: {quote(attempt.failure_words)}"
    is_strange = not (attempt.is_from_gateway or attempt.is_from_lane) and (not attempt.flaw or is_foreign(attempt))
    if outcome in _NOT_A_GATEWAY and is_strange and not is_mistranslated(attempt):
        return f"something else answers in the gateway's place: {_status(attempt)}"
    return ""


def _fails_by_itself(asked: Probed) -> bool:
    """Whether the gateway fails before any lane answered it."""
    attempt = asked.attempt
    is_own = attempt.is_from_gateway and not attempt.is_from_lane and not is_mistranslated(attempt)
    return asked.outcome == "http_5xx" and is_own


def _route_fault(asked: Probed, case: Case) -> str:
    """Return what is wrong with where the gateway sends the alias, as far as its answer shows it."""
    alias, attempt = case.alias.name, asked.attempt
    is_refused_by_gateway = asked.outcome == "http_4xx" and attempt.is_from_gateway and not attempt.is_from_lane
    is_elsewhere = case.lane is not None and contradicts(attempt.served, case.lane)
    faults = {
        "the lane refuses the key that the gateway holds for it": asked.outcome == "auth" and attempt.is_from_lane,
        "asked directly, the lane refuses the key that is meant for it": _is_key_refused_directly(asked, case),
        f"the gateway does not know alias {alias}": asked.outcome == "bad_route",
        f"another lane than {case.alias.lane} answered for alias {alias}": asked.outcome == "wrong_lane",
        f"the lane behind alias {alias} was started for another kind of work": is_other_kind(attempt),
        f"the gateway refuses alias {alias} with HTTP {attempt.status}": is_refused_by_gateway,
        f"the gateway sends alias {alias} elsewhere than to its lane": is_elsewhere and not attempt.served.fallbacks,
    }
    return next((words for words, holds in faults.items() if holds), "")


def _is_key_refused_directly(asked: Probed, case: Case) -> bool:
    """Whether the lane shows why it was put aside; who asks it without a key learns nothing of the gateway's."""
    has_key = case.lane is not None and bool(case.lane.key_file or case.lane.key_variable)
    return has_key and is_set_aside(asked.attempt) and case.witness is not None and case.witness.outcome == "auth"


def _flaw(attempt: Attempt) -> str:
    return attempt.flaw or quote(attempt.failure_words) or "no tokens"


def _liveliness(case: Case) -> tuple[str, ...]:
    words = case.snapshot.backends.gateway_evidence if case.snapshot.backends else ""
    return (quote(words),) if words else ()


def _status(attempt: Attempt) -> str:
    return f"HTTP {attempt.status}" if attempt.status else "no answer"

"""Why the first token of an answer came too late: one cause out of a closed list.

Pure. What the answer itself tells goes before what only was so at the time, and what happens by order before faults:

    cold_start         the lane's server had just started
    queue              the probe waited for a slot: the server says so, or was seen busy with others waiting
    gateway_overhead   the gateway tried another time first, took the time itself, or the lane alone was in time
    throttling         heat, a power brake or a lowered power limit slowed the lane's card
    co_tenant          somebody else is on the lane's card
    vram               the card is nearly full, and fuller than when the lane was last in time
    unknown            none of these is proven
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from exporter.snapshot import Device, NodeView
from probes.layer.case import Case, Ground
from probes.outcome import POLICY, threshold

FirstTokenCause = Literal[
    "none", "throttling", "co_tenant", "vram", "cold_start", "queue", "gateway_overhead", "unknown"
]
FIRST_TOKEN_CAUSES: Final[tuple[FirstTokenCause, ...]] = get_args(FirstTokenCause)

_SHARE: Final = 0.5  # of the lateness: who makes half of it is named
# Idle, set clocks, sync boost and display slow nothing that is wanted; a card at its power limit under load is at work.
_SLOWED_BY: Final = ("sw_thermal", "hw_thermal", "hw_slowdown", "power_brake")
_AT_THE_LIMIT: Final = 0.9  # of the power limit: a cap below that is not the card's own work
_FULL: Final = 0.95
_FULLER: Final = 0.01  # of the whole memory, over the lane's own steady state
_SMALLEST_TENANT: Final = 128 << 20  # bytes; monitors hold less
_PARTS_OF_OTHERS: Final = frozenset({"pods", "host", "dead"})
_WAITED: Final = frozenset({"timeout_first"})


@dataclass(frozen=True, slots=True)
class FirstTokenVerdict:
    """What explains a late first token; none: it came in time."""

    cause: FirstTokenCause
    evidence: tuple[str, ...] = ()


Steady = Mapping[str, int]
"""Memory in use of each card, by UUID, when the lane was in time last."""


def first_token_cause(case: Case, ground: Ground, steady: Steady) -> FirstTokenVerdict | None:
    """Return why the last first token came late; None where there is none to speak of."""
    limit, asked = threshold(case.alias, "first_token"), case.gateway
    if asked is None or limit is None or not (POLICY[asked.outcome].is_answered or asked.outcome in _WAITED):
        return None
    first = asked.attempt.first_token
    if first is not None and first <= limit:
        return FirstTokenVerdict("none")
    late = (first if first is not None else asked.attempt.seconds) - limit
    for cause, find in _FINDERS.items():
        evidence = tuple(find(case, ground, steady, late))
        if evidence:
            return FirstTokenVerdict(cause, evidence)
    return FirstTokenVerdict("unknown", ("neither the lane, nor the gateway, nor the card tells why",))


def used_now(ground: Ground) -> dict[str, int]:
    """Return the memory in use of each card of the lane: its steady state, while it is in time."""
    return {card.uuid: card.memory_used_bytes for card in ground.cards if card.memory_used_bytes is not None}


def _cold(case: Case, _ground: Ground, _steady: Steady, _late: float) -> Iterator[str]:
    if case.is_cold:
        yield "the lane's server had just started"


def _queue(case: Case, ground: Ground, _steady: Steady, late: float) -> Iterator[str]:
    waited = case.gateway.attempt.queue_seconds if case.gateway else None
    if waited is not None:
        if waited >= late * _SHARE:
            yield f"the probe waited {waited:.3f} s for a slot"
        return
    backend = ground.backend
    if (
        backend is not None
        and backend.state == "busy"
        and ((backend.engine.waiting or 0) > 0 or _is_full(backend.slots))
    ):
        waiting = backend.engine.waiting
        yield "the lane was busy" + ("" if waiting is None else f", {waiting:g} requests waited")


def _overhead(case: Case, _ground: Ground, _steady: Steady, late: float) -> Iterator[str]:
    asked, direct = case.gateway, case.direct
    if asked is None:
        return
    tries = asked.attempt.served.retries + asked.attempt.served.fallbacks
    if tries:
        yield f"the gateway tried {tries} times in vain before it was answered"
    taken = asked.attempt.served.overhead_seconds
    if not tries and taken is not None and taken >= late * _SHARE:
        yield f"the gateway says that it took {taken:.3f} s itself"
    first, alone = asked.attempt.first_token, direct.attempt.first_token if direct else None
    is_of_then = direct is not None and abs(direct.attempt.started_at - asked.attempt.started_at) <= (
        case.alias.interval_seconds * 1.5
    )
    if is_of_then and first is not None and alone is not None and first - alone >= late * _SHARE:
        limit = threshold(case.alias, "first_token") or 0.0
        if alone <= limit:
            yield f"the lane alone gave its first token after {alone:.3f} s, through the gateway it took {first:.3f} s"


def _throttling(_case: Case, ground: Ground, _steady: Steady, _late: float) -> Iterator[str]:
    for card in ground.cards:
        reasons = [reason for reason in _SLOWED_BY if card.clock_events.get(reason)]
        if _is_capped(card):
            reasons.append("power_cap")
        if reasons:
            yield f"card {card.index} was slowed by {', '.join(reasons)}"


def _is_capped(card: Device) -> bool:
    """Whether a power cap holds that is not the limit which the card reaches by its own work."""
    watts, limit, usual = card.power_watts, card.power_limit_watts, card.power_limits_watts.get("default")
    if not card.clock_events.get("power_cap") or limit is None:
        return False
    is_lowered = usual is not None and limit < usual * _AT_THE_LIMIT
    return is_lowered or (watts is not None and watts < limit * _AT_THE_LIMIT)


def _co_tenant(_case: Case, ground: Ground, _steady: Steady, _late: float) -> Iterator[str]:
    cards = {card.uuid for card in ground.cards}
    if not ground.keys:  # whose card it is, is not known
        return
    for view in ground.views:
        yield from sorted(set(_others(view, ground, cards)))


def _others(view: NodeView, ground: Ground, cards: set[str]) -> Iterator[str]:
    for owner in view.owners or ():
        if owner.gpu_uuid in cards and (owner.namespace, owner.pod) not in ground.keys:
            yield f"pod {owner.namespace}/{owner.pod} is on the card too"
    for holder in view.holders or ():
        is_other = holder.part in _PARTS_OF_OTHERS and (holder.namespace, holder.pod) not in ground.keys
        if is_other and holder.gpu_uuid in cards and holder.memory_bytes >= _SMALLEST_TENANT:
            whose = f"pod {holder.namespace}/{holder.pod}" if holder.pod else f"process {holder.process} of the node"
            yield f"{whose} holds memory of the card"


def _vram(_case: Case, ground: Ground, steady: Steady, _late: float) -> Iterator[str]:
    for card in ground.cards:
        used, total, usual = card.memory_used_bytes, card.memory_total_bytes, steady.get(card.uuid)
        if used is None or not total or usual is None:
            continue
        if used > _FULL * total and used - usual > _FULLER * total:
            yield f"{used / total:.1%} of card {card.index} is in use, {usual / total:.1%} while the lane was in time"


def _is_full(slots: Mapping[str, int]) -> bool:
    return slots.get("busy", 0) > 0 and slots.get("free", 0) == 0


_FINDERS: Final[Mapping[FirstTokenCause, Callable[[Case, Ground, Steady, float], Iterator[str]]]] = {
    "cold_start": _cold,
    "queue": _queue,
    "gateway_overhead": _overhead,
    "throttling": _throttling,
    "co_tenant": _co_tenant,
    "vram": _vram,
}

"""A measurement against one that was kept: what became worse, by stated tolerances. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from probes.acceptance import Record, Result, is_warm
from probes.outcome import Grade


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By which share of the kept number a new one may be worse before it is warned of, and before it blocks."""

    warn: float
    block: float
    is_more_better: bool = True


_RATE: Final = Tolerance(0.10, 0.25)
_WAIT: Final = Tolerance(0.20, 0.50, is_more_better=False)
_LINK: Final = Tolerance(0.0, 0.0)
TOLERANCES: Final[Mapping[str, Mapping[str, Tolerance]]] = {
    "direct_smoke": {"decode_tokens_per_second": _RATE},
    "gateway_smoke": {"decode_tokens_per_second": _RATE},
    "decode_short": {"decode_tokens_per_second": _RATE},
    "decode_long": {"decode_tokens_per_second": _RATE},
    "cold_prefill": {"prefill_tokens_per_second": _RATE, "first_token_seconds": _WAIT},
    "pcie": {"generation": _LINK, "width": _LINK},
}
"""Only what stands here is compared; everything else is kept to be read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One number then and now; a number that is missing is None."""

    step: str
    number: str
    kept: float | None
    now: float | None
    grade: Grade
    why: str = ""

    @property
    def change(self) -> float | None:
        """The change as a share of what was kept."""
        return (self.now - self.kept) / self.kept if self.kept and self.now is not None else None


def compare(record: Record, kept: Record) -> tuple[Difference, ...]:
    """Return every number that both should have."""
    return tuple(_differences(record, kept))


def faults(record: Record) -> tuple[Difference, ...]:
    """Return what is wrong with a measurement by itself."""
    found = [_fault(one) for one in record.results]
    return tuple(fault for fault in found if fault is not None)


def grade_of(change: float, tolerance: Tolerance) -> Grade:
    """Return how bad a change is; better is never bad."""
    worse = -change if tolerance.is_more_better else change
    if worse > tolerance.block:
        return "fail"
    return "warn" if worse > tolerance.warn else "pass"


def _fault(one: Result) -> Difference | None:
    if one.outcome == "left_out":
        return None
    if not one.is_measured:
        return Difference(one.step, "", None, None, "fail", f"{one.outcome} {one.reason}".strip())
    if one.outcome == "fallback":
        return Difference(one.step, "", None, None, "warn", "answered by a fallback, not by the lane")
    if one.context_tokens and is_warm(one):
        return Difference(one.step, "", None, None, "warn", "part of the prompt came out of a cache")
    return None


def _differences(record: Record, kept: Record) -> Iterator[Difference]:
    if kept.model != record.model or kept.lane != record.lane:
        yield Difference("record", "", None, None, "warn", f"kept was {kept.lane}, model {kept.model or 'not known'}")
    now, then = _by_step(record), _by_step(kept)
    for step, numbers in TOLERANCES.items():
        if step not in then:
            continue
        for number, tolerance in numbers.items():
            yield from _difference(step, number, then[step], now.get(step), tolerance)


def _difference(
    step: str, number: str, then: Mapping[str, float], now: Mapping[str, float] | None, tolerance: Tolerance
) -> Iterator[Difference]:
    before, after = then.get(number), (now or {}).get(number)
    if before is None:
        return
    if after is None:
        yield Difference(step, number, before, None, "warn", "not measured now")
        return
    if now is not None and then.get("context") != now.get("context"):
        yield Difference(step, number, before, after, "warn", "measured with another context")
        return
    change = (after - before) / before if before else 0.0
    yield Difference(step, number, before, after, grade_of(change, tolerance))


def _by_step(record: Record) -> dict[str, Mapping[str, float]]:
    measured: dict[str, Mapping[str, float]] = {
        one.step: {**one.numbers, "context": float(one.context_tokens)} for one in record.results if one.is_measured
    }
    return {**measured, "pcie": record.pcie} if record.pcie else measured

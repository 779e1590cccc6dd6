"""The numbers of an attempt that people compare, and what several attempts come to. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from probes.attempt import Attempt


def _phase(name: str) -> Callable[[Attempt], float | None]:
    return lambda attempt: attempt.phases.get(name)


CLOCKS: Final[Mapping[str, Callable[[Attempt], float | None]]] = {
    "first_chunk_seconds": _phase("first_chunk"),
    "first_token_seconds": _phase("first_token"),
    "first_output_seconds": _phase("first_output"),
    "total_seconds": _phase("complete"),
    "inter_token_seconds": lambda attempt: attempt.inter_token_seconds,
    "queue_seconds": lambda attempt: attempt.queue_seconds,
    "decode_tokens_per_second": lambda attempt: attempt.decode_rate,
    "prefill_tokens_per_second": lambda attempt: attempt.prefill_rate,
}


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the most of some values."""

    least: float
    middle: float
    most: float


def spreads(attempts: Iterable[Attempt]) -> Mapping[str, Spread]:
    """Return the spread of each number that at least one attempt has."""
    attempts = tuple(attempts)
    found = {name: [value for one in attempts if (value := read(one)) is not None] for name, read in CLOCKS.items()}
    return {name: Spread(min(values), _middle(values), max(values)) for name, values in found.items() if values}


def added(gateway: Mapping[str, Spread], direct: Mapping[str, Spread]) -> Mapping[str, float]:
    """Return what the gateway adds to each time that both ways have, by their middle values."""
    both = (name for name in gateway if name in direct and name.endswith("_seconds"))
    return {name: gateway[name].middle - direct[name].middle for name in both}


def _middle(values: list[float]) -> float:
    """Return the median; the module that has one takes longer to load than all of ours."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2

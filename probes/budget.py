"""What probes of an alias may cost in a day (UTC), and what they cost so far. Pure."""

from dataclasses import dataclass
from typing import Final

_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens spent on one day; `day` counts from the Unix epoch."""

    day: int = 0
    spent: int = 0


def spend(budget: Budget, tokens: int, now: float) -> Budget:
    """Return the budget after `tokens` more at Unix time `now`."""
    current = _on(budget, now)
    return Budget(current.day, current.spent + tokens)


def left(budget: Budget, limit: int, now: float) -> int | None:
    """Return the tokens that are left today; None where `limit` is 0: any number."""
    return max(0, limit - _on(budget, now).spent) if limit else None


def is_used_up(budget: Budget, limit: int, now: float) -> bool:
    """Whether nothing is left today."""
    return left(budget, limit, now) == 0


def _on(budget: Budget, now: float) -> Budget:
    """Return the budget of today: a clock that is set back begins no day anew."""
    today = int(now // _DAY)
    return Budget(today) if today > budget.day else budget

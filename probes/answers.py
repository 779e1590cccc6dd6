"""When each lane gave its last first token to a probe: the end of its warm-up, for the exporter.

Reads the ledger, asks nobody. A first token counts however the probe ended; an answer from a lane that the
configuration does not name is nobody's.
"""

from collections.abc import Iterable, Iterator

from exporter.config_path import Lane
from exporter.snapshot import Answers
from probes.attempt import Attempt
from probes.ledger import Ledger
from probes.served import served_lane


class ProbeAnswers:
    """A source of the exporter; gives the same object until a lane has answered again."""

    def __init__(self, ledger: Ledger, aliases: Iterable[str], lanes: Iterable[Lane]) -> None:
        self._ledger = ledger
        self._aliases = tuple(aliases)
        self._lanes = tuple(lanes)
        self._answers = Answers()

    async def read(self) -> Answers:
        """Return the latest first token of every lane that ever gave one."""
        by_lane = dict(self._answers.by_lane)
        for lane, at in self._first_tokens():
            by_lane[lane] = max(at, by_lane.get(lane, at))
        if by_lane != self._answers.by_lane:
            self._answers = Answers(by_lane=by_lane)
        return self._answers

    def _first_tokens(self) -> Iterator[tuple[str, float]]:
        for alias in self._aliases:
            last = self._ledger.account(alias).last
            lane = served_lane(last.served, self._lanes) if last else ""
            at = first_token_at(last) if last else None
            if lane and at is not None:
                yield lane, at


def first_token_at(attempt: Attempt) -> float | None:
    """Return the Unix time of the first token; None where none came."""
    return None if attempt.first_token is None else attempt.started_at + attempt.first_token

"""Xid errors as far as a dcgm-exporter tells them.

4.8.3 counts them. Others give only the last code: a change of it is at least one event, and the same code twice in a
row is invisible. What stood there at the first reading is of no known time: it is where counting starts.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from exporter.snapshot import XidCount
from exporter.sources.dcgm_fields import LAST_XID, XIDS_TOTAL
from exporter.sources.exposition_text import TextSample

UNKNOWN_TIME: Final = math.nan  # the exposition leaves it out; always this very object, so that counts compare as equal
_LARGEST_CODE: Final = 999

_Counts = dict[int, XidCount]


class XidMemory:
    """What the readings before said; it forgets a card that an answer no longer has."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}
        self._changes: dict[str, _Counts] = {}
        self._totals: dict[str, _Counts] = {}

    def note(self, samples: Iterable[TextSample], now: float) -> Mapping[str, tuple[XidCount, ...]]:
        """Return the counts of every card whose Xids this answer tells; `now` is when it was read."""
        samples = [sample for sample in samples if sample.name in {*LAST_XID, XIDS_TOTAL}]
        present = {sample.labels.get("UUID", "") for sample in samples}
        self._note_last(_last_codes(samples), now)
        self._note_totals(_totals(samples), present, now)
        return {uuid: self._counts(uuid) for uuid in present if uuid}

    def _note_last(self, codes: Mapping[tuple[str, str], int], now: float) -> None:
        for key, code in codes.items():
            if code and self._last.get(key, code) != code:
                counts = self._changes.setdefault(key[0], {})
                counts[code] = XidCount(code=code, count=counts[code].count + 1 if code in counts else 1, last_at=now)
        present = {uuid for uuid, _ in codes}
        self._last = {key: code for key, code in self._last.items() if key[0] in present} | dict(codes)
        self._changes = {uuid: counts for uuid, counts in self._changes.items() if uuid in present}

    def _note_totals(self, totals: Mapping[tuple[str, int], int], present: set[str], now: float) -> None:
        before, self._totals = self._totals, {uuid: {} for uuid in present}
        for (uuid, code), count in totals.items():
            known = before.get(uuid, {}).get(code)
            last_at = now if uuid in before else UNKNOWN_TIME
            if known and known.count >= count:
                last_at = known.last_at
            self._totals[uuid][code] = XidCount(code=code, count=count, last_at=last_at)

    def _counts(self, uuid: str) -> tuple[XidCount, ...]:
        totals, changes = self._totals.get(uuid, {}), self._changes.get(uuid, {})
        best = {code: _larger(totals.get(code), changes.get(code)) for code in {*totals, *changes}}
        return tuple(count for _, count in sorted(best.items()) if count)


def _larger(first: XidCount | None, second: XidCount | None) -> XidCount | None:
    if first is None or second is None:
        return first or second
    return second if second.count > first.count else first


def _last_codes(samples: Iterable[TextSample]) -> dict[tuple[str, str], int]:
    """Return the last code by card and MIG instance: each instance tells its own."""
    return {
        (sample.labels.get("UUID", ""), sample.labels.get("GPU_I_ID", "")): int(sample.value)
        for sample in samples
        if sample.name in LAST_XID and 0 <= sample.value <= _LARGEST_CODE
    }


def _totals(samples: Iterable[TextSample]) -> dict[tuple[str, int], int]:
    """Return the exporter's own counts by card and code, those of the instances of a card added up."""
    seen = {
        (sample.labels.get("UUID", ""), sample.labels.get("GPU_I_ID", ""), code): value
        for sample, code, value in _counted(samples)
    }
    totals: dict[tuple[str, int], int] = {}
    for (uuid, _, code), value in seen.items():
        totals[uuid, code] = totals.get((uuid, code), 0) + value
    return totals


def _counted(samples: Iterable[TextSample]) -> Iterator[tuple[TextSample, int, int]]:
    for sample in samples:
        code = sample.labels.get("xid", "")
        is_code = code.isascii() and code.isdigit() and 0 < int(code[:6]) <= _LARGEST_CODE
        if sample.name == XIDS_TOTAL and is_code and 0 <= sample.value < 1e15:
            yield sample, int(code), int(sample.value)

"""What the page for people costs the server: of the reference node, and of a fleet with more than it shows.

`PYTHONPATH=tests .venv/bin/python -m benchmarks.page` prints milliseconds and, as a ratio, how much longer it takes
than to hand out the prepared bytes of `/metrics` in the same run.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from exporter import catalogue as c
from exporter.exposition import Exposition, Page
from exporter.history import History
from exporter.landing import render
from exporter.metric import Family
from exporter.snapshot import Snapshot
from exporter.status_rows import status_of
from fakes.reference_node import page
from fakes.shown import IDENTITY

_TURNS: Final = 200
_CARDS: Final = 2000  # the budget of one family


def _fleet() -> Page:
    """Return a page with as many cards as a family may have, each owned and measured."""
    cards = [{"node": f"n{number // 8}", "gpu_uuid": f"GPU-{number:05}"} for number in range(_CARDS)]
    families: list[Family] = [
        c.GPU_INFO.of(
            c.GPU_INFO.sample(1, **card, **dict.fromkeys(set(c.GPU_INFO.labels) - set(card), "x")) for card in cards
        ),
        c.GPU_MEMORY_USED.of(c.GPU_MEMORY_USED.sample(1 << 30, **card) for card in cards),
        c.GPU_MEMORY_TOTAL.of(c.GPU_MEMORY_TOTAL.sample(2 << 30, **card) for card in cards),
        c.GPU_OWNERSHIP.of(c.GPU_OWNERSHIP.sample(1, **card, state="owned") for card in cards),
    ]
    return Exposition({"cards": lambda _snapshot, _now: families}).prepare(Snapshot(node="n"), time.time())


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the worst of many turns."""
    spent = []
    for _ in range(_TURNS):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(spent), max(spent)


def _measure(name: str, one: Page) -> None:
    history = History()
    for step in range(240):
        history.note(one.families, one.at + 15 * step)
    now = one.at + 3600
    floor, _ = _milliseconds(lambda: one.answer("", "gzip"))
    kinds: Mapping[str, Callable[[], bytes]] = {
        "HTML": lambda: render(status_of(one, IDENTITY, now, history), now).encode(),
        "JSON": lambda: msgspec.json.encode(status_of(one, IDENTITY, now, history)),
    }
    for kind, work in kinds.items():
        median, worst = _milliseconds(work)
        size = len(work()) / 1024
        print(f"{f'{name}, {kind}':<28}{median:>9.2f}{worst:>10.2f}{size:>8.0f}{median / floor:>16.0f}")


def main() -> None:
    """Print a row a page."""
    print(f"{'page':<28}{'p50 ms':>9}{'worst ms':>10}{'KiB':>8}{'times /metrics':>16}")
    _measure("reference node", page())
    _measure(f"{_CARDS} cards, 100 shown", _fleet())


if __name__ == "__main__":
    main()

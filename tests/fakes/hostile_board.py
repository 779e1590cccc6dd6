"""A board and answers to it in which every label holds what must not be seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dashboards.board import NOW_ONLY, Board, Kind, Panel, Row
from dashboards.boards import BOARDS
from dashboards.interpolation import Shown
from dashboards.snapshot.asked import Answer, Asked, Question, Series
from exporter.catalogue import METRICS

SHOWN: Final = Shown(start=1_800_000_000.0, end=1_800_000_600.0, step=60, scrape=15)
_KINDS: Final[tuple[Kind, ...]] = (
    *("timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap", "text"),
)
LABELS: Final = sorted({label for metric in METRICS for label in metric.labels} | {"cluster", "instance", "promised"})


def small_board() -> Board:
    """Return a board with the two panels of each kind that show most labels, and everything that happens."""
    every = [panel for board in BOARDS for row in board.rows for panel in row.panels]
    panels = sorted(every, key=_labels_shown, reverse=True)
    chosen = [panel for kind in _KINDS for panel in [one for one in panels if one.kind == kind][:2]]
    rich = max(BOARDS, key=lambda board: len(board.annotations) + len(board.variables))
    return replace(rich, rows=(Row("Is anything seen?", tuple(chosen)),))


def _labels_shown(panel: Panel) -> int:
    return len(panel.look.columns) + len({field for query in panel.queries for field in query.legend.split("{{")})


def asked_of(board: Board, labels: Sequence[Mapping[str, str]], chosen: Iterable[str] = ()) -> Asked:
    """Return the answers in which each query has a series with each of these labels."""
    answers = dict(_answers(board, labels))
    choices = {variable.name: tuple(chosen) for variable in board.variables}
    return Asked(board=board, shown=SHOWN, choices=choices, answers=answers, is_simulated=False)


def _answers(board: Board, labels: Sequence[Mapping[str, str]]) -> Iterator[tuple[Question, Answer]]:
    for panel in (panel for row in board.rows for panel in row.panels):
        for query in panel.queries:
            own = [{**one, "le": f"{number}"} if panel.kind == "heatmap" else one for number, one in enumerate(labels)]
            yield Question(query.expr, panel.kind in NOW_ONLY), Answer(tuple(map(_series, own, range(len(own)))))
    for annotation in board.annotations:
        yield Question(annotation.query.expr, is_now=False), Answer(tuple(map(_series, labels, range(len(labels)))))


def _series(labels: Mapping[str, str], number: int) -> Series:
    return Series(labels, tuple((SHOWN.start + 60 * step, float(number + step % 3)) for step in range(11)))


def panel_of(kind: Kind) -> Panel:
    """Return a panel of this kind out of our boards."""
    return next(panel for board in BOARDS for row in board.rows for panel in row.panels if panel.kind == kind)

"""From what a server told to what a picture shows: names, tables, times, and the same as data."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dashboards.board import Board, Column, Kind, Look, Panel, Query, Row, Unit, Variable, Word
from dashboards.boards import BOARDS
from dashboards.snapshot.asked import Answer, Asked, Question, Series, questions
from dashboards.snapshot.page import WIDTH, draw
from dashboards.snapshot.picture import Picture, as_data, runs, sanitise
from dashboards.snapshot.scales import united
from dashboards.snapshot.sheet import Ink, Sheet
from dashboards.snapshot.table import rows
from dashboards.snapshot.values import as_text
from fakes.hostile_board import SHOWN, asked_of, panel_of, small_board

_NAN = float("nan")
_MOST_QUERIES = 150  # of one picture: what a page costs the server when a person opens it


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        pytest.param(0.985, "percentunit", "98.5 %", id="a share"),
        pytest.param(21642 * 2**20, "bytes", "21.1 GiB", id="bytes"),
        pytest.param(16.8, "s", "16.8 s", id="seconds"),
        pytest.param(0.0042, "s", "4.2 ms", id="less than a second"),
        pytest.param(5400, "s", "1.5 h", id="hours"),
        pytest.param(2.4e9, "hertz", "2.4 GHz", id="a prefix before the unit"),
        pytest.param(70, "watt", "70 W", id="watts"),
        pytest.param(96.7, "suffix: tok/s", "96.7 tok/s", id="a rate"),
        pytest.param(12345, "short", "12.3k", id="many"),
        pytest.param(79, "none", "79", id="a plain number"),
        pytest.param(0, "bytes", "0 B", id="nothing"),
        pytest.param(-3, "celsius", "-3 °C", id="below zero"),
        pytest.param(_NAN, "s", "unknown", id="no number"),
    ],
)
def test_values_as_people_read_them(value: float, unit: Unit, expected: str) -> None:
    assert as_text(value, unit) == expected


def _board(panel: Panel) -> Board:
    return replace(BOARDS[0], rows=(Row("?", (panel,)),), annotations=(), variables=())


def _picture(*told: tuple[Mapping[str, str], float]) -> Picture:
    panel = Panel(
        kind="stat", title="Is it?", about="", queries=(Query("up", "{{node}}{{state}}"),), look=Look(unit="none")
    )
    answer = Answer(tuple(Series(labels, ((SHOWN.end, value),)) for labels, value in told))
    answers = {Question("up", is_now=True): answer}
    asked = Asked(board=_board(panel), shown=SHOWN, choices={}, answers=answers, is_simulated=True)
    return sanitise(asked, frozenset())


def test_a_value_without_a_number_is_left_out() -> None:
    """A gap, no zero."""
    picture = _picture(({"node": "a"}, _NAN), ({"node": "b"}, 1.0))
    assert [line.name for line in picture.filled[0].lines] == ["node 2"]


def test_a_name_is_not_run_into_the_next() -> None:
    picture = _picture(({"node": "a", "state": "steady"}, 1.0))
    assert picture.filled[0].lines[0].name == "node 1 steady"


def test_the_data_are_what_is_drawn() -> None:
    """The time as it was asked for, the words that were chosen for numbers, and that it is a simulation."""
    told = as_data(_picture(({"node": "worker-1"}, 1.0)))
    assert (told["sanitised"], told["simulated"], told["from"], told["to"]) == (True, True, SHOWN.start, SHOWN.end)
    series = [{"name": "node 1", "limit": False, "points": ((SHOWN.end, 1.0),)}]
    assert told["panels"] == [{"title": "Is it?", "kind": "stat", "unit": "none", "series": series}]


def test_a_table_joins_its_queries_by_what_they_share() -> None:
    """As Grafana's merge does: rows that no other agrees with stay, and what one query lacks is empty."""
    columns = (Column("alias", "Alias"), Column("Value #A", "Good", "percentunit"), Column("Value #B", "Within", "s"))
    frames = [
        [({"alias": "a"}, 0.99), ({"alias": "b"}, 0.95)],
        [({"alias": "b", "slo": "first_token"}, 1.5), ({"alias": "c"}, 2.0)],
    ]
    found = rows(Look(unit="none", columns=columns), frames)
    assert [[cell.text for cell in row] for row in found] == [
        ["a", "99 %", ""],
        ["b", "95 %", "1.5 s"],
        ["c", "", "2 s"],
    ]


def test_a_word_in_a_table_has_its_colour() -> None:
    columns = (Column("Value", "Odd", words=(Word(1, "odd", "red"),)),)
    [[cell]] = rows(Look(unit="none", columns=columns), [[({"node": "a"}, 1.0)]])
    assert (cell.text, cell.colour) == ("odd", "red")


def test_no_line_goes_over_a_gap() -> None:
    points = [(0.0, 1.0), (60.0, 1.0), (180.0, 1.0)]
    assert runs(points, 60) == [points[:2], points[2:]]


def test_what_two_marks_cover_is_shaded_once() -> None:
    assert united([(5, 9), (0, 3), (2, 4)]) == [(0, 4), (5, 9)]


def test_every_board_asks_a_bounded_number_of_questions() -> None:
    """None twice."""
    assert {board.uid: len(questions(board)) for board in BOARDS if len(questions(board)) > _MOST_QUERIES} == {}


@pytest.mark.parametrize("kind", ["timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap"])
@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_any_number_of_series_finds_a_place(kind: Kind, count: int) -> None:
    """None is said to be none; what finds no place is counted, never silently lost."""
    board = _board(panel_of(kind))
    labels = [{"node": f"n{n}", "gpu_uuid": f"g{n}", "alias": f"a{n}", "slo": "total"} for n in range(count)]
    texts = draw(sanitise(asked_of(board, labels), frozenset())).texts()
    assert ("no data" in texts) == (count == 0)
    if count == 300 and kind != "heatmap":
        assert any(text.startswith("and ") and text.endswith(" more") for text in texts)


def test_a_refused_query_is_said_and_its_words_are_not() -> None:
    board = _board(panel_of("timeseries"))
    asked = asked_of(board, [{}])
    refused = replace(asked, answers=dict.fromkeys(asked.answers, Answer(is_refused=True)))
    picture = sanitise(refused, frozenset())
    assert (picture.refused, "the server refused a query" in draw(picture).texts()) == (1, True)


def test_a_choice_is_named_as_in_the_panels() -> None:
    board = replace(_board(panel_of("table")), variables=(Variable("node", "up", "node"), Variable("gpu", "up", "gpu")))
    asked = replace(asked_of(board, [{"node": "worker-1"}]), choices={"node": ["worker-1"], "gpu": []})
    assert sanitise(asked, frozenset()).choices == {"node": "node 1", "gpu": "all"}


def test_a_picture_is_a_png_of_the_same_bytes_each_time() -> None:
    """1280 wide, on light ground, and nothing in it says who made it."""
    board = small_board()
    first, second = (draw(sanitise(asked_of(board, [{"node": "a"}]), frozenset())).png() for _ in range(2))
    assert first == second
    assert (first[:8], int.from_bytes(first[16:20], "big")) == (b"\x89PNG\r\n\x1a\n", WIDTH)
    assert b"tEXt" not in first.replace(b"tEXtDPI", b"")


def test_a_text_is_cut_where_its_place_ends() -> None:
    """And a dollar makes no formula."""
    sheet, ink = Sheet(100, 20, "white"), Ink("black")
    cut = sheet.fit("a name that is much too long", ink, 80)
    assert cut.endswith("…")
    assert sheet.width(cut, ink) <= 80
    sheet.write(0, 10, "$\\frac{$", ink)
    assert sheet.texts() == ["$\\frac{$"]
    assert sheet.png()

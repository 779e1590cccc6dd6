"""What a Prometheus answers to every query of a board: raw, with every name in it, so it stays in this process.

Bounded: a board's own queries and no more, a few at once, each answer of limited size, all of it within a time.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alerts.live_prometheus import LiveError, LivePrometheus, QuestionError
from dashboards.board import NOW_ONLY, Board, Panel, Query, Variable
from dashboards.interpolation import Shown, as_regex, interpolate
from exporter import catalogue as c

_AT_ONCE: Final = 4
_WHOLE_SECONDS: Final = 120.0
_LARGEST_ANSWER: Final = 8 << 20  # bytes
_MOST_SERIES: Final = 500  # of one query: nobody can tell more lines apart
_ALL: Final = ".*"


@dataclass(frozen=True, slots=True)
class Question:
    """One query, of the last moment shown or of the whole time."""

    expr: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One series as the server told it: labels, and value by time."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question gave; `left_out` series are there and not kept."""

    series: tuple[Series, ...] = ()
    left_out: int = 0
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A board and all that was answered."""

    board: Board
    shown: Shown
    choices: Mapping[str, Sequence[str]]  # the values chosen of each variable; none: all
    answers: Mapping[Question, Answer]
    is_simulated: bool

    def of(self, panel: Panel) -> Iterator[tuple[Query, Answer]]:
        """Yield each query of the panel with its answer."""
        for query in panel.queries:
            yield query, self.answers[Question(query.expr, panel.kind in NOW_ONLY)]


# Over the whole time shown: one simulated exporter among many makes the picture one of a simulation.
_SIMULATED: Final = Question(
    f'group(last_over_time({c.BUILD_INFO}{{simulated="yes",cluster=~"$cluster"}}[$__range]))', is_now=True
)


def questions(board: Board) -> dict[Question, None]:
    """Return every question that a picture of the board asks, each once."""
    panels = [panel for row in board.rows for panel in row.panels]
    of_panels = [Question(query.expr, panel.kind in NOW_ONLY) for panel in panels for query in panel.queries]
    of_annotations = [Question(one.query.expr, is_now=False) for one in board.annotations]
    return dict.fromkeys([_SIMULATED, *of_panels, *of_annotations])


async def ask_at(server: LivePrometheus, board: Board, shown: Shown, chosen: Mapping[str, Sequence[str]]) -> Asked:
    """Return what the server says of every query of the board; raise `LiveError` where it does not answer."""
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            choices = await _choose(server, board.variables, shown, chosen)
            answers = await _ask_all(server, questions(board), _regexes(choices), shown)
    except TimeoutError as error:
        raise LiveError(f"the server did not answer every query in {_WHOLE_SECONDS:g} s") from error
    if all(answer.is_refused for answer in answers.values()):
        raise LiveError("the server refused every query")
    is_simulated = bool(answers[_SIMULATED].series)
    return Asked(board=board, shown=shown, choices=choices, answers=answers, is_simulated=is_simulated)


def _regexes(choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: as_regex(values) if values else _ALL for name, values in choices.items()}


async def _choose(
    server: LivePrometheus, variables: Iterable[Variable], shown: Shown, chosen: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return what is chosen of each variable: what was asked for, else all; where one must be taken, the first."""
    choices: dict[str, Sequence[str]] = {}
    for variable in variables:
        values = chosen.get(variable.name, ())
        if variable.takes_one and not values:
            selector = interpolate(variable.selector, _regexes(choices), shown)
            values = (await _values(server, variable.label, selector, shown))[:1] or [""]
        choices[variable.name] = values
    return choices


async def _values(server: LivePrometheus, label: str, selector: str, shown: Shown) -> list[str]:
    parameters = {"match[]": selector, "start": f"{shown.start:.3f}", "end": f"{shown.end:.3f}"}
    found = await server.ask(f"label/{label}/values", parameters)
    if not isinstance(found, list):
        raise LiveError("expected the answer of a Prometheus, found something else")
    return sorted(str(value) for value in found)


async def _ask_all(
    server: LivePrometheus, asked: Iterable[Question], regexes: Mapping[str, str], shown: Shown
) -> dict[Question, Answer]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> Answer:
        async with turn:
            return await _ask_one(server, question, interpolate(question.expr, regexes, shown), shown)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {question: group.create_task(one(question)) for question in asked}
    except* LiveError as errors:
        raise errors.exceptions[0] from None
    return {question: task.result() for question, task in tasks.items()}


async def _ask_one(server: LivePrometheus, question: Question, query: str, shown: Shown) -> Answer:
    start, end = f"{shown.start:.3f}", f"{shown.end:.3f}"
    times = {"time": end} if question.is_now else {"start": start, "end": end, "step": str(shown.step)}
    what = "query" if question.is_now else "query_range"
    try:
        data = await server.ask(what, {"query": query, **times}, largest=_LARGEST_ANSWER)
    except QuestionError:
        return Answer(is_refused=True)  # in whose words names may stand
    return _answer(data)


def _answer(data: Any) -> Answer:  # noqa: ANN401  # whatever the server says
    try:
        told = data["result"]
        return Answer(tuple(_series(one) for one in told[:_MOST_SERIES]), max(0, len(told) - _MOST_SERIES))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LiveError("expected the answer of a Prometheus, found something else") from error


def _series(one: Mapping[str, Any]) -> Series:
    values = one["values"] if "values" in one else [one["value"]]
    labels = {str(name): str(value) for name, value in one["metric"].items()}
    return Series(labels, tuple((float(time), float(value)) for time, value in values))

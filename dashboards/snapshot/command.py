"""`lanewatch snapshot`: a picture of a dashboard that may be shown to anybody, and what it shows as data."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlsplit

import click

from alerts.check_command import TOKEN, ReadSecret, bearer
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from dashboards.board import Board
    from dashboards.snapshot.picture import Picture

BASIC_AUTH: Final = "LANEWATCH_PROMETHEUS_BASIC_AUTH"
_USAGE_ERROR: Final = 2
_INCOMPLETE, _FAILED = 10, 20
_MOST_POINTS: Final = 300  # of one line: more than a panel has room for
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_LONGEST: Final = 366 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for."""

    url: str
    board: "Board"
    out: Path
    start: float
    end: float
    scrape: int
    chosen: Mapping[str, tuple[str, ...]]
    allowed: frozenset[str]

    @property
    def step(self) -> int:
        """The resolution, as Grafana chooses it: never finer than what is scraped."""
        return max(self.scrape, math.ceil((self.end - self.start) / _MOST_POINTS))


class _Time(click.ParamType[float]):
    """A moment: ISO 8601, UTC unless it says otherwise, or Unix seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            moment = datetime.fromisoformat(text) if not text.isdecimal() else datetime.fromtimestamp(int(text), UTC)
        except (ValueError, OverflowError, OSError):
            self.fail(f"expected a time such as 2026-01-31T14:00:00Z or Unix seconds, found {text!r}", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class _Duration(click.ParamType[int]):
    """A number and s, m, h, d or w."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = _DURATION.fullmatch(str(value))
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
        if not 0 < seconds <= _LONGEST:
            self.fail(f"expected a duration such as 30m, 3h or 7d, at most a year, found {str(value)!r}", param, ctx)
        return seconds


class _Choice(click.ParamType[tuple[str, str]]):
    """The value of a variable of the dashboard."""

    name = "name=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, chosen = str(value).partition("=")
        if not name or not equals or not chosen:
            self.fail(f"expected NAME=VALUE, found {str(value)!r}", param, ctx)
        return name, chosen


def snapshot_command(read_secret: ReadSecret) -> click.Command:
    """Return the command; how a secret is read is told by whoever puts the parts together."""

    @click.command("snapshot")
    @click.option("--prometheus", "url", required=True, metavar="URL", help="A Prometheus, or what answers as one.")
    @click.option("--dashboard", "name", required=True, metavar="NAME", help="A wrong one names all.")
    @click.option("--out", required=True, metavar="FILE.png", type=click.Path(dir_okay=False, path_type=Path))
    @click.option("--from", "start", type=_Time(), metavar="TIME", help="ISO 8601 (UTC) or Unix seconds.")
    @click.option("--to", "end", type=_Time(), metavar="TIME", help="None: now.")
    @click.option("--range", "length", type=_Duration(), metavar="DURATION", help="In place of --from; else 3h.")
    @click.option("--var", "chosen", type=_Choice(), multiple=True, metavar="NAME=VALUE", help="May be repeated.")
    @click.option("--allow", "allowed", multiple=True, metavar="TEXT", help="A name that may be shown as it is.")
    @click.option(
        "--scrape-interval",
        "scrape",
        type=_Duration(),
        default="15s",
        show_default=True,
        metavar="DURATION",
        help="How often the server scrapes.",
    )
    @click.option("--token-file", default="", metavar="FILE", help=f"File with a bearer token; else ${TOKEN}.")
    @click.option("--basic-auth-file", default="", metavar="FILE", help=f"File with user:password; else ${BASIC_AUTH}.")
    def snapshot(url: str, token_file: str, basic_auth_file: str, **order: object) -> None:
        """Draw a dashboard without names of nodes, cards, pods, namespaces and addresses, and write its data beside it.

        Exit 0 drawn, 10 drawn but a query was refused, 20 the server does not answer, 2 usage.
        """
        try:
            authorize = _authorization(read_secret(token_file, TOKEN), read_secret(basic_auth_file, BASIC_AUTH))
            _snapshot(_order(url, **order), authorize)  # type: ignore[arg-type]  # click's own conversions
        except ConfigError as error:
            _exit_with(error, _USAGE_ERROR)

    return snapshot


def _authorization(token: Callable[[], str], basic: Callable[[], str]) -> Callable[[], str]:
    """Return what makes the header's value, empty where there is neither."""
    if token() and basic():
        raise ConfigError(f"expected a bearer token (${TOKEN}) or user:password (${BASIC_AUTH}), found both")
    if basic() and ":" not in basic():
        raise ConfigError(f"${BASIC_AUTH}: expected user:password, found no colon (not shown)")

    from base64 import b64encode  # noqa: PLC0415

    return (lambda: f"Basic {b64encode(basic().encode()).decode()}") if basic() else bearer(token)


def _order(  # noqa: PLR0913  # one for each option
    url: str,
    *,
    name: str,
    out: Path,
    start: float | None,
    end: float | None,
    length: int | None,
    scrape: int,
    chosen: tuple[tuple[str, str], ...],
    allowed: tuple[str, ...],
) -> Order:
    if urlsplit(url).username is not None or urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigError("--prometheus: expected an http or https URL without user and password, found another")
    if out.suffix != ".png":
        raise ConfigError(f"--out: expected a name that ends in .png, found {str(out)!r}")
    board = _board(name)
    end = datetime.now(UTC).timestamp() if end is None else end
    if start is not None and length is not None:
        raise ConfigError("--range: expected it without --from, found both")
    start = end - (length or 3 * _SECONDS["h"]) if start is None else start
    if not 0 < end - start <= _LONGEST:
        raise ConfigError("--from: expected a time before --to, and at most a year, found another")
    return Order(
        url=url,
        board=board,
        out=out,
        start=start,
        end=end,
        scrape=scrape,
        chosen=_chosen(board, chosen),
        allowed=frozenset(allowed),
    )


def _board(name: str) -> "Board":
    from dashboards.boards import by_name  # noqa: PLC0415  # only this command needs them

    boards = by_name()
    found = boards.get(name) or next((board for board in boards.values() if board.uid == name), None)
    if found is None:
        raise ConfigError(f"--dashboard: expected one out of {sorted(boards)}, found {name!r}")
    return found


def _chosen(board: "Board", given: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    known = [variable.name for variable in board.variables]
    chosen: dict[str, tuple[str, ...]] = {}
    for name, value in given:
        if name not in known:
            raise ConfigError(f"--var: expected a variable out of {known}, found {name!r}")
        chosen[name] = (*chosen.get(name, ()), value)
    return chosen


def _snapshot(order: Order, authorize: Callable[[], str]) -> None:
    import asyncio  # noqa: PLC0415

    from alerts.live_prometheus import LiveError  # noqa: PLC0415

    try:
        from dashboards.snapshot.page import draw  # noqa: PLC0415  # matplotlib is an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"expected the extra `pictures` (pip install 'lanewatch[pictures]'), found no {error.name}"
        ) from error
    try:
        picture = asyncio.run(take(order, authorize))
    except LiveError as error:
        _exit_with(LiveError(f"{order.url}: {error}"), _FAILED)
    _write(order.out, draw(picture).png(), picture)
    click.echo(str(order.out))
    click.echo(str(order.out.with_suffix(".json")))
    if picture.refused:
        click.echo(f"lanewatch: {order.url}: {picture.refused} panels are not drawn: a query was refused", err=True)
        raise SystemExit(_INCOMPLETE)


async def take(order: Order, authorize: Callable[[], str]) -> "Picture":
    """Return what the picture shows; raise `LiveError` where the server does not answer."""
    from alerts.live_prometheus import LivePrometheus  # noqa: PLC0415
    from dashboards.interpolation import Shown  # noqa: PLC0415
    from dashboards.snapshot.asked import ask_at  # noqa: PLC0415
    from dashboards.snapshot.picture import sanitise  # noqa: PLC0415

    server = LivePrometheus(order.url, authorize)
    try:
        shown = Shown(start=order.start, end=order.end, step=order.step, scrape=order.scrape)
        return sanitise(await ask_at(server, order.board, shown, order.chosen), order.allowed)
    finally:
        await server.close()


def _write(out: Path, png: bytes, picture: "Picture") -> None:
    import json  # noqa: PLC0415

    from dashboards.snapshot.picture import as_data  # noqa: PLC0415

    try:
        out.write_bytes(png)
        text = json.dumps(as_data(picture), ensure_ascii=False, indent=1)
        out.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: expected a place to write to, found: {error.strerror}") from error


def _exit_with(error: Exception, code: int) -> NoReturn:
    click.echo(f"lanewatch: {error}", err=True)
    raise SystemExit(code) from error

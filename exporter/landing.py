"""The page at `/`: does every alias answer, which layer is to blame, what runs on which card, and how old all that is.

Every value that came from outside is escaped; nothing is fetched from anywhere. Without JavaScript the page stands as
it was made; with it, `status.js` puts a fresh one in its place every few seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from exporter.history import DRAWN, SPAN_SECONDS, Point
from exporter.status import AliasStatus, CardStatus, LayerStatus, Light, PoolStatus, SourceStatus, Status
from exporter.words import LAYERS

_GIB: Final = 1 << 30
_NOTHING: Final = "&ndash;"
_NO_ALIAS: Final = (
    "Off: no alias is probed. Set <code>gateway.url</code> and <code>aliases</code>; "
    "<code>lanewatch config reference</code> shows how."
)
_NO_POOL: Final = "Off: the API server is not asked in this role."
_NO_CARD: Final = "No card is known. The sources below say why."
_WIDTH, _HEIGHT = 160, 28  # of a sparkline, in its own units
_LEAST_SPAN: Final = 600.0  # seconds: what began a moment ago does not fill the picture
_GAP: Final = 1.5 * SPAN_SECONDS / DRAWN  # longer without a point: nothing was known
_FOOTER: Final = (
    "<footer><a href=metrics>metrics</a> · <a href=status.json>status.json</a> · <a href=healthz>healthz</a> · "
    "<a href=readyz>readyz</a></footer>"
)
_SPOKEN: Final = {"ok": "ok", "bad": "failed", "unknown": "unknown", "not_looked_at": "not looked at"}


@lru_cache(maxsize=2)
def asset(name: str) -> str:
    """Return a file that belongs to the page: its style or its script."""
    return files("exporter").joinpath(name).read_text(encoding="utf-8")


def render(status: Status, now: float) -> str:
    """Return the page as HTML; ages count to Unix time `now`."""
    main = (
        f"<p id=headline role=status class='headline {status.light}'>{_text(status.headline)}</p>",
        _section("Do the aliases answer?", _NO_ALIAS, "".join(_alias(one, now) for one in status.aliases)),
        _section("Is exactly one lane active?", _NO_POOL, _table(_POOL_HEADS, map(_pool_of(now), status.pools))),
        _section("Which card, and who owns it?", _NO_CARD, _table(_CARD_HEADS, map(_card, status.cards))),
        _section("How old is this, and can it be trusted?", "", _table(_SOURCE_HEADS, map(_source, status.sources))),
        f"<p class=dim>{_left_out(status)}</p>",
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
        f'content="width=device-width,initial-scale=1"><title>{_title(status)}</title>'
        f"<style>{asset('landing.css')}</style><script src=status.js defer></script></head>"
        f"<body>{_header(status)}<main id=main>{''.join(main)}</main>{_FOOTER}</body></html>"
    )


def _header(status: Status) -> str:
    badge = "<p class=badge>simulated: no card, no cluster, no model behind these numbers</p>"
    return (
        f"<header><h1>Lanewatch</h1><p>{_text(status.version)} · role {_text(status.role)} · node {_text(status.node)}"
        f"</p>{badge if status.is_simulated else ''}</header>"
    )


def _title(status: Status) -> str:
    mark = {"good": "ok", "bad": "FAILED"}.get(status.light, "look")
    return f"{mark} · Lanewatch"


def _alias(one: AliasStatus, now: float) -> str:
    asked = "" if one.asked_at is None else f"asked {_age(now - one.asked_at)} ago"
    why = f" <a href='explain?alias={quote(one.alias, safe='')}'>evidence for {_text(one.alias)}</a>"
    is_explained = one.light == "bad" or one.cause in LAYERS
    lights = "".join(_layer(layer, is_cause=layer.layer == one.cause) for layer in one.layers)
    return (
        f"<article class={one.light}><h3>{_text(one.alias)}</h3>"
        f"<p class=words>{_mark(one.light)}{_text(one.words)}{why if is_explained else ''}"
        f"<small>{_text(one.outcome or 'no outcome yet')} {asked}</small></p>"
        f"<p class=fact>{_first_token(one)}</p><p class=fact>{_served(one)}</p>"
        f"<ol class=layers aria-label='layers under {_text(one.alias)}, the node first'>{lights}</ol></article>"
    )


def _layer(layer: LayerStatus, *, is_cause: bool) -> str:
    name = LAYERS[layer.layer].short if layer.layer in LAYERS else layer.layer
    spoken = _SPOKEN.get(layer.state, layer.state) + (", the cause" if is_cause else "")
    cause = " cause" if is_cause else ""
    return (
        f"<li class='{layer.light}{cause}'>{_mark(layer.light)}<span>{_text(name)}</span>{_hidden(f': {spoken}')}</li>"
    )


def _first_token(one: AliasStatus) -> str:
    time = f"{one.first_token_seconds:.3f} s" if one.first_token_seconds is not None else _NOTHING
    late = f" <small>late: {_text(one.late)}</small>" if one.late else ""
    return f"<b>first token</b> {time}{late}{_sparkline(one.history, 'seconds to the first token', 1, ' s')}"


def _served(one: AliasStatus) -> str:
    fallback = " (fallback)" if one.is_fallback else ""
    return f"<b>served by</b> {_text(one.served_by) + fallback if one.served_by else _NOTHING}"


_POOL_HEADS: Final = ("pool", "state", "for", "what is wrong", "lanes")
_CARD_HEADS: Final = ("card", "state", "memory", "lately", "now", "owner")
_SOURCE_HEADS: Final = ("source", "state", "age", "what to do")


def _pool_of(now: float) -> Callable[[PoolStatus], tuple[str, ...]]:
    def row(one: PoolStatus) -> tuple[str, ...]:
        reasons = (
            _text(reason.reason) + (f" <small>{_text(', '.join(reason.who))}</small>" if reason.who else "")
            for reason in one.reasons
        )
        return (
            _text(one.pool) + (f" <small>{_text(one.unit)}</small>" if one.unit else ""),
            _light(one.state, one.light),
            _NOTHING if one.since is None else _age(now - one.since),
            "<br>".join(reasons) or _NOTHING,
            "<br>".join(map(_text, one.lanes)) or "no pod",
        )

    return row


def _card(one: CardStatus) -> tuple[str, ...]:
    owners = (
        f"{_text(who.lane or who.pod)} <small>{_text(who.namespace)}/{_text(who.pod)}</small>" for who in one.owners
    )
    return (
        f"{_text(one.model)} <small>{_text(one.uuid)}<br>{_text(one.node)}</small>",
        _light(one.state, one.light),
        _memory(one),
        _sparkline(one.history, f"memory used of {one.uuid}", _GIB, " GiB") or _NOTHING,
        _now(one),
        "<br>".join(owners) or _NOTHING,
    )


def _memory(one: CardStatus) -> str:
    used, total = one.memory_used_bytes, one.memory_total_bytes
    if used is None or total is None:
        return "absent"
    said = f"{used / _GIB:.1f} of {total / _GIB:.1f} GiB"
    return f"<meter min=0 max={total:.0f} value={used:.0f} aria-label='memory used: {said}'></meter>{said}"


def _now(one: CardStatus) -> str:
    limit = f" of {one.watts_limit:.0f} W" if one.watts_limit is not None else ""
    heat = f"{one.celsius:.0f} °C" if one.celsius is not None else ""
    power = f"{one.watts:.0f} W{limit}" if one.watts is not None else ""
    return "<br>".join(filter(None, (heat, power))) or "absent"


def _source(one: SourceStatus) -> tuple[str, ...]:
    light = _light("ok", "good") if one.is_up else _light("down", "bad")
    age = "never read" if one.age_seconds is None else _age(one.age_seconds)
    return _text(one.source), light, age, _text(one.message) or _NOTHING


def _left_out(status: Status) -> str:
    more = [f"{count} more {kind}" for kind, count in status.left_out.items() if count]
    return f"Not shown: {', '.join(more)}; the metrics have them." if more else ""


def _sparkline(points: Sequence[Point], what: str, unit: float, suffix: str) -> str:
    """Return a small picture of the last hour at most; empty where there is no line to draw."""
    if len(points) < 2:
        return ""
    values = [point.value / unit for point in points]
    low, high, until = min(values), max(values), points[-1].at
    said = f"{what} over the last {_age(until - points[0].at)}: {low:.3g} to {high:.3g}, now {values[-1]:.3g}{suffix}"
    spread, span = (high - low) or 1.0, max(until - points[0].at, _LEAST_SPAN)

    def place(point: Point) -> str:
        across = _WIDTH * (1 - (until - point.at) / span)
        up = (_HEIGHT - 4) * (1 - (point.value / unit - low) / spread) if high > low else _HEIGHT / 2 - 2
        return f"{across:.1f},{up + 2:.1f}"

    lines = "".join(f"<polyline points='{' '.join(map(place, piece))}'/>" for piece in _pieces(points))
    return (
        f"<svg class=spark viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='{_text(said)}'>"
        f"<title>{_text(said)}</title>{lines}</svg>"
    )


def _pieces(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield what hangs together: where nothing was known there is a gap, not a line."""
    piece: list[Point] = []
    for point in points:
        if piece and point.at - piece[-1].at > _GAP:
            yield piece
            piece = []
        piece.append(point)
    yield piece


def _section(title: str, otherwise: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content or f'<p>{otherwise}</p>'}</section>"


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    heads = tuple(heads)
    body = "".join(
        f"<tr><th scope=row>{row[0]}</th>"
        + "".join(f"<td data-head='{head}'>{cell}</td>" for head, cell in zip(heads[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _light(word: str, light: Light) -> str:
    return f"<span class={light}>{_mark(light)}{_text(word or 'unknown')}</span>"


_MARKS: Final = {"good": "●", "bad": "✖", "quiet": "▲", "off": "○"}


def _mark(light: Light) -> str:
    """Return a mark whose form tells as much as its colour."""
    return f"<i aria-hidden=true>{_MARKS[light]}</i>"


def _hidden(text: str) -> str:
    return f"<span class=spoken>{_text(text)}</span>"


def _age(seconds: float) -> str:
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def _text(value: str) -> str:
    return escape(value, quote=True)

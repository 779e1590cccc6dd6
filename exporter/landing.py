"""The page at `/`: what runs, on which card, whether the aliases answer, and what is off and how to turn it on.

It is drawn from the same families that a scrape gets, so the page and the metrics cannot disagree. Every value that
came from outside is escaped; nothing is fetched from anywhere.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from exporter import catalogue as c
from exporter.exposition import Page
from exporter.facts.violators import VIOLATIONS
from exporter.metric import Family, Metric
from exporter.snapshot import SourceState

_GIB: Final = 1 << 30
_OFF: Final = {
    "aliases": "Off: no alias is probed. Set <code>gateway.url</code> and <code>aliases</code>; "
    "<code>lanewatch config reference</code> shows how.",
    "lanes": "Off: the API server is not asked in this role.",
    "cards": "No card is known. The sources below say why.",
}
_NOTHING: Final = "&ndash;"
_UNITS_SHOWN: Final = 100  # of all pools
_GOOD: Final = frozenset({"ok", "none", "steady", "owned", "shared", "unallocated"})
_GOOD_POOL: Final = frozenset({"steady"})  # of an alias's cause `none` is good, of a pool's lanes it is an outage
_QUIET: Final = frozenset(
    {"unknown", "switching", "slow", "fallback", "skipped_busy", "idle_owned", "allocated_no_process"}
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the page says of the program itself."""

    version: str
    role: str


@dataclass(frozen=True, slots=True)
class _Rows:
    """The samples of every family of a page, as label mappings."""

    families: Mapping[str, Family]

    def of(self, metric: Metric, **match: str) -> Iterator[tuple[dict[str, str], float]]:
        family = self.families.get(metric.name)
        for sample in family.samples if family else ():
            labels = dict(zip(metric.labels, sample.labels, strict=True))
            if all(labels[name] == value for name, value in match.items()):
                yield labels, sample.value

    def value(self, metric: Metric, **match: str) -> float | None:
        return next((value for _, value in self.of(metric, **match)), None)

    def state(self, metric: Metric, label: str, **match: str) -> str:
        return next((labels[label] for labels, value in self.of(metric, **match) if value == 1), "")


@lru_cache(maxsize=1)
def _style() -> str:
    return files("exporter").joinpath("landing.css").read_text(encoding="utf-8")


def render(page: Page, identity: Identity, now: float) -> str:
    """Return the page as HTML; ages count to Unix time `now`."""
    rows = _Rows(page.families)
    badge = "<p class=badge>simulated: no card, no cluster, no model behind these numbers</p>"
    parts = [
        "<header><h1>Lanewatch</h1>",
        f"<p>{_text(identity.version)} · role {_text(identity.role)} · node {_text(page.snapshot.node)}</p>",
        badge if page.snapshot.is_simulated else "",
        "</header><main>",
        _section(
            "Do the aliases answer?",
            _OFF["aliases"],
            ("alias", "outcome", "cause", "first token", "served by"),
            _aliases(rows),
        ),
        _section("Is exactly one lane active?", _OFF["lanes"], ("pool", "state", "violations", "lanes"), _pools(rows)),
        _section(
            "Which card, and who owns it?", _OFF["cards"], ("card", "state", "memory", "now", "owner"), _cards(rows)
        ),
        _section("Can this page be trusted?", "", ("source", "state", "age", "what to do"), _sources(page, now)),
        "</main><footer><a href=metrics>metrics</a> · <a href=healthz>healthz</a> · <a href=readyz>readyz</a></footer>",
    ]
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
        'content="width=device-width,initial-scale=1"><meta http-equiv=refresh content=5><title>Lanewatch</title>'
        f"<style>{_style()}</style></head><body>{''.join(parts)}</body></html>"
    )


def _aliases(rows: _Rows) -> Iterator[list[str]]:
    for labels, _ in rows.of(c.PROBE_INTERVAL):
        alias = labels["alias"]
        outcome = rows.state(c.PROBE_LAST_OUTCOME, "outcome", alias=alias) or "not probed yet"
        cause = rows.state(c.ALIAS_ROOT_CAUSE, "cause", alias=alias)
        served = next((_served(one) for one, _ in rows.of(c.PROBE_SERVED_INFO, alias=alias)), "")
        first = rows.value(c.PROBE_FIRST_TOKEN, alias=alias)
        # of an alias that does not answer now, the last answer's time would be news from yesterday
        in_time = _seconds(first if served else None) + _why_late(rows, alias)
        yield [_text(alias), _light(outcome), _light(cause) + _why(alias, cause), in_time, served or _NOTHING]


def _why(alias: str, cause: str) -> str:
    """Return the way to every layer's evidence, where there is something to explain."""
    return "" if cause in {"", "none"} else f" <a href='explain?alias={quote(alias, safe='')}'>why</a>"


def _why_late(rows: _Rows, alias: str) -> str:
    late = rows.state(c.ALIAS_FIRST_TOKEN_CAUSE, "cause", alias=alias)
    return "" if late in {"", "none"} else f" <small>late: {_text(late)}</small>"


def _served(labels: Mapping[str, str]) -> str:
    return _text(labels["lane"] or "a lane without a name") + (" (fallback)" if labels["fallback"] == "true" else "")


def _pools(rows: _Rows) -> Iterator[list[str]]:
    """Yield a row for each unit of a pool, what is wrong first, as many as a person reads."""
    broken, lanes = _grouped(_violations(rows)), _grouped(_lanes(rows))
    units = {(one["pool"], one["unit"]): one["state"] for one, value in rows.of(c.POOL_STATE) if value}
    for (pool, unit), state in sorted(units.items(), key=lambda item: (item[1] == "steady", item))[:_UNITS_SHOWN]:
        of_the_pool = broken.get((pool, ""), ()) if unit else ()
        yield [
            _text(pool) + (f" <small>{_text(unit)}</small>" if unit else ""),
            _light(state, _GOOD_POOL),
            "<br>".join((*broken.get((pool, unit), ()), *of_the_pool)) or _NOTHING,
            "<br>".join(lanes.get((pool, ""), ())) or "no pod",
        ]


def _violations(rows: _Rows) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each reason that holds with who is to blame, by pool and unit, what explains most first."""
    blamed: dict[tuple[str, str, str], list[str]] = {}
    for one, _ in rows.of(c.POOL_VIOLATOR_INFO):
        blamed.setdefault((one["pool"], one["unit"], one["reason"]), []).append(_text(one["violator"]))
    held = (one for one, value in rows.of(c.POOL_VIOLATION) if value)
    for one in sorted(held, key=lambda one: VIOLATIONS.index(one["reason"])):
        who = ", ".join(blamed.get((one["pool"], one["unit"], one["reason"]), ()))
        yield (one["pool"], one["unit"]), _text(one["reason"]) + (f" <small>{who}</small>" if who else "")


def _lanes(rows: _Rows) -> Iterator[tuple[tuple[str, str], str]]:
    for one, value in rows.of(c.LANE_PODS):
        if value:
            yield (one["pool"], ""), f"{_text(one['lane'] or 'no lane')} {value:g} {_text(one['phase'])}"


def _grouped(told: Iterable[tuple[tuple[str, str], str]]) -> Mapping[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for key, text in told:
        groups.setdefault(key, []).append(text)
    return groups


def _cards(rows: _Rows) -> Iterator[list[str]]:
    for labels, _ in rows.of(c.GPU_INFO):
        card = {"node": labels["node"], "gpu_uuid": labels["gpu_uuid"]}
        owners = [
            f"{_text(one['lane'] or one['owner_pod'])} <small>{_text(one['owner_namespace'])}/{_text(one['owner_pod'])}"
            "</small>"
            for one, _ in rows.of(c.GPU_OWNER_INFO, **card)
        ]
        yield [
            f"{_text(labels['model'])} <small>{_text(labels['gpu_uuid'])}</small>",
            _light(rows.state(c.GPU_UNAVAILABLE, "reason", **card) or rows.state(c.GPU_OWNERSHIP, "state", **card)),
            _memory(rows, card),
            _now(rows, card),
            "<br>".join(owners) or _NOTHING,
        ]


def _memory(rows: _Rows, card: Mapping[str, str]) -> str:
    used, total = rows.value(c.GPU_MEMORY_USED, **card), rows.value(c.GPU_MEMORY_TOTAL, **card)
    if used is None or total is None:
        return "absent"
    return f"<meter min=0 max={total:.0f} value={used:.0f}></meter>{used / _GIB:.1f} of {total / _GIB:.1f} GiB"


def _now(rows: _Rows, card: Mapping[str, str]) -> str:
    heat = rows.value(c.GPU_TEMPERATURE, sensor="gpu", **card)
    watts, limit = rows.value(c.GPU_POWER, **card), rows.value(c.GPU_POWER_LIMIT, **card)
    said = [f"{heat:.0f} °C" if heat is not None else "", f"{watts:.0f} W" if watts is not None else ""]
    if watts is not None and limit is not None:
        said[1] += f" of {limit:.0f} W"
    return "<br>".join(filter(None, said)) or "absent"


def _sources(page: Page, now: float) -> Iterator[list[str]]:
    for state in page.snapshot.sources.values():
        light = _light("ok" if state.is_up else "down")
        yield [_text(state.name), light, _age(state, now), _text(state.message) or _NOTHING]


def _age(state: SourceState, now: float) -> str:
    return "never read" if state.last_success_at is None else f"{max(0.0, now - state.last_success_at):.0f} s"


def _section(title: str, otherwise: str, heads: Iterable[str], rows: Iterable[list[str]]) -> str:
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else f"<p>{otherwise}</p>"
    return f"<section><h2>{title}</h2>{table}</section>"


def _light(word: str, good: Collection[str] = _GOOD) -> str:
    kind = "good" if word in good else "quiet" if word in _QUIET or not word else "bad"
    return f"<span class={kind}>{_text(word or 'unknown')}</span>"


def _seconds(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f} s"


def _text(value: str) -> str:
    return escape(value, quote=True)

"""From the families of a page to what a person is shown: the page and the metrics cannot disagree. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from exporter import catalogue as c
from exporter.exposition import Page
from exporter.facts.violators import VIOLATIONS
from exporter.headline import sum_up
from exporter.history import History
from exporter.metric import Family, Metric, Sample
from exporter.status import (
    SHOWN,
    AliasStatus,
    CardStatus,
    Identity,
    LayerStatus,
    Light,
    OwnerStatus,
    PoolStatus,
    Reason,
    SourceStatus,
    Status,
)
from exporter.words import LAYERS, explain, explain_late


def status_of(page: Page, identity: Identity, now: float, history: History) -> Status:
    """Return what to show of a page at Unix time `now`."""
    rows = _Rows(page.families)
    aliases, more_aliases = _first(_aliases(rows))
    pools, more_pools = _first(_pools(rows))
    cards, more_cards = _first(_cards(rows))
    sources = tuple(
        SourceStatus(
            source=one.name,
            is_up=one.is_up,
            age_seconds=None if one.last_success_at is None else max(0.0, now - one.last_success_at),
            message=one.message,
        )
        for one in page.snapshot.sources.values()
    )
    light, headline = sum_up(aliases, pools, cards, sources)
    return Status(
        version=identity.version,
        role=identity.role,
        node=page.snapshot.node,
        at=page.at,
        light=light,
        headline=headline,
        is_simulated=page.snapshot.is_simulated,
        aliases=tuple(replace(one, history=history.of(c.PROBE_FIRST_TOKEN, one.alias)) for one in aliases),
        pools=pools,
        cards=tuple(replace(one, history=history.of(c.GPU_MEMORY_USED, one.node, one.uuid)) for one in cards),
        sources=sources,
        left_out={"aliases": more_aliases, "pools": more_pools, "cards": more_cards},
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The samples of every family of a page; a fleet has thousands, so labels are taken by their place."""

    families: Mapping[str, Family]

    def of(self, metric: Metric) -> Iterator[tuple[dict[str, str], float]]:
        """Yield each sample's labels as a mapping, and its value."""
        for sample in self._samples(metric):
            yield dict(zip(metric.labels, sample.labels, strict=True)), sample.value

    def by(self, metric: Metric, *labels: str, **match: str) -> dict[tuple[str, ...], float]:
        """Return the values of a family by some of its labels."""
        key = _taker(metric, labels)
        wanted = [(metric.labels.index(name), value) for name, value in match.items()]
        return {
            key(sample.labels): sample.value
            for sample in self._samples(metric)
            if all(sample.labels[place] == value for place, value in wanted)
        }

    def states(self, metric: Metric, state: str, *labels: str) -> dict[tuple[str, ...], str]:
        """Return of a family with one 1 a subject which state that is, by the subject's labels."""
        key, place = _taker(metric, labels), metric.labels.index(state)
        return {key(sample.labels): sample.labels[place] for sample in self._samples(metric) if sample.value == 1}

    def groups(self, metric: Metric, *labels: str) -> dict[tuple[str, ...], list[dict[str, str]]]:
        """Return the label sets of what is 1 or more, in groups by some of their labels."""
        found: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for one, value in self.of(metric):
            if value:
                found.setdefault(tuple(one[name] for name in labels), []).append(one)
        return found

    def _samples(self, metric: Metric) -> tuple[Sample, ...]:
        family = self.families.get(metric.name)
        return family.samples if family else ()


def _taker(metric: Metric, labels: Iterable[str]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    places = tuple(metric.labels.index(name) for name in labels)
    return lambda values: tuple(values[place] for place in places)


_LAYER_LIGHTS: Final[Mapping[str, Light]] = {"ok": "good", "bad": "bad", "unknown": "quiet"}
_ORDER: Final[Mapping[Light, int]] = {"bad": 0, "quiet": 1, "off": 2, "good": 3}
_QUIET_OUTCOMES: Final = frozenset({"", "slow", "fallback", "skipped_busy", "skipped_budget", "skipped_unloaded"})
_QUIET_CARDS: Final = frozenset({"", "unknown", "idle_owned", "allocated_no_process"})
_GOOD_CARDS: Final = frozenset({"owned", "shared", "unallocated"})


def _aliases(rows: _Rows) -> Iterator[AliasStatus]:
    outcomes = rows.states(c.PROBE_LAST_OUTCOME, "outcome", "alias")
    causes = rows.states(c.ALIAS_ROOT_CAUSE, "cause", "alias")
    late = rows.states(c.ALIAS_FIRST_TOKEN_CAUSE, "cause", "alias")
    asked, first = rows.by(c.PROBE_LAST_ATTEMPT, "alias"), rows.by(c.PROBE_FIRST_TOKEN, "alias")
    served = {one["alias"]: one for one, _ in rows.of(c.PROBE_SERVED_INFO)}
    layers = rows.states(c.ALIAS_LAYER, "state", "alias", "layer")
    for one, _ in rows.of(c.PROBE_INTERVAL):
        name, key = one["alias"], (one["alias"],)
        outcome, cause, who = outcomes.get(key, ""), causes.get(key, ""), served.get(name)
        yield AliasStatus(
            alias=name,
            outcome=outcome,
            cause=cause,
            words=explain(outcome, cause),
            light=_alias_light(outcome, cause),
            layers=tuple(_layer(layer, layers.get((name, layer), "not_looked_at")) for layer in LAYERS),
            asked_at=asked.get(key),
            # of an alias that does not answer now, the last answer's time would be news from yesterday
            first_token_seconds=first.get(key) if who else None,
            late=explain_late(late.get(key, "")),
            served_by=(who["lane"] or "a lane without a name") if who else "",
            is_fallback=bool(who) and who["fallback"] == "true" if who else False,
        )


def _layer(layer: str, state: str) -> LayerStatus:
    return LayerStatus(layer=layer, state=state, light=_LAYER_LIGHTS.get(state, "off"))


def _alias_light(outcome: str, cause: str) -> Light:
    if cause in LAYERS and outcome not in _QUIET_OUTCOMES:
        return "bad"
    return "quiet" if outcome in _QUIET_OUTCOMES or cause != "none" else "good"


def _pools(rows: _Rows) -> Iterator[PoolStatus]:
    since = rows.by(c.POOL_STATE_SINCE, "pool", "unit")
    held, blamed = rows.groups(c.POOL_VIOLATION, "pool", "unit"), rows.groups(c.POOL_VIOLATOR_INFO, "pool", "unit")
    lanes: dict[str, list[str]] = {}
    for one, value in rows.of(c.LANE_PODS):
        if value:
            lanes.setdefault(one["pool"], []).append(f"{one['lane'] or 'no lane'} {value:g} {one['phase']}")
    for (pool, unit), state in rows.states(c.POOL_STATE, "state", "pool", "unit").items():
        places = [(pool, unit), (pool, "")] if unit else [(pool, unit)]
        yield PoolStatus(
            pool=pool,
            unit=unit,
            state=state,
            light="good" if state == "steady" else "quiet" if state in {"switching", "unknown"} else "bad",
            since=since.get((pool, unit)),
            reasons=tuple(
                reason for place in places for reason in _reasons(held.get(place, ()), blamed.get(place, ()))
            ),
            lanes=tuple(lanes.get(pool, ())),
        )


def _reasons(held: Iterable[Mapping[str, str]], blamed: Iterable[Mapping[str, str]]) -> Iterator[Reason]:
    """Yield each reason that holds with who is to blame, what explains most first."""
    blamed = list(blamed)
    for reason in sorted((one["reason"] for one in held), key=VIOLATIONS.index):
        yield Reason(reason=reason, who=tuple(one["violator"] for one in blamed if one["reason"] == reason))


def _cards(rows: _Rows) -> Iterator[CardStatus]:
    card = ("node", "gpu_uuid")
    gone, owned = rows.states(c.GPU_UNAVAILABLE, "reason", *card), rows.states(c.GPU_OWNERSHIP, "state", *card)
    used, total = rows.by(c.GPU_MEMORY_USED, *card), rows.by(c.GPU_MEMORY_TOTAL, *card)
    watts, limit = rows.by(c.GPU_POWER, *card), rows.by(c.GPU_POWER_LIMIT, *card)
    heat, owners = rows.by(c.GPU_TEMPERATURE, *card, sensor="gpu"), rows.groups(c.GPU_OWNER_INFO, *card)
    for one, _ in rows.of(c.GPU_INFO):
        key = (one["node"], one["gpu_uuid"])
        state = gone.get(key) or owned.get(key, "")
        yield CardStatus(
            uuid=one["gpu_uuid"],
            node=one["node"],
            model=one["model"],
            state=state or "unknown",
            light=_card_light(state),
            memory_used_bytes=used.get(key),
            memory_total_bytes=total.get(key),
            celsius=heat.get(key),
            watts=watts.get(key),
            watts_limit=limit.get(key),
            owners=tuple(
                OwnerStatus(lane=who["lane"], namespace=who["owner_namespace"], pod=who["owner_pod"])
                for who in owners.get(key, ())
            ),
        )


def _card_light(state: str) -> Light:
    if state in _GOOD_CARDS:
        return "good"
    return "quiet" if state in _QUIET_CARDS else "bad"


_Row = TypeVar("_Row", AliasStatus, PoolStatus, CardStatus)


def _first(rows: Iterable[_Row]) -> tuple[tuple[_Row, ...], int]:
    """Return the rows that a person reads, what is wrong first and else in their order, and how many more there are."""
    ordered = sorted(rows, key=lambda row: _ORDER[row.light])
    return tuple(ordered[:SHOWN]), max(0, len(ordered) - SHOWN)

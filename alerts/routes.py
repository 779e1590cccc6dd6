"""Who is told of which alert, and which alert is silent because another one says why: policy as tables.

`alerts/alertmanager.py` writes them down in Alertmanager's own form and as an object of the Prometheus operator.

Two traps of Alertmanager shape the second half. A label that is missing on both sides counts as equal: so each source
must have the label that ties it to what it silences. And an alert that matches both sides of a rule is not silenced by
its like, and whatever it then does is a riddle: so the two sides of each rule never match the same alert.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from alerts.explained import BY_CORDON, BY_LAYER_BELOW, BY_OUTAGE, BY_SWITCH, EXPLAINS
from alerts.render import BURN_IN
from alerts.rule import SEVERITY_LABEL, Layer, Severity

PAGE: Final = "lanewatch-page"
TICKET: Final = "lanewatch-ticket"
INFO: Final = "lanewatch-info"
OWNERS: Final = "lanewatch-owners"
HEARTBEAT: Final = "lanewatch-heartbeat"
NOBODY: Final = "lanewatch-nobody"
# Who is told by a webhook, and the file that holds its address; the other receivers tell nobody.
ADDRESSES: Final[Mapping[str, str]] = {
    PAGE: "page-url",
    TICKET: "ticket-url",
    OWNERS: "owners-url",
    HEARTBEAT: "heartbeat-url",
}
MAINTENANCE: Final = "lanewatch-maintenance"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One claim about a label; a label that is missing is an empty text."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


def _is(label: str, *values: str) -> Matcher:
    return Matcher(label, "=", values[0]) if len(values) == 1 else Matcher(label, "=~", "|".join(values))


def _has(label: str) -> Matcher:
    return Matcher(label, "=~", ".+")


def _severity(*severities: Severity) -> Matcher:
    return _is("severity", *(SEVERITY_LABEL[one] for one in severities))


OURS: Final = Matcher("alertname", "=~", "Lanewatch.+")
_BURNED_IN: Final = _is(*next(iter(BURN_IN.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What matches goes to one receiver, as one notification for each group; the first route that matches wins."""

    matchers: tuple[Matcher, ...]
    receiver: str
    group_by: tuple[str, ...]
    wait: str  # how long a new group collects before it is told
    interval: str  # until what joined it is told
    repeat: str
    mute: tuple[str, ...] = ()


# Of ours that no route below matches: a severity that somebody changed must not be lost.
DEFAULT: Final = Route(
    matchers=(OURS,),
    receiver=TICKET,
    group_by=("cluster", "pool", "alertname"),
    wait="5m",
    interval="30m",
    repeat="1d",
)
ROUTES: Final = (
    Route(
        matchers=(_BURNED_IN,),
        receiver=NOBODY,
        group_by=("cluster", "alertname"),
        wait="30s",
        interval="5m",
        repeat="1d",
    ),
    # A dead man's switch is fed, without a wait, more often than it runs out.
    Route(
        matchers=(_severity("heartbeat"),),
        receiver=HEARTBEAT,
        group_by=("cluster",),
        wait="0s",
        interval="1m",
        repeat="1m",
    ),
    # One outage of a pool is one page, whatever layers speak: what fires within the wait, and later, joins it.
    Route(
        matchers=(_severity("page"),),
        receiver=PAGE,
        group_by=("cluster", "pool"),
        wait="30s",
        interval="5m",
        repeat="4h",
    ),
    # An Xid that is an owner's own: they look at it. Give each team a route of its own below this one.
    Route(
        matchers=(_has("xid"), _has("owner_namespace")),
        receiver=OWNERS,
        group_by=("cluster", "owner_namespace", "alertname"),
        wait="1m",
        interval="30m",
        repeat="1d",
    ),
    Route(
        matchers=(_severity("ticket"),),
        receiver=TICKET,
        group_by=("cluster", "pool", "alertname"),
        wait="5m",
        interval="30m",
        repeat="1d",
        mute=(MAINTENANCE,),
    ),
    Route(
        matchers=(_severity("info"),),
        receiver=INFO,
        group_by=("cluster", "alertname"),
        wait="10m",
        interval="1h",
        repeat="7d",
    ),
)
# An example that never comes: take the year away, and put your own window there. Pages are not muted by a clock.
MAINTENANCE_WINDOW: Final[Mapping[str, object]] = {
    "weekdays": ["saturday"],
    "times": [{"start_time": "02:00", "end_time": "04:00"}],
    "years": ["2000"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an alert matches `source`, those that match `target` and equal it in `equal` tell nobody."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


# The lowest first. `gateway` stands beside the chain: it is of no pool. `exporter` is not in it: who is blind explains
# nothing.
CHAIN: Final[tuple[Layer, ...]] = ("node", "driver", "card", "allocation", "lane", "server", "alias")
# The labels that tie an alert of a layer to those above, besides the pool.
_TIES: Final[Mapping[Layer, str]] = {
    "node": "node",
    "driver": "node",
    "card": "gpu_uuid",
    "allocation": "gpu_uuid",
    "lane": "lane",
    "server": "lane",
}
# In a pool of many units one of them is dead while others serve: what is of one unit explains nothing of another, and
# an alias is not silenced by node, driver, card or allocation, but by LanewatchAliasExplained.
_OF_A_POOL: Final = ("cluster", "pool", "unit")
_BELOW_THE_LANE: Final[frozenset[Layer]] = frozenset({"node", "driver", "card", "allocation"})

_ANY: Final = _severity("page", "ticket", "info")
_BELOW_A_PAGE: Final = _severity("ticket", "info")
_NOT_BURNED_IN: Final = Matcher(_BURNED_IN.label, "!=", _BURNED_IN.value)
_EXPLAINS_NOTHING: Final = _is(EXPLAINS, "")

# Of the same alias, the worse says all that the others say; a budget is that of one objective.
_FAST: Final = "LanewatchAlias.+BurnsFast"
_SLOWLY: Final = "LanewatchAlias.+BurnsSlowly"
RANKS: Final = (
    ("LanewatchAliasDown", f"{_FAST}|{_SLOWLY}", ("cluster", "alias")),
    (_FAST, _SLOWLY, ("cluster", "alias", "slo")),
)
# Whether an alias is down during a switch says LanewatchAliasDown itself, which knows why; what is spent is planned.
SPENT: Final = "Lanewatch.+BurnsFast"


def inhibitions() -> tuple[Inhibition, ...]:
    """Return every rule: along the layers, by what is planned, and within one alias."""
    return tuple(chain(_along_the_layers(), _by_the_gateway(), _by_what_explains(), _within_an_alias()))


def _silences(source: tuple[Matcher, ...], target: tuple[Matcher, ...], equal: tuple[str, ...]) -> Inhibition:
    return Inhibition(source=(*source, _NOT_BURNED_IN), target=target, equal=equal)


def _page_of(layer: Layer) -> tuple[Matcher, ...]:
    return (_severity("page"), _is("layer", layer))


def _along_the_layers() -> Iterator[Inhibition]:
    for place, layer in enumerate(CHAIN[:-1]):
        above = tuple(one for one in CHAIN[place + 1 :] if layer not in _BELOW_THE_LANE or one != "alias")
        if above:
            target = (_is("layer", *above), _ANY)
            yield _silences((*_page_of(layer), _has("pool")), target, _OF_A_POOL)
            yield _silences((*_page_of(layer), _has(_TIES[layer])), target, ("cluster", _TIES[layer]))
    # a node that is gone takes its exporter with it
    yield _silences((*_page_of("node"), _has("node")), (_is("layer", "exporter"), _BELOW_A_PAGE), ("cluster", "node"))


def _by_the_gateway() -> Iterator[Inhibition]:
    target = (_is("layer", "alias"), _ANY)
    yield _silences((*_page_of("gateway"), _is("alias", "")), target, ("cluster",))
    yield _silences((*_page_of("gateway"), _has("alias")), target, ("cluster", "alias"))


def _by_what_explains() -> Iterator[Inhibition]:
    alias = (_is("layer", "alias"), _ANY, _EXPLAINS_NOTHING)
    yield _silences((_is(EXPLAINS, BY_LAYER_BELOW), _has("alias")), alias, ("cluster", "alias"))
    switch = (_is(EXPLAINS, BY_SWITCH), _has("pool"))
    yield _silences(switch, (_is("layer", "lane", "server"), _ANY, _EXPLAINS_NOTHING), _OF_A_POOL)
    outage = (_is(EXPLAINS, BY_OUTAGE), _has("alias"))
    yield _silences(outage, (Matcher("alertname", "=~", SPENT), _EXPLAINS_NOTHING), ("cluster", "alias"))
    cordon = (_is(EXPLAINS, BY_CORDON), _has("node"))
    machine = (_is("layer", "node", "driver"), _ANY, _EXPLAINS_NOTHING)
    yield _silences(cordon, machine, ("cluster", "node"))
    on_it = (_is("layer", "card", "allocation", "exporter"), _BELOW_A_PAGE, _EXPLAINS_NOTHING)
    yield _silences(cordon, on_it, ("cluster", "node"))


def _within_an_alias() -> Iterator[Inhibition]:
    for worse, others, equal in RANKS:
        source = (Matcher("alertname", "=~", worse), _has("alias"))
        yield _silences(source, (Matcher("alertname", "=~", others),), equal)

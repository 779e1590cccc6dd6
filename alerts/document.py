"""docs/alerts.md out of the tables: every alert, who is told, what silences what, and how to include it."""

from collections.abc import Iterable, Sequence
from typing import Final

from alerts.alertmanager import ADDRESS_FOLDER, CONFIGURATION, OBJECT, SECRET
from alerts.groups import every_alert
from alerts.routes import (
    ADDRESSES,
    CHAIN,
    DEFAULT,
    MAINTENANCE,
    OWNERS,
    ROUTES,
    Inhibition,
    Matcher,
    Route,
    inhibitions,
)
from alerts.rule import SEVERITY_LABEL, Alert, Severity

PATH: Final = "docs/alerts.md"
_SEVERITIES: Final[tuple[Severity, ...]] = ("page", "ticket", "info", "heartbeat")
_LAYERS: Final = (*CHAIN[:-1], "gateway", CHAIN[-1], "exporter")

_HEAD: Final = """# The alerts

Generated from `alerts/` by `make generate`; edit there. Each alert has labels to route by (`severity`, `layer`: the one
that failed, `action`: the first thing to do, and `pool` where it is known), a runbook, and tests in which it fires, is
silent, and survives a lost scrape, a restart of the exporter and a second one.

A page is what users feel, or hardware that is surely broken. A ticket waits for working hours. An info tells nobody;
those that explain other alerts silence them. The heartbeat always fires, and somebody outside counts on it.

"""

_ROUTING: Final = """
## Who is told

The routes are `{configuration}`; what stands on the left of the table is their order, and the first that matches wins.
Receivers read their address from a file in `{folder}`, so that no address stands in a configuration. A receiver
without a file tells nobody.

{table}

One outage of a pool is one page: pages are grouped by `cluster` and `pool`, so that what a second layer says joins the
notification that is there. Tickets rest in the time interval `{maintenance}`, an example that never comes until you put
your own window there; pages are muted by no clock. Routes that know the teams go below the route of `{owners}`:

```yaml
- matchers: ['owner_namespace="vision"']
  receiver: team-vision
```

## What silences what

Along the layers, {chain}: while a page of a lower layer fires, what is above it in the same pool tells nobody, for it
follows. What is of a node, a card or a lane ties them as well. In a pool of several units one that is dead explains
nothing of the others, so an alias is silenced by a page of node, driver, card or allocation only where its own verdict
names that layer (LanewatchAliasExplained). A gateway that is down silences the aliases. Of one alias, down silences the
burn rates, and a fast one silences a slow one. A planned switch silences its lanes and their servers. What an outage
that was paged for, or a switch, spent of a budget is no page of its own once it is over
(LanewatchAliasSpendExplained). A cordoned node silences pages about node and driver, and tickets about what is on it.
An exporter that is gone silences nothing, and nothing but its node or its driver silences a page about a card.

The rules, each with both sides; no alert matches both sides of one, and each source has the label that ties it to what
it silences, for Alertmanager takes a label that is missing on both sides as equal.

{inhibitions}
## How to include it

**Plain Prometheus and Alertmanager.** Rules: `lanewatch rules render --format prometheus --out /etc/prometheus/rules`
and `rule_files: [/etc/prometheus/rules/lanewatch-*.yaml]`. Routes: `{configuration}` is valid as it is. If you have a
tree of your own, take the one route below its root into yours, and its receivers, time intervals and inhibition rules
into your lists. Write each address into its file: {files}. `amtool check-config` and
`amtool config routes test` say whether the whole is right.

**kube-prometheus-stack.** Rules: `lanewatch rules render --format operator --out rules && kubectl apply -f rules`, or
the chart. The operator selects objects by label: give them the `release` label of your installation, or set
`prometheus.prometheusSpec.ruleSelectorNilUsesHelmValues: false`. Routes: `{object}`, which reads the same addresses
as keys of the Secret `{secret}` in its namespace. The operator adds a matcher for the object's namespace to each route
and rule, and so would hide alerts from other namespaces: set
`alertmanager.alertmanagerSpec.alertmanagerConfigMatcherStrategy.type: None`.

**Mimir.** `lanewatch rules render --format mimir --out rules && mimirtool rules load rules/lanewatch.yaml`. **Thanos
Ruler** loads the files of `--format prometheus`.

`--burn-in` labels each alert `burn_in="true"`: the routes tell nobody of it and nothing is silenced by it, so a new
pack can run beside an old one for a while; recorded series are the same. `--runbooks URL` says where your copy of the
runbooks is.
"""


def render() -> dict[str, str]:
    """Return the document by its path."""
    return {PATH: _HEAD + "\n".join(map(_alerts_of, _SEVERITIES)) + _routing()}


def _alerts_of(severity: Severity) -> str:
    found = [alert for alert in every_alert() if alert.severity == severity]
    ordered = sorted(found, key=lambda alert: (_LAYERS.index(alert.layer), alert.name))
    heading = f"## {severity.capitalize()} (`severity` is `{SEVERITY_LABEL[severity]}`)"
    return f"{heading}\n\n{_table(('alert', 'layer', 'action', 'for', 'meaning'), map(_row, ordered))}"


def _row(alert: Alert) -> tuple[str, ...]:
    link = f"[{alert.name}](../alerts/runbooks/{alert.name}.md)"
    action = f"`{alert.action}`" if alert.action else "as the series says"
    return (link, alert.layer, action, alert.for_ or "at once", alert.summary)


def _routing() -> str:
    return _ROUTING.format(
        configuration=CONFIGURATION,
        folder=ADDRESS_FOLDER,
        table=_table(
            ("what", "who is told", "one notification each", "after", "more", "again"),
            map(_routed, (*ROUTES, DEFAULT)),
        ),
        maintenance=MAINTENANCE,
        owners=OWNERS,
        chain=" < ".join(CHAIN),
        inhibitions=_table(("while this fires", "this is silent", "if equal"), map(_inhibited, inhibitions())),
        files=", ".join(f"`{file}`" for file in ADDRESSES.values()),
        object=OBJECT,
        secret=SECRET,
    )


def _routed(route: Route) -> tuple[str, ...]:
    groups = ", ".join(f"`{label}`" for label in route.group_by)
    return (_claims(route.matchers), f"`{route.receiver}`", groups, route.wait, route.interval, route.repeat)


def _inhibited(one: Inhibition) -> tuple[str, ...]:
    return _claims(one.source), _claims(one.target), ", ".join(f"`{label}`" for label in one.equal)


def _claims(matchers: Sequence[Matcher]) -> str:
    return " ".join(f"`{matcher}`" for matcher in matchers).replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

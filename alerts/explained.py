"""What explains other alerts: it tells nobody anything by itself, and alerts/routes.py silences what it explains."""

from collections.abc import Mapping
from typing import Final

from alerts.places import ALIAS_POOL
from alerts.promql import PLACE, WATCHER_PLACE, indent, latest
from alerts.rule import Alert, Group, Layer
from exporter.catalogue import ALIAS_INFO, ALIAS_ROOT_CAUSE, NODE_BASELINE, POOL_STATE

# The label by which the routes know them, and its values.
EXPLAINS: Final = "explains"
BY_SWITCH: Final = "switch"
BY_CORDON: Final = "cordon"
BY_LAYER_BELOW: Final = "alias"
BY_OUTAGE: Final = "outage"

# A dead card in a pool of many must not hide what users feel: an alias is explained by a page of the layer that its own
# verdict names. What the verdict calls each layer is on the right.
_CAUSE_OF: Final[Mapping[Layer, str]] = {
    "node": "node",
    "driver": "driver",
    "card": "device",
    "allocation": "allocation",
}
# A fast burn rate looks back for 5 minutes, and its probes may be 5 minutes apart: what an outage or a switch spent is
# seen for as long after its end, and would page when all is well again.
_SEEN_AFTER: Final = "10m"


def _explained(layer: Layer, cause: str) -> str:
    verdict = f"{latest(ALIAS_ROOT_CAUSE.where(cause=cause), (*WATCHER_PLACE, 'cause'))} == 1"
    page = f'ALERTS{{alertstate="firing",layer="{layer}",severity="critical"}}'
    return f"{ALIAS_POOL}\nand on (cluster, pool)\n{page}\nand on (cluster, alias)\n(\n{indent(verdict)}\n)"


def _lately(matchers: str) -> str:
    return f'last_over_time(ALERTS{{alertstate="firing",{matchers}}}[{_SEEN_AFTER}])'


_OUTAGE: Final = _lately('layer!~"alias|exporter|gateway",severity="critical",alertname!~".+Burns.+"')
_GATEWAY: Final = _lately('alias="",layer="gateway",severity="critical"')
_ALIASES: Final = latest(ALIAS_INFO.where(), (*WATCHER_PLACE, "kind", "lane"))
_SPENT: Final = (
    (ALIAS_POOL, "cluster, pool", _OUTAGE),
    (ALIAS_POOL, "cluster, pool", _lately('alertname="LanewatchPoolSwitching"')),
    (_ALIASES, "cluster, alias", _lately('alertname="LanewatchAliasDown"')),
    (_ALIASES, "cluster", _GATEWAY),
)

GROUP: Final = Group(
    name="lanewatch-explained",
    rules=(
        Alert(
            name="LanewatchPoolSwitching",
            # the exporter leaves the state when its grace is over, and with it ends what is silenced
            expr=f"{latest(POOL_STATE.where(state='switching'), (*WATCHER_PLACE, 'state'))} == 1",
            severity="info",
            layer="lane",
            action="wait",
            labels={EXPLAINS: BY_SWITCH},
            summary="A planned switch of lanes is under way",
            description=(
                "Pool {{ $labels.pool }}{{ with $labels.unit }} on {{ . }}{{ end }} switches from one lane to another. "
                "Alerts about its lanes and their servers wait until it is done, or its time is over."
            ),
        ),
        Alert(
            name="LanewatchNodeCordoned",
            expr=f"{latest(NODE_BASELINE.where(check='schedulable'), (*PLACE, 'check'), pick='min')} == 0",
            severity="info",
            layer="node",
            action="none",
            labels={EXPLAINS: BY_CORDON},
            summary="A GPU node takes no new pods",
            description=(
                "Node {{ $labels.node }} is cordoned, as for maintenance. Pages about node and driver, and tickets "
                "about what is on it, wait until it is open again; what its card reports and what users feel do not."
            ),
        ),
        Alert(
            name="LanewatchAliasExplained",
            expr="\nor\n".join(f"(\n{indent(_explained(layer, cause))}\n)" for layer, cause in _CAUSE_OF.items()),
            severity="info",
            layer="alias",
            action="none",
            labels={EXPLAINS: BY_LAYER_BELOW},
            summary="An alias fails for a reason that has its own page",
            description=(
                "The verdict about alias {{ $labels.alias }} names a layer of pool {{ $labels.pool }} that is paged "
                "for. The alias' own alerts wait until that one ends."
            ),
        ),
        Alert(
            name="LanewatchAliasSpendExplained",
            expr="\nor on (cluster, alias)\n".join(
                f"(\n{indent(who)}\n  and on ({by})\n  {what}\n)" for who, by, what in _SPENT
            ),
            severity="info",
            layer="alias",
            action="none",
            labels={EXPLAINS: BY_OUTAGE},
            summary="What an alias spent of its budget has been paged for, or was planned",
            description=(
                "An outage or a switch of the last 10 minutes explains how fast alias {{ $labels.alias }} spends its "
                "error budget. Its fast burn rates wait until they have not got that in view any more."
            ),
        ),
    ),
)

"""Whether the nodes that host a lane, or should, are fit to serve: each failed check by the layer that mends it."""

from typing import Final, NamedTuple

from alerts.found import found_once
from alerts.places import HOST, on_a_host
from alerts.promql import PLACE, bridged, recent_that
from alerts.rare import watched
from alerts.rule import Action, Alert, Group, Layer
from exporter.catalogue import NODE_BASELINE, NODE_CAPACITY_GPUS

# That a node is cordoned (`schedulable`) is said by LanewatchNodeCordoned, which explains others.
_OF_A_SPARE: Final = "~advertised|daemons|device_plugin|isolated|labelled|ready|sharing_explicit|telemetry"
_OF_A_HOST: Final = "served"  # no server was ready there yet, or since the watcher began: of a spare node no news


def _failed(checks: str) -> str:
    return watched(NODE_BASELINE, check=checks)


_THERE: Final = bridged(NODE_CAPACITY_GPUS.where(view="capacity"))
_SHORT: Final = recent_that(
    NODE_CAPACITY_GPUS.where(view="allocatable"), f"< ignoring (view) {_THERE}", (*PLACE, "view"), pick="min"
)
_UNFIT: Final = f"{_failed(_OF_A_SPARE)}\nunless on (cluster, node) {HOST}\nor\n{on_a_host(_failed(_OF_A_HOST))}"


class _Check(NamedTuple):
    """Checks that one layer has to mend, in one way."""

    name: str
    checks: str
    layer: Layer
    action: Action
    summary: str
    words: str
    for_: str = "10m"


_CHECKS: Final = (
    _Check(
        "LanewatchNodeNotReady",
        "ready",
        "node",
        "investigate",
        "A node of the lanes is not ready",
        "is not ready for 5 minutes, or its kubelet is not heard: what the API server says of its pods is old",
        for_="5m",
    ),
    _Check(
        "LanewatchNodeGpusNotOffered",
        "~advertised|device_plugin",
        "allocation",
        "restart_device_plugin",
        "A node of the lanes offers no GPU",
        "fails the check {{ $labels.check }} for 10 minutes: no GPU is offered there, or no pod of the device plugin "
        "is ready. A lane that runs goes on; the next one finds no card",
    ),
    _Check(
        "LanewatchNodeUndescribed",
        "~labelled|sharing_explicit",
        "node",
        "fix_labels",
        "A node of the lanes does not say what its cards are",
        "fails the check {{ $labels.check }} for 10 minutes: labels that say which card it has, or how it is shared, "
        "are missing or contradict each other",
    ),
    _Check(
        "LanewatchNodeNotIsolated",
        "isolated",
        "node",
        "fix_configuration",
        "Nothing keeps other work off a node of the lanes",
        "has no taint that keeps other work off for 10 minutes: whatever comes takes CPU and memory that the lane "
        "needs when it starts",
    ),
    _Check(
        "LanewatchNodeCardsUnreported",
        "telemetry",
        "exporter",
        "restore_source",
        "Nobody reports the cards of a node of the lanes",
        "has no exporter that reports its cards for 10 minutes: alerts about them cannot fire",
    ),
    _Check(
        "LanewatchNodeDaemonsDown",
        "daemons",
        "node",
        "investigate",
        "Daemons that the cards of a node need are down",
        "has daemons that its GPUs need (feature discovery, container toolkit, driver, DRA) not ready for 10 minutes",
    ),
)


def _alert(one: _Check) -> Alert:
    return Alert(
        name=one.name,
        expr=on_a_host(_failed(one.checks)),
        of="node",
        for_=one.for_,
        severity="ticket",
        layer=one.layer,
        action=one.action,
        summary=one.summary,
        description=f"Node {{{{ $labels.node }}}}, which hosts a lane or should, {one.words}.",
    )


GROUP: Final = Group(
    name="lanewatch-baseline",
    rules=found_once(
        "baseline",
        *map(_alert, _CHECKS),
        Alert(
            name="LanewatchNodeGpusShort",
            expr=_SHORT,
            of="node",
            for_="5m",
            severity="ticket",
            layer="allocation",
            action="restart_device_plugin",
            summary="A node offers fewer GPUs than it has",
            description=(
                "Node {{ $labels.node }} offers {{ $value }} of {{ $labels.resource }} for 5 minutes, fewer than it "
                "has: the device plugin is down, or calls a card unhealthy. Look at the card's own alerts first."
            ),
        ),
        Alert(
            name="LanewatchNodeUnfit",
            expr=_UNFIT,
            of="node",
            for_="1h",
            severity="info",
            layer="node",
            action="wait",
            summary="A GPU node would not take a lane",
            description=(
                "Node {{ $labels.node }} fails the check {{ $labels.check }} for 1 hour. It hosts no lane, so that "
                "nobody waits for it, or (served) no model server has become ready there since the watcher began."
            ),
        ),
    ),
)

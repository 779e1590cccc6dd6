"""Whether all layers of a node describe the same card, and which layer is the one that does not."""

from typing import Final, NamedTuple

from alerts.found import found_once
from alerts.promql import PLACE, indent, tell
from alerts.rare import watched
from alerts.rule import Action, Alert, Group, Layer
from exporter.catalogue import NODE_CARD_AGREEMENT, NODE_CARD_ODD_VIEW, NODE_CARD_VIEW_INFO
from exporter.facts.card_facts import FACTS

_SAID: Final = tell(NODE_CARD_VIEW_INFO, ["view", "value"], same="node", part="fact")
_ODD: Final = tell(NODE_CARD_ODD_VIEW, ["view"], same="node", part="fact")
_VIEW: Final = (*PLACE, "view")
_STATE: Final = (*PLACE, "state")
# Labels and offers follow a new driver within minutes; what contradicts it for longer follows no more.
_SETTLES: Final = "15m"

_DISAGREE: Final = watched(NODE_CARD_AGREEMENT, _STATE, state="disagree")
_NOBODY_ODD: Final = f"unless\n{watched(NODE_CARD_ODD_VIEW, _VIEW)}"
# Of one fact nobody may ever tell, such as MIG of a card without it. That no fact can be compared is blindness.
_ALL_UNKNOWN: Final = (
    f"count without (fact) (\n{indent(watched(NODE_CARD_AGREEMENT, _STATE, state='unknown'))}\n) == {len(FACTS)}"
)


class _Odd(NamedTuple):
    """A layer whose views are odd, and what to do about it."""

    name: str
    views: str
    layer: Layer
    action: Action
    summary: str
    advice: str


_ODD_ONES: Final = (
    _Odd(
        "LanewatchCardLabelsWrong",
        "labels",
        "node",
        "fix_labels",
        "The labels of a node describe another card",
        "Restart feature discovery on the node; workloads that select by these labels go to the wrong card",
    ),
    _Odd(
        "LanewatchCardOfferWrong",
        "~allocatable|capacity|claims",
        "allocation",
        "restart_device_plugin",
        "What a node offers is not the card that it has",
        "Restart the device plugin, or the DRA driver, when no lane is rolling",
    ),
    _Odd(
        "LanewatchCardTelemetryWrong",
        "telemetry",
        "exporter",
        "restore_source",
        "Telemetry describes another card than the driver",
        "Restart that exporter of the node; until then believe the driver",
    ),
)


def _alert(one: _Odd) -> Alert:
    return Alert(
        name=one.name,
        expr=watched(NODE_CARD_ODD_VIEW, _VIEW, view=one.views),
        of="node",
        for_=_SETTLES,
        severity="ticket",
        layer=one.layer,
        action=one.action,
        summary=one.summary,
        description=(
            "The views of node {{ $labels.node }} disagree about {{ $labels.fact }} of its cards for 15 minutes. "
            f"Odd:{_ODD}. Each says:{_SAID}. {one.advice}."
        ),
    )


GROUP: Final = Group(
    name="lanewatch-agreement",
    rules=found_once(
        "agreement",
        *map(_alert, _ODD_ONES),
        Alert(
            name="LanewatchCardViewsDisagree",
            expr=f"{_DISAGREE}\n{_NOBODY_ODD}",
            of="node",
            for_=_SETTLES,
            severity="ticket",
            layer="driver",  # its word would decide, and it says nothing
            action="investigate",
            summary="Two layers describe different cards, and the driver is silent",
            description=(
                "The views of node {{ $labels.node }} disagree about {{ $labels.fact }} of its cards for 15 minutes, "
                f"and which is right cannot be told without the driver. Each says:{_SAID}."
            ),
        ),
        Alert(
            name="LanewatchCardViewsUnknown",
            expr=_ALL_UNKNOWN,
            of="node",
            for_="1h",
            severity="info",
            layer="exporter",
            action="restore_source",
            summary="Whether all layers describe the same card cannot be told",
            description=(
                "Of no fact do two views of node {{ $labels.node }} tell for 1 hour: no agent answers for it, and it "
                "has neither labels nor offers to compare."
            ),
        ),
    ),
)

"""Do all views describe the same card, and can the readings of it be trusted."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row, Word
from dashboards.looks import BY_CARD, CARD, HOLDS, SHARE
from dashboards.series import chosen, most, numbered, rate
from exporter import catalogue as c

AGREEMENTS: Final = (Word(0, "agree", "green"), Word(1, "disagree", "red"), Word(2, "unknown", "gray"))
_ODD: Final = (Word(0, "no", "green"), Word(1, "yes", "red"))
_MADE: Final = f"max by ({BY_CARD}) ({rate(c.GPU_READINGS)})"
_DUE: Final = f"max by ({BY_CARD}) ({rate(c.GPU_READINGS_DUE)})"
ROW: Final = Row(
    "Does everybody see the same card?",
    (
        Panel(
            kind="table",
            title="What does each view say of the node's cards?",
            about="One row a fact and view: the driver, telemetry, the labels of feature discovery, what the kubelet "
            "counts and offers, claims. Odd: the view that differs from the driver's word; it names the broken layer.",
            queries=(
                Query(most("node, fact, view, value", c.NODE_CARD_VIEW_INFO)),
                Query(most("node, fact, view", c.NODE_CARD_ODD_VIEW)),
            ),
            look=Look(
                unit="none",
                columns=(
                    Column("node", "Node"),
                    Column("fact", "Fact"),
                    Column("view", "View"),
                    Column("value", "Says"),
                    Column("Value #B", "Odd", words=_ODD),
                ),
            ),
            height=12,
        ),
        Panel(
            kind="state-timeline",
            title="Do all views agree?",
            about="The verdict about each fact. unknown: fewer than two views tell.",
            queries=(
                Query(
                    numbered(c.NODE_CARD_AGREEMENT, "state", [word.text for word in AGREEMENTS], "node, fact"),
                    "{{node}} {{fact}}",
                ),
            ),
            look=Look(unit="none", words=AGREEMENTS),
            height=12,
        ),
        Panel(
            kind="state-timeline",
            title="Do NVML and DCGM contradict each other?",
            about="Each field on which they do, and a source that repeats itself while the other moves. Trust neither "
            "before you know which is wrong. Empty is good, or only one of them is read.",
            queries=(
                Query(f"max by ({BY_CARD}, field) ({chosen(c.GPU_SOURCES_DISAGREE)} == 1)", f"{CARD}: {{{{field}}}}"),
                Query(
                    f"max by ({BY_CARD}, source) ({chosen(c.GPU_SOURCE_FROZEN)} == 1)",
                    f"{CARD}: {{{{source}}}} stands still",
                ),
            ),
            look=Look(unit="none", words=HOLDS),
        ),
        Panel(
            kind="timeseries",
            title="Does the card answer each time it is read?",
            about="Share of the readings due that gave values. Below 1: it answers late or not at all, which under "
            "load is itself a symptom.",
            queries=(Query(f"{_MADE} / {_DUE}", CARD),),
            look=SHARE,
        ),
    ),
)

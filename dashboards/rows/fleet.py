"""A fleet at a glance: every number was counted by a rule, no query here goes over cards."""

from typing import Final

from alerts import fleet as f
from alerts.budget import BURN
from alerts.links import ALIAS_BOARD, EXPORTER_BOARD, GPU_BOARD, INFERENCE_BOARD
from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_ALIAS
from dashboards.looks import BYTES, COUNT
from dashboards.series import chosen, fleet, recorded
from exporter import catalogue as c

_CLUSTER: Final = "{{cluster}}"
_STACKED: Final = Look(unit="short", least=0, is_stacked=True)
_GO: Final = "${datasource:queryparam}&${cluster:queryparam}&${__url_time_range}"
_PAGES: Final = f"""\
- [Which card is it?](/d/{GPU_BOARD}?{_GO})
- [Which lane, and who owns the card?](/d/{INFERENCE_BOARD}?{_GO})
- [Which alias, and which layer?](/d/{ALIAS_BOARD}?{_GO})
- [Can the exporters be trusted?](/d/{EXPORTER_BOARD}?{_GO})
"""

CARDS: Final = Row(
    "Are the cards there, and well?",
    (
        Panel(
            kind="stat",
            title="How many cards answer, of how many?",
            about="Cards by cluster, and how many of them answer. Less than there are: a card is lost, or its driver "
            "hangs.",
            queries=(
                Query(f"sum by (cluster) ({fleet(f.CARDS)})", f"{_CLUSTER} cards"),
                Query(fleet(f.ANSWERING), f"{_CLUSTER} answering"),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title="How many of which model?",
            about="Cards by cluster and model.",
            queries=(Query(f"sort_desc({fleet(f.CARDS)})", f"{_CLUSTER} {{{{model}}}}"),),
            look=Look(unit="short", least=0, base="blue"),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Why do cards not answer?",
            about="Cards that do not answer, by reason. 0 is good.",
            queries=(Query(fleet(f.UNAVAILABLE), f"{_CLUSTER} {{{{reason}}}}"),),
            look=_STACKED,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Who owns the cards?",
            about="Cards by the state of their ownership. host_process, orphan and process_no_allocation: memory that "
            "nobody was given.",
            queries=(Query(f"{fleet(f.OWNERSHIP)} > 0", f"{_CLUSTER} {{{{state}}}}"),),
            look=_STACKED,
        ),
        Panel(
            kind="timeseries",
            title="How many cards are paid for nothing?",
            about="Cards that are owned, hold memory and do no work, on average over five minutes.",
            queries=(Query(fleet(f.IDLE), _CLUSTER),),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="How much memory is in use in all?",
            about="Bytes in use on all cards; dashed, the memory that they have. MIG instances count, their card does "
            "not: no sum counts twice.",
            queries=(
                Query(fleet(f.MEMORY_USED), f"{_CLUSTER} in use"),
                Query(fleet(f.MEMORY_TOTAL), f"{_CLUSTER} has", is_limit=True),
            ),
            look=BYTES,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How much power do all cards draw?",
            about="Watts of all cards; dashed, the sum of the limits that are enforced.",
            queries=(
                Query(fleet(f.POWER), f"{_CLUSTER} drawn"),
                Query(fleet(f.POWER_LIMIT), f"{_CLUSTER} limit", is_limit=True),
            ),
            look=Look(unit="watt", least=0),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How hot is the hottest?",
            about="Degrees Celsius of the hottest card, by sensor.",
            queries=(Query(fleet(f.HOTTEST), f"{_CLUSTER} {{{{sensor}}}}"),),
            look=Look(unit="celsius"),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many cards are held down?",
            about="Cards whose clock is held down for a reason, on average over five minutes. power_cap is normal "
            "under full load; thermal and power_brake are not.",
            queries=(Query(fleet(f.THROTTLED), f"{_CLUSTER} {{{{reason}}}}"),),
            look=_STACKED,
        ),
        Panel(
            kind="timeseries",
            title="How many Xid errors came?",
            about="Xid errors within an hour, by class. hardware: a card; application: the owner's program.",
            queries=(Query(fleet(f.XIDS), f"{_CLUSTER} {{{{class}}}}"),),
            look=_STACKED,
        ),
    ),
)
SERVING: Final = Row(
    "Do the lanes serve, and the aliases answer?",
    (
        Panel(
            kind="timeseries",
            title="In which state are the pools?",
            about="Pools, or their nodes and cards where one may run on each, by state. steady is good; switching ends "
            "by itself.",
            queries=(Query(f"{fleet(f.POOLS)} > 0", f"{_CLUSTER} {{{{state}}}}"),),
            look=_STACKED,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which layer explains the aliases?",
            about="Aliases by the one layer that explains their last probe. none: they are well.",
            queries=(Query(f"{fleet(f.ALIASES)} > 0", f"{_CLUSTER} {{{{cause}}}}"),),
            look=_STACKED,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title="Which alias burns fastest?",
            about="Burn rate of the last hour, the ten highest. 1: just as fast as promised.",
            queries=(Query(f"sort_desc(topk(10, {recorded(BURN)}))", f"{_CLUSTER} {{{{alias}}}} {{{{slo}}}}"),),
            look=Look(unit="short", least=0, steps=((1, "orange"), (14.4, "red"))),
            width=8,
            links=TO_ALIAS,
        ),
        Panel(
            kind="timeseries",
            title="How many requests wait in all?",
            about="Requests that wait for a lane, and those that lanes work on. Waiting for long: scale out.",
            queries=(
                Query(fleet(f.WAITING), f"{_CLUSTER} waiting"),
                Query(fleet(f.RUNNING), f"{_CLUSTER} running"),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many pods do the lanes have?",
            about="Pods of all lanes by phase.",
            queries=(Query(fleet(f.PODS), f"{_CLUSTER} {{{{phase}}}}"),),
            look=_STACKED,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="What happened to lanes?",
            about="Restarts and events of all lanes within an hour: OOM kills, evictions, crash loops, lost readiness, "
            "failed loads.",
            queries=(
                Query(fleet(f.RESTARTS), f"{_CLUSTER} restarts"),
                Query(fleet(f.EVENTS), f"{_CLUSTER} {{{{event}}}}"),
            ),
            look=COUNT,
            width=8,
        ),
    ),
)
WATCHED: Final = Row(
    "Are the nodes fit, and all of them watched?",
    (
        Panel(
            kind="timeseries",
            title="How many nodes fail which check?",
            about="GPU nodes that are not fit to serve, by check; a node can fail several. 0 is good.",
            queries=(
                Query(
                    f"max by (cluster, check) ({chosen(c.NODE_BASELINE_NODES, verdict='failed')})",
                    f"{_CLUSTER} {{{{check}}}}",
                ),
            ),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="On how many nodes do the views of a card disagree?",
            about="GPU nodes by the fact that driver, labels, kubelet and telemetry do not tell alike. 0 is good.",
            queries=(
                Query(
                    f"max by (cluster, fact) ({chosen(c.NODE_CARD_NODES, state='disagree')})",
                    f"{_CLUSTER} {{{{fact}}}}",
                ),
            ),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="How many exporters, of which version?",
            about="Exporters by role and version. Two versions for long: a roll-out hangs.",
            queries=(Query(fleet(f.EXPORTERS), f"{_CLUSTER} {{{{role}}}} {{{{version}}}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many sources cannot be read?",
            about="Exporters that cannot read a source, by source: its series are absent there. Empty is good.",
            queries=(Query(fleet(f.SOURCES_DOWN), f"{_CLUSTER} {{{{source}}}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="text",
            title="Where does it go on?",
            about="Pages that say more, with the clusters that are chosen here.",
            queries=(),
            look=Look(unit="none"),
            text=_PAGES,
            width=8,
        ),
    ),
)

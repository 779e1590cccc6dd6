"""Which layer failed: the one cause, the state of every layer, and why a first token came late."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row, Word
from dashboards.looks import HOLDS
from dashboards.series import chosen, increase, numbered
from exporter import catalogue as c

LAYERS: Final = (  # the lowest first, as the verdict has them
    *("node", "driver", "device", "allocation", "lane_pod", "backend_process", "backend_work", "network"),
    *("gateway_process", "gateway_key", "alias_route", "gateway_translation", "first_token", "output"),
)
LAYER_STATES: Final = (
    Word(0, "ok", "green"),
    Word(1, "bad", "red"),
    Word(2, "unknown", "gray"),
    Word(3, "not_looked_at", "blue"),
)
_TEXTS: Final = tuple(word.text for word in LAYER_STATES)
ROW: Final = Row(
    "Which layer failed?",
    (
        Panel(
            kind="state-timeline",
            title="Which layer explains the last probe?",
            about="The one cause of the last probe's outcome: the lowest layer that is proven bad and could make what "
            "was seen. none: the alias is well; unknown: it cannot be told.",
            queries=(Query(f"max by (alias, cause) ({chosen(c.ALIAS_ROOT_CAUSE)} == 1)", "{{alias}}: {{cause}}"),),
            look=Look(unit="none", words=HOLDS),
        ),
        Panel(
            kind="state-timeline",
            title="How did each probe end?",
            about="The outcome of the last probe. ok and slow were answered; the others say what went wrong.",
            queries=(
                Query(f"max by (alias, outcome) ({chosen(c.PROBE_LAST_OUTCOME)} == 1)", "{{alias}}: {{outcome}}"),
            ),
            look=Look(unit="none", words=HOLDS),
        ),
        Panel(
            kind="state-timeline",
            title="How is every layer under the alias?",
            about="From the node up to the output. bad: proven bad; unknown: it cannot be told; not_looked_at: nothing "
            "in the configuration lets it be seen.",
            queries=tuple(
                Query(numbered(c.ALIAS_LAYER, "state", _TEXTS, "alias, layer", layer=layer), "{{alias}} {{layer}}")
                for layer in LAYERS
            ),
            look=Look(unit="none", words=LAYER_STATES),
            width=24,
            height=14,
        ),
        Panel(
            kind="state-timeline",
            title="Why did the first token come late?",
            about="What explains it: throttling, a co-tenant on the card, memory, a cold start, a queue, the gateway. "
            "none: it came in time.",
            queries=(
                Query(f"max by (alias, cause) ({chosen(c.ALIAS_FIRST_TOKEN_CAUSE)} == 1)", "{{alias}}: {{cause}}"),
            ),
            look=Look(unit="none", words=HOLDS),
        ),
        Panel(
            kind="timeseries",
            title="Which outcomes came how often?",
            about="Probes through the gateway between two points, by outcome.",
            queries=(Query(f"sum by (alias, outcome) ({increase(c.PROBE_ATTEMPTS)}) > 0", "{{alias}}: {{outcome}}"),),
            look=Look(unit="short", least=0, is_stacked=True),
        ),
    ),
)

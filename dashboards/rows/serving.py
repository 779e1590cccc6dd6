"""Is exactly one lane serving: the state of the pool, what breaks its invariant, the pods of its lanes."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row, Word
from dashboards.looks import COUNT, HOLDS, YES_OR_NO
from dashboards.series import chosen, increase, numbered
from exporter import catalogue as c

_WORDS_OF_THE_POOL: Final = (
    Word(0, "steady", "green"),
    Word(1, "switching", "blue"),
    Word(2, "none", "red"),
    Word(3, "many", "red"),
    Word(4, "unknown", "gray"),
)
ROW: Final = Row(
    "Is exactly one lane serving?",
    (
        Panel(
            kind="stat",
            title="Is the invariant kept?",
            about="Exactly one GPU LLM runs and none is pending. Unknown: the API server could not be asked.",
            queries=(Query(f"min by (pool) ({chosen(c.POOL_INVARIANT_OK)})", "{{pool}}"),),
            look=Look(unit="none", words=YES_OR_NO),
            width=6,
        ),
        Panel(
            kind="state-timeline",
            title="In which state is the pool, and since when?",
            about="A planned switch is blue and ends by itself; red needs a person.",
            queries=(
                Query(numbered(c.POOL_STATE, "state", [word.text for word in _WORDS_OF_THE_POOL], "pool"), "{{pool}}"),
            ),
            look=Look(unit="none", words=_WORDS_OF_THE_POOL),
            width=18,
        ),
        Panel(
            kind="state-timeline",
            title="What breaks the invariant?",
            about="Each reason that holds. Empty is good.",
            queries=(Query(f"max by (pool, reason) ({chosen(c.POOL_VIOLATION)} == 1)", "{{pool}}: {{reason}}"),),
            look=Look(unit="none", words=HOLDS),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which pods does each lane have?",
            about="Pods by phase. A lane without pods is parked.",
            queries=(Query(f"sum by (lane, phase) ({chosen(c.LANE_PODS)}) > 0", "{{lane}}: {{phase}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Did a server restart?",
            about="Restarts of the lanes' containers. Any rise is worth a look.",
            queries=(Query(f"sum by (lane) ({increase(c.LANE_RESTARTS)})", "{{lane}}"),),
            look=COUNT,
            width=8,
        ),
    ),
)

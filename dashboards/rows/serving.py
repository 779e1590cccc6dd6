"""Is exactly one lane serving: the state of the pool, what breaks its invariant and who, the pods of its lanes."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row, Word
from dashboards.looks import COUNT, HOLDS, SECONDS, YES_OR_NO
from dashboards.series import chosen, increase, most, numbered
from exporter import catalogue as c

POOL_STATES: Final = (
    Word(0, "steady", "green"),
    Word(1, "switching", "blue"),
    Word(2, "none", "red"),
    Word(3, "many", "red"),
    Word(4, "split", "red"),
    Word(5, "unknown", "gray"),
)
_HANGS: Final = (Word(0, "no", "green"), Word(1, "yes", "red"))
_UNIT: Final = "{{pool}} {{unit}}"  # the unit is empty where one lane may run in the whole pool
_LANE: Final = "{{lane_namespace}}/{{lane}}"
_BY_LANE: Final = "pool, lane_namespace, lane"
_BLAMED: Final = "pool, unit, reason, kind, violator_namespace, violator"
ROW: Final = Row(
    "Is exactly one lane serving?",
    (
        Panel(
            kind="stat",
            title="Is the invariant kept?",
            about="Exactly one GPU LLM runs and none is pending, in the pool or on each of its nodes or cards. "
            "Unknown: the API server could not be asked.",
            queries=(Query(f"min by (pool, unit) ({chosen(c.POOL_INVARIANT_OK)})", _UNIT),),
            look=Look(unit="none", words=YES_OR_NO),
            width=6,
        ),
        Panel(
            kind="state-timeline",
            title="In which state is the pool, and since when?",
            about="A planned switch is blue and ends by itself; red needs a person. split: the API server and the card "
            "name different owners.",
            queries=(Query(numbered(c.POOL_STATE, "state", [word.text for word in POOL_STATES], "pool, unit"), _UNIT),),
            look=Look(unit="none", words=POOL_STATES),
            width=18,
        ),
        Panel(
            kind="state-timeline",
            title="What breaks the invariant?",
            about="Each reason that holds. Empty is good.",
            queries=(
                Query(f"max by (pool, unit, reason) ({chosen(c.POOL_VIOLATION)} == 1)", f"{_UNIT}: {{{{reason}}}}"),
            ),
            look=Look(unit="none", words=HOLDS),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which pods does each lane have?",
            about="Pods by phase. A lane without pods is parked.",
            queries=(Query(f"sum by ({_BY_LANE}, phase) ({chosen(c.LANE_PODS)}) > 0", f"{_LANE}: {{{{phase}}}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Did a server restart?",
            about="Restarts of the lanes' containers. Any rise is worth a look.",
            queries=(Query(f"sum by ({_BY_LANE}) ({increase(c.LANE_RESTARTS)})", _LANE),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="table",
            title="Who breaks the invariant?",
            about="Who is to blame for each reason that holds, at most ten each. Empty is good.",
            queries=(Query(f"max by ({_BLAMED}) ({chosen(c.POOL_VIOLATOR_INFO)})"),),
            look=Look(
                unit="none",
                columns=(
                    Column("pool", "Pool"),
                    Column("unit", "Node or card"),
                    Column("reason", "Reason"),
                    Column("kind", "Kind"),
                    Column("violator_namespace", "Namespace"),
                    Column("violator", "Name"),
                ),
            ),
            width=16,
        ),
        Panel(
            kind="stat",
            title="Will the next roll-out hang?",
            about="yes: the new pod starts before the old one ends, and there is no second card. "
            "Set strategy Recreate.",
            queries=(Query(f"max by ({_BY_LANE}) ({chosen(c.LANE_SURGE_DEADLOCK)})", _LANE),),
            look=Look(unit="none", words=_HANGS),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which lane is asked for, and which is ready?",
            about="Replicas that a lane's controller asks for, and pods that are running and ready. 0 asked for: the "
            "lane is parked.",
            queries=(
                Query(most(_BY_LANE, c.LANE_DESIRED), f"{_LANE} asked for"),
                Query(most(_BY_LANE, c.LANE_READY), f"{_LANE} ready"),
            ),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="How long did the last switch take?",
            about="Seconds from steady to steady; dashed, how long an ordered switch may leave the pool without "
            "exactly one.",
            queries=(
                Query(most("pool, unit", c.POOL_SWITCH_SECONDS), _UNIT),
                Query(most("pool", c.POOL_SWITCH_DEADLINE), "{{pool}} may take", is_limit=True),
            ),
            look=SECONDS,
        ),
    ),
)

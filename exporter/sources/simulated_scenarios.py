"""What `lanewatch demo` plays, scenario by scenario.

Imports nothing that takes time, so that the command can name the scenarios in its help.
"""

from collections.abc import Mapping
from typing import Final

from exporter.sources.simulated_stage import EARLIER, FAST, LONGCTX, MIB, Life, Run, Scenario, Stage

_NEXT_DRIVER: Final = "615.28.01"
_SMALL_LANE_BYTES: Final = 600 * MIB  # what fits beside the first

_WELL: Final = Stage(at_seconds=0, says="exactly one lane runs, and alias fast answers from it")

_SWITCH: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="a planned switch: the fast lane is parked; the pool is `switching`, which does not page",
            desired=(),
            answering=(),
        ),
        Stage(
            at_seconds=35,
            says="the long-context lane is raised: its image is pulled, then it loads its model",
            desired=(LONGCTX,),
            answering=(),
            serves_fast=LONGCTX,
        ),
        Stage(
            at_seconds=55,
            says="the long-context lane serves: steady again; the phases of its start say what the time was spent on",
            desired=(LONGCTX,),
            answering=(LONGCTX,),
            serves_fast=LONGCTX,
        ),
    ),
    pods=(
        Life(gone=20),
        Life(
            lane=LONGCTX,
            born=35,
            bound=35.25,
            pulled_seconds=4.2,
            runs=(Run(began=40.5, ready=55),),
        ),
    ),
)

_DEAD_BACKEND: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="the server in the fast lane's pod dies: the gateway is refused, the cause is `backend_process`",
            answering=(),
        ),
        Stage(at_seconds=80, says="the server is back: the cause clears with the next probe"),
    )
)

_XID_79: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="Xid 79: the card falls off the bus; its values go absent, its name and the reason stay",
            answering=(),
            is_lost=True,
            xids=(79,),
        ),
    )
)

_TWO_LANES: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="a second lane is raised beside the first: it waits for the card, the invariant is broken",
            desired=(FAST, LONGCTX),
        ),
        Stage(
            at_seconds=50,
            says="somebody shares the card by time-slicing, and the second pod runs too: two GPU LLMs on one card",
            desired=(FAST, LONGCTX),
            answering=(FAST, LONGCTX),
            replicas=2,
        ),
        Stage(at_seconds=240, says="the second lane is parked again, the card is whole: all clear"),
    ),
    pods=(
        Life(),
        Life(
            lane=LONGCTX,
            born=20,
            bound=50,
            pulled_seconds=0,
            runs=(Run(began=50, ready=58),),
            gone=240,
            cores=2,
            memory_bytes=6144 * MIB,
            held_bytes=_SMALL_LANE_BYTES,
        ),
    ),
)

_SURGE_DEADLOCK: Final = Scenario(
    stages=(
        Stage(
            at_seconds=0,
            says="one lane runs, but by RollingUpdate: the risk of a deadlock is said before it happens",
            strategy="RollingUpdate",
        ),
        Stage(
            at_seconds=20,
            says="the fast lane is rolled: its new pod waits for the card, which the old one keeps",
            strategy="RollingUpdate",
            revision=2,
        ),
        Stage(
            at_seconds=80,
            says="nothing moves: the Deployment gives up by its deadline, the lane still serves",
            strategy="RollingUpdate",
            revision=2,
            is_stuck=True,
        ),
        Stage(
            at_seconds=140,
            says="strategy Recreate: the old pod ends, the new one gets the card and loads its model",
            answering=(),
            revision=2,
        ),
        Stage(at_seconds=160, says="the new pod serves: steady again", revision=2),
    ),
    pods=(
        Life(gone=140),
        Life(template="7c9d4f6b5", born=20, bound=141, pulled_seconds=1.4, runs=(Run(began=143, ready=160),)),
    ),
)

_INTRUDER: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="a process of the node that no pod explains takes 2 GiB of the card; the lane goes on",
            intruder="process",
        ),
        Stage(
            at_seconds=80,
            says="now it is a pod that was given no card and uses it all the same",
            intruder="pod",
        ),
        Stage(at_seconds=140, says="the intruder is gone: all clear"),
    )
)

_MISMATCH: Final = Scenario(
    stages=(
        _WELL,
        Stage(
            at_seconds=20,
            says="the driver is updated: the lane's server ends and begins anew",
            answering=(),
            driver=_NEXT_DRIVER,
        ),
        Stage(
            at_seconds=45,
            says="the lane serves; the node's labels still name the old driver: the views of the card disagree",
            driver=_NEXT_DRIVER,
        ),
        Stage(
            at_seconds=165,
            says="feature discovery has looked again: all views agree",
            driver=_NEXT_DRIVER,
            labelled_driver=_NEXT_DRIVER,
        ),
    ),
    pods=(Life(runs=(Run(began=EARLIER + 15, ready=EARLIER + 77, ended=20), Run(began=30, ready=45))),),
)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "healthy": Scenario(stages=(_WELL,)),
    "switch": _SWITCH,
    "dead-backend": _DEAD_BACKEND,
    "xid79": _XID_79,
    "two-lanes": _TWO_LANES,
    "surge-deadlock": _SURGE_DEADLOCK,
    "intruder": _INTRUDER,
    "mismatch": _MISMATCH,
}

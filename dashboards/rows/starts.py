"""How long does a lane take to start, and what happened to its pods."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import COUNT, SECONDS
from dashboards.series import chosen, increase, most, spread
from exporter import catalogue as c

_LANE: Final = "{{lane_namespace}}/{{lane}}"
_BY_LANE: Final = "pool, lane_namespace, lane"
ROW: Final = Row(
    "How does a lane start, and end?",
    (
        Panel(
            kind="bargauge",
            title="How long did the last start take?",
            about="Seconds of each phase of the latest start, each with its owner: scheduling, image_pull, model_load, "
            "warm_up. A phase not reached is absent.",
            queries=(Query(most(f"{_BY_LANE}, phase", c.LANE_START_LAST), f"{_LANE}: {{{{phase}}}}"),),
            look=SECONDS,
        ),
        Panel(
            kind="heatmap",
            title="How long does loading a model take?",
            about="How many loads took how long: seconds from the server's start until it was ready.",
            queries=(Query(spread(c.LANE_START_PHASE, phase="model_load"), "{{le}}"),),
            look=SECONDS,
        ),
        Panel(
            kind="timeseries",
            title="What happened to its pods?",
            about="OOM kills, evictions, crash loops entered, lost readiness and failed loads between two points.",
            queries=(Query(f"sum by ({_BY_LANE}, event) ({increase(c.LANE_EVENTS)})", f"{_LANE}: {{{{event}}}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Why does a pod not run?",
            about="Pods that do not run as they should, by phase and by Kubernetes' own reason. Empty is good.",
            queries=(
                Query(
                    f"max by ({_BY_LANE}, phase, reason) ({chosen(c.LANE_PROBLEMS)}) > 0",
                    f"{_LANE}: {{{{phase}}}}, {{{{reason}}}}",
                ),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How much of its node does a lane ask for?",
            about="What one pod requests, as a share of what its node can give. Near 1: nothing else fits, daemons "
            "too. It falls when the node grew and nobody told the lane.",
            queries=(
                Query(
                    most(f"{_BY_LANE}, node, resource", c.LANE_REQUEST_RATIO),
                    f"{_LANE} on {{{{node}}}}: {{{{resource}}}}",
                ),
            ),
            look=Look(unit="percentunit", least=0),
            width=8,
        ),
        Panel(
            kind="table",
            title="What is each lane?",
            about="Its controller, the strategy of its roll-out, the model by its annotations, the image that runs.",
            queries=(Query(most(f"{_BY_LANE}, kind, strategy, model, image", c.LANE_INFO)),),
            look=Look(
                unit="none",
                columns=(
                    Column("pool", "Pool"),
                    Column("lane_namespace", "Namespace"),
                    Column("lane", "Lane"),
                    Column("kind", "Controller"),
                    Column("strategy", "Strategy"),
                    Column("model", "Model"),
                    Column("image", "Image"),
                ),
            ),
            width=24,
        ),
        Panel(
            kind="table",
            title="Why did a container end last?",
            about="Of each lane's present pods: Kubernetes' reason and the exit code, and how long ago.",
            queries=(Query(f"time() - {most(f'{_BY_LANE}, reason, exit_code', c.LANE_LAST_TERMINATION)}"),),
            look=Look(
                unit="none",
                columns=(
                    Column("lane_namespace", "Namespace"),
                    Column("lane", "Lane"),
                    Column("reason", "Reason"),
                    Column("exit_code", "Exit code"),
                    Column("Value", "Ago", "s"),
                ),
            ),
        ),
        Panel(
            kind="timeseries",
            title="Did the node change, and nobody told the lane?",
            about="How the share of its node that a lane asks for has changed since the lane's spec was changed last. "
            "Not 0: the size of the node changed.",
            queries=(
                Query(
                    most(f"{_BY_LANE}, node, resource", c.LANE_REQUEST_DRIFT),
                    f"{_LANE} on {{{{node}}}}: {{{{resource}}}}",
                ),
            ),
            look=Look(unit="percentunit"),
        ),
    ),
)

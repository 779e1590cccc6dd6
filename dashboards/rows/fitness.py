"""Is the node fit to serve, and what of it is spoken for."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.looks import YES_OR_NO
from dashboards.series import chosen, most
from exporter import catalogue as c

ROW: Final = Row(
    "Is the node fit to serve?",
    (
        Panel(
            kind="state-timeline",
            title="Which check does the node pass?",
            about="Check by check: ready, schedulable, GPUs offered, labelled, isolated by a taint, telemetry, sharing "
            "told, device plugin and daemons ready, a model served there once. Absent: cannot be told.",
            queries=(Query(f"min by (node, check) ({chosen(c.NODE_BASELINE)})", "{{node}} {{check}}"),),
            look=Look(unit="none", words=YES_OR_NO),
            height=10,
        ),
        Panel(
            kind="timeseries",
            title="Who asks for the node's GPUs?",
            about="GPUs by who requests them; dashed, what the node has and what it offers. Less offered than there "
            "are: unhealthy. Replicas of a shared card count each.",
            queries=(
                Query(most("node, resource, part", c.NODE_GPUS), "{{node}} {{resource}} {{part}}"),
                Query(
                    most("node, resource, view", c.NODE_CAPACITY_GPUS), "{{node}} {{resource}} {{view}}", is_limit=True
                ),
            ),
            look=Look(unit="short", is_stacked=True),
            height=10,
        ),
        Panel(
            kind="timeseries",
            title="Who asks for the node's CPU?",
            about="Cores that pods of lanes, daemons and others request, and what is free; dashed, what the node has. "
            "free below 0: somebody else reserves too.",
            queries=(
                Query(most("node, part", c.NODE_CPU), "{{node}} {{part}}"),
                Query(most("node", c.NODE_CAPACITY_CORES), "{{node}} has", is_limit=True),
            ),
            look=Look(unit="short", is_stacked=True),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Who asks for the node's memory?",
            about="Bytes that pods of lanes, daemons and others request, and what is free; dashed, what the node has.",
            queries=(
                Query(most("node, part", c.NODE_MEMORY), "{{node}} {{part}}"),
                Query(most("node", c.NODE_CAPACITY_BYTES), "{{node}} has", is_limit=True),
            ),
            look=Look(unit="bytes", is_stacked=True),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How long have its GPUs been settled?",
            about="Seconds since the allocatable GPUs changed last, or the watcher saw them first. Few: the device "
            "plugin settles, do not roll a model.",
            queries=(Query(f"time() - {most('node, resource', c.NODE_ALLOCATABLE_CHANGED)}", "{{node}} {{resource}}"),),
            look=Look(unit="s", least=0),
            width=8,
        ),
    ),
)

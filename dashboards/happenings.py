"""What is drawn over every graph: alerts, errors that the driver reported, and changes of a pool."""

from typing import Final

from dashboards.board import Annotation, Query
from dashboards.series import chosen, most
from exporter import catalogue as c

# Times as values: what happened is drawn when it happened, and the first one of all is not missed, as a rate would.
ALERTS: Final = Annotation(
    "Alerts",
    Query(
        'ALERTS{alertname=~"Lanewatch.*",alertname!="LanewatchWatchdog",alertstate="firing",cluster=~"$cluster"}',
        "{{alertname}} {{alias}}{{pool}}{{gpu_uuid}}",
    ),
    "red",
)
XIDS: Final = Annotation(
    "Xid",
    Query(f"{most('node, gpu_uuid, xid', c.GPU_XID_LAST)} * 1000", "Xid {{xid}} {{node}} {{gpu_uuid}}"),
    "purple",
    is_time=True,
)
SWITCHES: Final = Annotation(
    "Switches",
    Query(
        f"{most('pool, unit', c.POOL_STATE_SINCE)} * 1000\n"
        "* on (pool, unit) group_right ()\n"
        f"max by (pool, unit, state) ({chosen(c.POOL_STATE)} == 1)",
        "{{pool}} {{unit}}: {{state}}",
    ),
    "blue",
    is_time=True,
)
EVERYTHING: Final = (ALERTS, XIDS, SWITCHES)

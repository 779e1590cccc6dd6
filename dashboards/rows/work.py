"""How busy the cards are, and with what."""

from typing import Final

from dashboards.board import Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, SHARE
from dashboards.series import most, rate
from exporter import catalogue as c

ROW: Final = Row(
    "How busy are they?",
    (
        Panel(
            kind="timeseries",
            title="Does anything run?",
            about="Share of time in which any kernel ran, 0..1. It says nothing about saturation: a server holds it "
            "near 1 whatever the load. Look at the requests that wait instead.",
            queries=(Query(most(BY_CARD, c.GPU_UTILIZATION), CARD),),
            look=SHARE,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How busy was it between two scrapes?",
            about="Share of time with a kernel, out of the driver's own samples: no burst between two scrapes is "
            "missed. NVML alone tells it.",
            queries=(Query(f"max by ({BY_CARD}) ({rate(c.GPU_BUSY)})", CARD),),
            look=SHARE,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Is memory read and written?",
            about="Share of time in which memory was read or written, 0..1. High while decoding is normal.",
            queries=(Query(most(BY_CARD, c.GPU_MEMORY_COPY_UTILIZATION), CARD),),
            look=SHARE,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Which engine works?",
            about="Share of time in which an engine beside the main one worked: encoder, decoder, jpeg, ofa.",
            queries=(Query(most(f"{BY_CARD}, engine", c.GPU_ENGINE_UTILIZATION), f"{CARD} {{{{engine}}}}"),),
            look=SHARE,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Which part of the chip works?",
            about="How busy each part was over the last minute, 0..1. Hopper and later. tensor_active low while "
            "sm_active is high: the work is not matrix work.",
            queries=(Query(most(f"{BY_CARD}, part", c.GPU_ACTIVITY), f"{CARD} {{{{part}}}}"),),
            look=SHARE,
            width=8,
            links=TO_CARD,
        ),
    ),
)

"""Does a card run as fast as it could, and what holds it back."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, COUNT, HOLDS, SHARE
from dashboards.series import chosen, most, rate
from exporter import catalogue as c

_DOMAIN: Final = "~graphics|memory"
ROW: Final = Row(
    "Does it run as fast as it could?",
    (
        Panel(
            kind="timeseries",
            title="How fast does it run?",
            about="Clock of the chip and of its memory, hertz; dashed, the highest that the card allows. Low while "
            "idle is normal.",
            queries=(
                Query(most(f"{BY_CARD}, domain", c.GPU_CLOCK, domain=_DOMAIN), f"{CARD} {{{{domain}}}}"),
                Query(
                    most(f"{BY_CARD}, domain", c.GPU_CLOCK_MAX, domain=_DOMAIN),
                    f"{CARD} {{{{domain}}}} at most",
                    is_limit=True,
                ),
            ),
            look=Look(unit="hertz", least=0),
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How long was the clock held down?",
            about="Share of time for each reason, counted by the driver. power_cap is normal under full load; thermal "
            "and power_brake are not.",
            queries=(Query(f"max by ({BY_CARD}, reason) ({rate(c.GPU_THROTTLE)})", f"{CARD} {{{{reason}}}}"),),
            look=SHARE,
            links=TO_CARD,
        ),
        Panel(
            kind="state-timeline",
            title="What holds the clock down now?",
            about="Each reason that the driver names. idle is normal; thermal and power_brake are not.",
            queries=(
                Query(f"max by ({BY_CARD}, reason) ({chosen(c.GPU_CLOCK_EVENT)} == 1)", f"{CARD}: {{{{reason}}}}"),
            ),
            look=Look(unit="none", words=HOLDS),
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="In which performance state is it?",
            about="0 is the fastest, 15 the slowest. High under load: the card does not speed up.",
            queries=(Query(most(BY_CARD, c.GPU_PERFORMANCE_STATE), CARD),),
            look=COUNT,
            links=TO_CARD,
        ),
    ),
)

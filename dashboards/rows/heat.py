"""How hot the cards are and what they draw, beside the limits at which they act."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, SHARE
from dashboards.series import chosen, most, rate
from exporter import catalogue as c

_CELSIUS: Final = Look(unit="celsius")
_WATT: Final = Look(unit="watt", least=0)
ROW: Final = Row(
    "How hot are they, and what do they draw?",
    (
        Panel(
            kind="timeseries",
            title="How hot is each sensor?",
            about="Degrees Celsius; dashed, where the card slows itself down. What matters is whether the clock is "
            "held down for it.",
            queries=(
                Query(most(f"{BY_CARD}, sensor", c.GPU_TEMPERATURE), f"{CARD} {{{{sensor}}}}"),
                Query(most(BY_CARD, c.GPU_TEMPERATURE_PEAK), f"{CARD} peak"),
                Query(
                    most(f"{BY_CARD}, limit", c.GPU_TEMPERATURE_LIMIT, limit="slowdown"),
                    f"{CARD} {{{{limit}}}}",
                    is_limit=True,
                ),
            ),
            look=_CELSIUS,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How many degrees are left?",
            about="Degrees Celsius to the card's own slowdown point. Near 0: it slows down or soon will.",
            queries=(Query(f"min by ({BY_CARD}) ({chosen(c.GPU_TEMPERATURE_MARGIN)})", CARD),),
            look=_CELSIUS,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How much power is drawn, of how much?",
            about="Watts, and the peak that no scrape saw; dashed, the limit that is enforced. At the limit the clock "
            "is held down, which is normal under full load.",
            queries=(
                Query(most(BY_CARD, c.GPU_POWER), CARD),
                Query(most(BY_CARD, c.GPU_POWER_PEAK), f"{CARD} peak"),
                Query(most(BY_CARD, c.GPU_POWER_LIMIT), f"{CARD} limit", is_limit=True),
            ),
            look=_WATT,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How much power on average?",
            about="Mean watts between two points, out of the card's own energy counter: no peak is missed.",
            queries=(Query(f"max by ({BY_CARD}) ({rate(c.GPU_ENERGY)})", CARD),),
            look=_WATT,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How fast are the fans?",
            about="1 is what a fan was made for. Empty: others cool the card.",
            queries=(Query(most(f"{BY_CARD}, fan", c.GPU_FAN), f"{CARD} fan {{{{fan}}}}"),),
            look=SHARE,
            width=8,
            links=TO_CARD,
        ),
    ),
)

"""Is it the gateway or the lane: what is answered through the one, and directly by the other."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import HOLDS, SECONDS, YES_OR_NO
from dashboards.series import chosen, increase, most, rate
from exporter import catalogue as c

_PROMISED: Final = most("alias, lane", c.ALIAS_INFO)
_DIRECT: Final = f"{_PROMISED}\n* on (lane) group_left ()\n{most('lane', c.LANE_PROBE_FIRST_TOKEN)}"
_BAD: Final = f"sum by (lane) ({rate(c.LANE_SERVED_BAD_EVENTS)})"
ROW: Final = Row(
    "Is it the gateway, or the lane?",
    (
        Panel(
            kind="stat",
            title="Does the gateway live?",
            about="Whether its own liveliness page answered when it was looked at last. It says nothing of lanes.",
            queries=(Query(f"min({chosen(c.GATEWAY_UP)})", "gateway"),),
            look=Look(unit="none", words=YES_OR_NO),
            width=6,
        ),
        Panel(
            kind="timeseries",
            title="What does the gateway add to the first token?",
            about="Seconds to the first token through the gateway, and past it, straight at the lane of the alias. The "
            "difference is the gateway's, and the queue's where the two came at different times.",
            queries=(
                Query(most("alias", c.PROBE_FIRST_TOKEN), "{{alias}}: through the gateway"),
                Query(_DIRECT, "{{alias}}: direct to {{lane}}"),
            ),
            look=SECONDS,
            width=18,
        ),
        Panel(
            kind="state-timeline",
            title="How did the last direct probe of a lane end?",
            about="The outcome past the gateway. ok here and not above: the gateway, the key or the route is broken. A "
            "lane is asked directly where an alias failed, or each time where its aliases say so.",
            queries=(
                Query(f"max by (lane, outcome) ({chosen(c.LANE_PROBE_LAST_OUTCOME)} == 1)", "{{lane}}: {{outcome}}"),
            ),
            look=Look(unit="none", words=HOLDS),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which direct probes came how often?",
            about="Probes straight at a lane between two points, by outcome.",
            queries=(
                Query(f"sum by (lane, outcome) ({increase(c.LANE_PROBE_ATTEMPTS)}) > 0", "{{lane}}: {{outcome}}"),
            ),
            look=Look(unit="short", least=0, is_stacked=True),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Does a lane answer what it should?",
            about="Share of the probes of its aliases that a lane did not answer well. A fallback that served the user "
            "is bad for the lane.",
            queries=(
                Query(
                    f"{_BAD}\n/\nsum by (lane) ({rate(c.LANE_SERVED_EVENTS)})",
                    "{{lane}}",
                ),
            ),
            look=Look(unit="percentunit", least=0, most=1),
            width=8,
        ),
        Panel(
            kind="table",
            title="Who answered, and who should?",
            about="Beside each alias the lane that the gateway named last. By a fallback: the user was served by "
            "another model.",
            queries=(
                Query(most("alias, lane, fallback", c.PROBE_SERVED_INFO)),
                Query(
                    f'label_replace({most("alias, kind, lane", c.ALIAS_INFO)}, "promised", "$1", "lane", "(.*)")',
                ),
            ),
            look=Look(
                unit="none",
                columns=(
                    Column("alias", "Alias"),
                    Column("kind", "Route"),
                    Column("lane", "Lane"),
                    Column("promised", "Promised"),
                    Column("fallback", "By a fallback"),
                ),
            ),
            width=24,
            height=6,
        ),
    ),
)

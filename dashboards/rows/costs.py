"""How fast the lane works for a probe, and what probes cost."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.looks import COUNT, SECONDS
from dashboards.series import increase, most
from exporter import catalogue as c

_TOKENS_A_SECOND: Final = Look(unit="suffix: tok/s", least=0)
ROW: Final = Row(
    "How fast is it, and what do probes cost?",
    (
        Panel(
            kind="timeseries",
            title="How fast are tokens written?",
            about="Completion tokens a second after the first one, in the last answered probe. Falls with a full "
            "context, a co-tenant on the card, or a clock that is held down.",
            queries=(Query(most("alias", c.PROBE_DECODE_RATE), "{{alias}}"),),
            look=_TOKENS_A_SECOND,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How fast is the prompt read?",
            about="Prompt tokens a second in the last answered probe, where the server tells it.",
            queries=(Query(most("alias", c.PROBE_PREFILL_RATE), "{{alias}}"),),
            look=_TOKENS_A_SECOND,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How long between two tokens, and for a slot?",
            about="Seconds between two tokens by the server's own count, and seconds that the probe waited for a slot, "
            "where the server tells it.",
            queries=(
                Query(most("alias", c.PROBE_INTER_TOKEN), "{{alias}}: between tokens"),
                Query(most("alias", c.PROBE_QUEUE), "{{alias}}: for a slot"),
            ),
            look=SECONDS,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="What do probes cost?",
            about="Tokens between two points, as the server counted them.",
            queries=(Query(f"sum by (alias, kind) ({increase(c.PROBE_TOKENS)})", "{{alias}}: {{kind}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many tokens may probes cost today?",
            about="Tokens that are left of today's budget (UTC); dashed, the budget. 0: probes are skipped till "
            "midnight.",
            queries=(
                Query(most("alias", c.PROBE_BUDGET_LEFT), "{{alias}}: left"),
                Query(most("alias", c.PROBE_BUDGET), "{{alias}}: budget", is_limit=True),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How often was a probe not needed?",
            about="Times between two points that the lane was busy and moving when a probe was due: users are served, "
            "and the probe was not sent.",
            queries=(Query(f"sum by (alias) ({increase(c.PROBE_PASSIVE)})", "{{alias}}"),),
            look=COUNT,
            width=8,
        ),
    ),
)

"""Where the time goes: the phases of a probe, the three first tokens, and how times are spread."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.looks import SECONDS
from dashboards.series import most, quantile, spread
from exporter import catalogue as c

_TEXT: Final = """\
- **first_chunk**: the first bytes of an answer. A gateway can send them before the lane has said anything.
- **first_token**: the first token, reasoning too. The objective is about this one.
- **first_output**: the first token that a user sees. Far behind first_token: the model thinks first.

All of them are seconds from the start of the probe, measured where a user would be.
"""
_CLOCKS: Final = ("first_chunk", "first_token", "first_output")


def _took(phase: str, *before: str) -> Query:
    """Return how long a phase took by itself: its end without the end of the phase before it that there was."""
    ends = "\n  or\n  ".join(most("alias", c.PROBE_PHASE, phase=one) for one in before)
    start = f" - (\n  {ends}\n)" if before else ""
    return Query(f"{most('alias', c.PROBE_PHASE, phase=phase)}{start}", f"{{{{alias}}}}: {phase}")


ROW: Final = Row(
    "Where does the time of a probe go?",
    (
        Panel(
            kind="bargauge",
            title="When did each phase of the last probe end?",
            about="The waterfall: seconds from the start of the probe to the end of each phase. A phase that was not "
            "reached is absent.",
            queries=(Query(f"sort({most('alias, phase', c.PROBE_PHASE)})", "{{alias}}: {{phase}}"),),
            look=SECONDS,
        ),
        Panel(
            kind="timeseries",
            title="How long does each phase take?",
            about="Seconds of each phase by itself, one upon the other: together they are the whole probe. The phase "
            "that grows names who is slow.",
            queries=(
                _took("dns"),
                _took("connect", "dns"),
                _took("tls", "connect"),
                _took("first_chunk", "tls", "connect"),
                _took("first_token", "first_chunk"),
                _took("first_output", "first_token"),
                _took("complete", "first_output", "first_token", "first_chunk"),
            ),
            look=Look(unit="s", least=0, is_stacked=True),
        ),
        Panel(
            kind="timeseries",
            title="How fast come the three first tokens?",
            about="The three of the last probe, seconds; dashed, what was promised of the second.",
            queries=(
                *(Query(most("alias", c.PROBE_PHASE, phase=clock), f"{{{{alias}}}}: {clock}") for clock in _CLOCKS),
                Query(most("alias", c.PROBE_SLO_THRESHOLD, slo="first_token"), "{{alias}}: promised", is_limit=True),
            ),
            look=SECONDS,
            width=16,
        ),
        Panel(
            kind="text",
            title="What are the three first tokens?",
            about="They differ where a gateway or a model answers before it says anything.",
            queries=(),
            look=Look(unit="none"),
            text=_TEXT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Within which time come most first tokens?",
            about="Seconds within which half, 95 and 99 of 100 answered probes had their first token; a lane that had "
            "just started is left out.",
            queries=tuple(
                Query(
                    quantile(share, "alias", c.PROBE_DURATION, clock="first_token", temperature="warm"),
                    f"{{{{alias}}}}: {share:.0%}",
                )
                for share in (0.5, 0.95, 0.99)
            ),
            look=SECONDS,
        ),
        Panel(
            kind="heatmap",
            title="How are the first tokens spread?",
            about="How many answered probes had their first token within how many seconds. Two bands: two lanes, or a "
            "queue.",
            queries=(Query(spread(c.PROBE_DURATION, clock="first_token"), "{{le}}"),),
            look=SECONDS,
        ),
    ),
)

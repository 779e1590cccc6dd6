"""Do the aliases answer: how probes end, which layer explains it, and how fast the error budget is spent."""

from typing import Final

from alerts.budget import LEFT
from alerts.slo import BUDGET, TIERS, bad_ratio
from dashboards.board import Column, Look, Panel, Query, Row, Word
from dashboards.looks import BURNS, SECONDS
from dashboards.series import chosen, increase, recorded
from exporter import catalogue as c

_WELL: Final = chosen(c.ALIAS_ROOT_CAUSE, cause="none")
ROW: Final = Row(
    "Do the aliases answer?",
    (
        Panel(
            kind="stat",
            title="How many probes failed in a row?",
            about="Three or more: the alias is down, and somebody was paged.",
            queries=(Query(f"max by (alias) ({chosen(c.PROBE_CONSECUTIVE_FAILURES)})", "{{alias}}"),),
            look=Look(unit="short", steps=((1, "orange"), (3, "red"))),
            width=6,
        ),
        Panel(
            kind="timeseries",
            title="How did the probes end?",
            about="Attempts through the gateway by outcome. ok and slow were answered; the others say what went wrong.",
            queries=(Query(f"sum by (alias, outcome) ({increase(c.PROBE_ATTEMPTS)}) > 0", "{{alias}}: {{outcome}}"),),
            look=Look(unit="short", least=0, is_stacked=True),
            width=9,
        ),
        Panel(
            kind="state-timeline",
            title="Which layer explains it?",
            about="The one cause of the last probe's outcome. none: the alias is well.",
            queries=(
                Query(f"max by (alias, cause) ({_WELL} == 1) * 0", "{{alias}}: {{cause}}"),
                Query(
                    f"max by (alias, cause) ({chosen(c.ALIAS_ROOT_CAUSE)} == 1 unless {_WELL})", "{{alias}}: {{cause}}"
                ),
            ),
            look=Look(unit="none", words=(Word(0, "well", "green"), Word(1, "this one", "orange"))),
            width=9,
        ),
        Panel(
            kind="gauge",
            title="How much of the error budget is left?",
            about="Share of the failures that the objective of answers allows in 30 days. 0 or less: all are spent.",
            queries=(Query(recorded(LEFT, "availability"), "{{alias}}"),),
            look=Look(unit="percentunit", least=0, most=1, base="red", steps=((0.25, "orange"), (0.5, "green"))),
            width=6,
        ),
        Panel(
            kind="timeseries",
            title="How fast is the error budget spent?",
            about="1: just as fast as promised. Above 14.4 for 1 hour, or 6 for 6 hours, somebody is paged.",
            queries=tuple(
                Query(
                    f"{recorded(bad_ratio(tier.long), 'availability')} / {recorded(BUDGET, 'availability')}",
                    f"{{{{alias}}}} over {tier.long}",
                )
                for tier in TIERS
            ),
            look=BURNS,
            width=9,
        ),
        Panel(
            kind="timeseries",
            title="How fast comes the first token?",
            about="Of each answered probe, beside the time that was promised. Reasoning counts as a token.",
            queries=(
                Query(f"max by (alias) ({chosen(c.PROBE_FIRST_TOKEN)})", "{{alias}}"),
                Query(
                    f"max by (alias) ({chosen(c.PROBE_SLO_THRESHOLD, slo='first_token')})",
                    "{{alias}}: promised",
                ),
            ),
            look=SECONDS,
            width=9,
        ),
        Panel(
            kind="timeseries",
            title="Where does the time go?",
            about="Seconds from the start of the probe to the end of each phase; a phase not reached is absent.",
            queries=(Query(f"max by (alias, phase) ({chosen(c.PROBE_PHASE)})", "{{alias}}: {{phase}}"),),
            look=SECONDS,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How fast do tokens come?",
            about="Completion tokens a second after the first one.",
            queries=(Query(f"max by (alias) ({chosen(c.PROBE_DECODE_RATE)})", "{{alias}}"),),
            look=Look(unit="suffix: tok/s", least=0),
            width=8,
        ),
        Panel(
            kind="table",
            title="Who answered last?",
            about="The lane that the gateway named. fallback true: the user was served by another model.",
            queries=(Query(f"max by (alias, lane, fallback) ({chosen(c.PROBE_SERVED_INFO)})"),),
            look=Look(
                unit="none",
                columns=(Column("alias", "Alias"), Column("lane", "Lane"), Column("fallback", "By a fallback")),
            ),
            width=8,
        ),
    ),
)

"""Is the promise kept: what is left of the error budget, how fast it is spent, and what was promised."""

from typing import Final

from alerts.budget import EXHAUSTED_IN, LEFT, UNJUDGED
from alerts.slo import BUDGET, TIERS, bad_increase, bad_ratio, event_increase
from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import BURNS
from dashboards.series import most, recorded
from exporter import catalogue as c

_SLO: Final = "{{alias}} {{slo}}"
ROW: Final = Row(
    "Is the promise kept?",
    (
        Panel(
            kind="gauge",
            title="What share of the budget is left?",
            about="Share of the failures that each objective allows in 30 days. 0 or less: all are spent.",
            queries=(Query(recorded(LEFT), _SLO),),
            look=Look(unit="percentunit", least=0, most=1, base="red", steps=((0.25, "orange"), (0.5, "green"))),
        ),
        Panel(
            kind="table",
            title="What was promised?",
            about="Of each alias and objective: the share of probes that must be good, and the longest time that still "
            "counts as good where the objective has one. From the configuration.",
            queries=(
                Query(most("alias, slo", c.PROBE_SLO_OBJECTIVE)),
                Query(most("alias, slo", c.PROBE_SLO_THRESHOLD)),
                Query(f"max by (alias, slo) ({recorded(bad_increase('1h'))})"),
                Query(f"max by (alias, slo) ({recorded(event_increase('1h'))})"),
            ),
            look=Look(
                unit="none",
                columns=(
                    Column("alias", "Alias"),
                    Column("slo", "Objective"),
                    Column("Value #A", "Must be good", "percentunit"),
                    Column("Value #B", "Within", "s"),
                    Column("Value #C", "Bad, last hour", "short"),
                    Column("Value #D", "Counted, last hour", "short"),
                ),
            ),
        ),
        Panel(
            kind="stat",
            title="When is the budget gone?",
            about="How long what is left lasts if it goes on as in the last hour. Empty: nothing burns.",
            queries=(Query(recorded(EXHAUSTED_IN), _SLO),),
            look=Look(unit="s", base="red", steps=((86400, "orange"), (7 * 86400, "green"))),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How did the budget go?",
            about="Share of the failures that each objective allows in 30 days, as it was left.",
            queries=(Query(recorded(LEFT), _SLO),),
            look=Look(unit="percentunit", most=1),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How much of it did nobody judge?",
            about="Share of the 30 days in which no probe counted. Near 1: a budget that nobody watched is not one "
            "that was kept.",
            queries=(Query(recorded(UNJUDGED), "{{alias}}"),),
            look=Look(unit="percentunit", least=0, most=1),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How fast is the budget of answers spent?",
            about="1: just as fast as promised. The lines are the burn rates at which a ticket or a page is due.",
            queries=tuple(
                Query(
                    f"{recorded(bad_ratio(tier.long), 'availability')} / {recorded(BUDGET, 'availability')}",
                    f"{{{{alias}}}} over {tier.long}",
                )
                for tier in TIERS
            ),
            look=BURNS,
        ),
        Panel(
            kind="timeseries",
            title="How fast is the budget of first tokens spent?",
            about="The same for probes whose first token came later than promised. Slow is not down: it makes tickets.",
            queries=tuple(
                Query(
                    f"{recorded(bad_ratio(tier.long), 'first_token')} / {recorded(BUDGET, 'first_token')}",
                    f"{{{{alias}}}} over {tier.long}",
                )
                for tier in TIERS
            ),
            look=BURNS,
        ),
    ),
)

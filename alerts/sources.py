"""Whether Lanewatch can read what it reads: a source that fails takes its series away, and silence is no health."""

from typing import Final

from alerts.rule import Alert, Group
from exporter.catalogue import SOURCE_ERRORS, SOURCE_LAST_SUCCESS, SOURCE_UP
from exporter.errors import SOURCE_ERROR_KINDS

# `instance` and `pod` stay: the source is one of this exporter, and its place is the name of the patient.
_DOWN: Final = f"({SOURCE_UP} or last_over_time({SOURCE_UP}[2m])) == 0"
# A machine without a card or a kubelet is no failure. It is one that it worked within a day, or that it is there and
# refuses: `absent` is the only kind of error that says that there is nothing to read.
_WORKED: Final = f"last_over_time({SOURCE_LAST_SUCCESS}[1d])"
_THERE: Final = SOURCE_ERRORS.where(kind="~" + "|".join(kind for kind in SOURCE_ERROR_KINDS if kind != "absent"))
_REFUSES: Final = f"sum without (kind) (increase({_THERE}[10m])) > 0"

GROUP: Final = Group(
    name="lanewatch-sources",
    rules=(
        Alert(
            name="LanewatchSourceDown",
            expr=f"{_DOWN}\nand (\n  {_WORKED}\n  or\n  {_REFUSES}\n)",
            for_="5m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="A source of Lanewatch cannot be read",
            description=(
                "Source {{ $labels.source }} of exporter {{ $labels.instance }} fails for 5 minutes. Its series are "
                "absent, not healthy; the exporter's log says what it expected and found."
            ),
        ),
    ),
)

"""What an Xid error says about whom, and what to do first: the table, and what an operator put over it.

A code that is not in the table is `unknown`: counted and told, never dropped, because drivers report new codes before
tables know them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from exporter.config_xid import XidOverride
from exporter.facts import xid_table
from exporter.xid_words import XidAction, XidClass

XID_CLASSES: tuple[XidClass, ...] = get_args(XidClass)
XID_ACTIONS: tuple[XidAction, ...] = get_args(XidAction)
_ALERTING: Final = frozenset({"driver", "hardware", "link"})


@dataclass(frozen=True, slots=True)
class XidFacts:
    """Who is to blame for an Xid, as far as its code tells, the first thing to do, and who says so."""

    xid_class: XidClass
    action: XidAction
    meaning: str = "not in our table: look it up"
    source: str = xid_table.SOURCE


_UNKNOWN: Final = XidFacts("unknown", "look_up")


@dataclass(frozen=True, slots=True)
class XidTable:
    """Facts by code; an unknown code has facts too."""

    facts: Mapping[int, XidFacts]
    alerting: frozenset[int] = field(init=False)
    """Codes for whoever runs the node. An unknown code alerts too, by its class; an application's goes to its owner."""

    def __post_init__(self) -> None:
        alerting = (
            code for code, facts in self.facts.items() if facts.xid_class in _ALERTING and facts.action != "none"
        )
        object.__setattr__(self, "alerting", frozenset(alerting))

    def explain(self, code: int) -> XidFacts:
        """Return what is known of this code."""
        return self.facts.get(code, _UNKNOWN)


XIDS: Final = {code: XidFacts(xid_class, action, meaning) for code, xid_class, action, meaning in xid_table.ROWS}
TABLE: Final = XidTable(XIDS)
XIDS_THAT_ALERT: Final = TABLE.alerting


def explain(code: int) -> XidFacts:
    """Return what our own table knows of this code."""
    return TABLE.explain(code)


def table(overrides: Iterable[XidOverride]) -> XidTable:
    """Return our table with an operator's rows over it; their meaning stays what it was."""
    return XidTable(
        XIDS
        | {
            one.code: XidFacts(one.xid_class, one.action, explain(one.code).meaning, "xid.overrides")
            for one in overrides
        }
    )

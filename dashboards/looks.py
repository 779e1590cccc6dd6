"""Looks that several rows share."""

from typing import Final

from alerts.slo import TIERS
from dashboards.board import Colour, Look, Word

YES_OR_NO: Final = (Word(0, "no", "red"), Word(1, "yes", "green"))
HOLDS: Final = (Word(1, "holds", "orange"),)
COUNT: Final = Look(unit="short", least=0)
SECONDS: Final = Look(unit="s", least=0)
BYTES: Final = Look(unit="bytes", least=0)
SHARE: Final = Look(unit="percentunit", least=0, most=1)
CARD: Final = "{{node}} {{gpu_uuid}}"
BY_CARD: Final = "node, gpu_uuid"
_RISING: Final[tuple[Colour, ...]] = ("yellow", "orange", "orange", "red")
# The burn rates at which a ticket or a page is due, the lowest first.
BURNS: Final = Look(
    unit="short",
    least=0,
    steps=tuple((tier.factor, colour) for tier, colour in zip(reversed(TIERS), _RISING, strict=True)),
)

"""Where a value on a panel leads: the board that says more of the card or the alias it is about."""

from typing import Final

from alerts.links import ALIAS_BOARD, CARD_BOARD
from dashboards.board import Link

TO_CARD: Final = (Link("Look at this card", CARD_BOARD, ("node", "gpu_uuid")),)
TO_ALIAS: Final = (Link("Look at this alias", ALIAS_BOARD, ("alias",)),)

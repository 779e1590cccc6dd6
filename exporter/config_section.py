"""What every part of the configuration is made of."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

URL: Final = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"  # no user, no password, no query
VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,62}$")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: frozen, and it refuses keys that it does not know."""

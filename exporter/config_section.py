"""What every part of the configuration is made of."""

from typing import Final

import msgspec

URL: Final = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"  # no user, no password, no query


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: frozen, and it refuses keys that it does not know."""

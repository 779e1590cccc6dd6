"""The gateway's key: read from a file or a variable, shown to nobody.

Refuses to be printed, formatted or pickled: whatever leaves this process says `***` in its place.
"""

import os
from pathlib import Path
from typing import Final

from exporter.config import Gateway
from exporter.errors import ConfigError

_MASK: Final = "***"
_LONGEST_KEY: Final = 8192  # bytes


class Secret:
    """A text that only `reveal` tells."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; only the request's header may hold it."""
        return self._value

    def hide_in(self, text: str) -> str:
        """Return `text` with every occurrence of the secret masked: a gateway may echo what it was sent."""
        return text.replace(self._value, _MASK) if self._value else text

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return _MASK

    def __str__(self) -> str:
        return _MASK

    def __format__(self, format_spec: str) -> str:
        return _MASK

    def __reduce__(self) -> tuple[type["Secret"], tuple[str]]:
        return (Secret, (_MASK,))


def read_key(gateway: Gateway) -> Secret:
    """Return the gateway's key; none where neither its file nor its variable is set."""
    if gateway.key_file:
        return _checked(_read_file(gateway.key_file), gateway.key_file)
    return _checked(os.environ.get(gateway.key_variable, ""), f"${gateway.key_variable}")


def _read_file(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LONGEST_KEY + 1).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{path}: expected a file that holds the gateway's key, found: {error.strerror}") from error


def _checked(text: str, where: str) -> Secret:
    """Refuse what cannot stand in a header here, where the message can still leave the value out."""
    key = text.strip()
    if len(key) > _LONGEST_KEY:
        raise ConfigError(f"{where}: expected a key of at most {_LONGEST_KEY} characters, found more")
    if not all("!" <= character <= "~" for character in key):
        raise ConfigError(f"{where}: expected a key of visible ASCII characters, found others (not shown)")
    return Secret(key)

"""Keys, passwords and tokens: read from a file or a variable, shown to nobody.

Refuses to be printed, formatted or pickled: whatever leaves this process says `***` in its place.
"""

import json
import os
from typing import Final
from urllib.parse import quote

from exporter.config_path import Gateway, Lane
from exporter.errors import ConfigError

_MASK: Final = "***"
_LONGEST_KEY: Final = 8192  # bytes
_SHORTEST_FOUND: Final = 12  # characters
_TELLING: Final = 4  # characters of a secret that may be known: `sk-` and the like


class Secret:
    """A text that only `reveal` tells."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; only the request's header may hold it."""
        return self._value

    def hide_in(self, text: str) -> str:
        """Return `text` with the secret masked: a gateway may echo what it was sent, quoted for a URL or cut short."""
        if not self._value:
            return text
        for form in self._forms():
            text = _cut_beginning(text.replace(form, _MASK), form)
        return text

    def is_in(self, body: bytes) -> bool:
        """Whether `body` holds the secret; what is as short as a word is not looked for, it may be one."""
        return len(self._value) >= _SHORTEST_FOUND and any(form.encode() in body for form in self._forms())

    def _forms(self) -> tuple[str, str, str]:
        return self._value, quote(self._value, safe=""), json.dumps(self._value)[1:-1]

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


NOTHING: Final = Secret("")


def _cut_beginning(text: str, secret: str) -> str:
    """Return `text` without a beginning of `secret` at its end: what was read may have been cut in its midst."""
    for length in range(min(len(secret) - 1, len(text)), _TELLING - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + _MASK
    return text


def read_key(of: Gateway | Lane) -> Secret:
    """Return the key that the gateway or the lane asks for; none where neither its file nor its variable is set."""
    return read_secret(of.key_file, of.key_variable)


def read_secret(file: str, variable: str) -> Secret:
    """Return what the file holds, else the variable; none where neither is set."""
    if file:
        return _checked(_read_file(file), file)
    return _checked(os.environ.get(variable, ""), f"${variable}")


def read_password(file: str, variable: str) -> Secret:
    """Return the password that the file holds, else the variable; unlike a key, it may be of any characters."""
    where, text = (file, _read_file(file, "password")) if file else (f"${variable}", os.environ.get(variable, ""))
    password = text.strip()
    if not 0 < len(password) <= _LONGEST_KEY:
        raise ConfigError(f"{where}: expected a password of 1 to {_LONGEST_KEY} characters, found {len(password)}")
    if "\ufffd" in password or not password.isprintable():
        raise ConfigError(f"{where}: expected a password in UTF-8 on one line, found another text (not shown)")
    return Secret(password)


def _read_file(path: str, what: str = "key") -> str:
    from pathlib import Path  # noqa: PLC0415  # slow to load, and most keys are in a variable

    try:
        with Path(path).open("rb") as file:
            return file.read(_LONGEST_KEY + 1).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{path}: expected a file that holds the {what}, found: {error.strerror}") from error


def _checked(text: str, where: str) -> Secret:
    """Refuse what cannot stand in a header here, where the message can still leave the value out."""
    key = text.strip()
    if len(key) > _LONGEST_KEY:
        raise ConfigError(f"{where}: expected a key of at most {_LONGEST_KEY} characters, found more")
    if not all("!" <= character <= "~" for character in key):
        raise ConfigError(f"{where}: expected a key of visible ASCII characters, found others (not shown)")
    return Secret(key)

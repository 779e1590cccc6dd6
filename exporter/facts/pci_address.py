"""One spelling of a PCI address: drivers, kernel and sysfs write the same one in four ways."""

import re
from typing import Final

_ADDRESS: Final = re.compile(
    r"(?:PCI:)?(?P<domain>[0-9a-f]{4,8}):(?P<bus>[0-9a-f]{2}):(?P<slot>[0-9a-f]{2})(?:\.(?P<function>[0-7]))?",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """Return `0000:01:00.0` for `PCI:0000:01:00`, `00000000:01:00.0` and the like; empty where it is no address."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        return ""
    domain = int(match["domain"], 16)
    return f"{domain:04x}:{match['bus'].lower()}:{match['slot'].lower()}.{match['function'] or '0'}"

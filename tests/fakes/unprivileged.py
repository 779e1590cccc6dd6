"""Being nobody for a moment: file permissions mean nothing to root, and tests may run as root."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

_NOBODY: Final = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run the body without root's right to open every file; whoever is not root stays who they are."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)

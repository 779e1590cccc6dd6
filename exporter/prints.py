"""By what a file is known: its time, inode, device and size behind every link, of which one changes when it does.

A ConfigMap or a Secret is swapped by a link above it; an event of a watched file would miss that.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

Print = tuple[int, ...]


def prints(paths: Iterable[Path]) -> Mapping[Path, Print]:
    """Return by what each file is known now."""
    return {path: _print_of(path) for path in paths}


def _print_of(path: Path) -> Print:
    try:
        found = path.stat()
    except OSError:  # it is being swapped, or gone: both are a change
        return ()
    return (found.st_mtime_ns, found.st_ino, found.st_dev, found.st_size)

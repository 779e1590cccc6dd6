"""Builds the fake driver library with the machine's own compiler, as it stands or without some of its functions."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

_HERE = Path(__file__).parent
NAME = "libnvidia-ml.so.1"


def build(directory: Path, *, without: Iterable[str] = ()) -> Path:
    """Return `directory/libnvidia-ml.so.1`, compiled anew; the functions in `without` are missing."""
    directory.mkdir(parents=True, exist_ok=True)
    hidden = "".join(f"{name};" for name in sorted(without))
    script = directory / "exports.map"
    script.write_text(f"{{ global: nvml*; local: {hidden} *; }};\n")
    target = directory / NAME
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    link = [f"-Wl,-soname,{NAME}", f"-Wl,--version-script={script}"]
    subprocess.run(["cc", *flags, *link, "-o", target, *sorted(_HERE.glob("*.c"))], check=True)
    return target


@functools.cache
def library() -> Path:
    """Return the library with all its functions, built once for this process and gone with it."""
    directory = tempfile.mkdtemp(prefix="lanewatch-nvml-")
    atexit.register(shutil.rmtree, directory)
    return build(Path(directory))

"""Installs npm packages from a committed lock that holds hashes and no address, and unpacks what is packed inside."""

import shutil
from pathlib import Path

from pins import HERE, Pin
from steps import Steps

_UNPACK = """\
const [from, to] = process.argv.slice(1);
const { createReadStream, createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { createBrotliDecompress } = require("node:zlib");
pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode: 0o755 }));
"""


def build(pin: Pin, entry: Path, steps: Steps, *, node: Path) -> None:
    """Install the packages in the entry itself; a command is one of theirs, or packed inside of one (`path.br`)."""
    for name in pin.inputs:
        shutil.copy(HERE / name, entry)
    # No scripts of packages: what they would download no hash covers.
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    steps.run([node / "npm", "ci", *quiet, "--cache", entry / ".npm"], cwd=entry, env=_on_path(node))
    shutil.rmtree(entry / ".npm", ignore_errors=True)
    for name, command in pin.commands.items():
        made = entry / "bin" / name
        if command.endswith(".br"):
            steps.run([node / "node", "-e", _UNPACK, entry / command, made])
        else:
            made.unlink(missing_ok=True)
            made.symlink_to(entry / "node_modules" / ".bin" / command)


def _on_path(node: Path) -> dict[str, str]:
    return {"PATH": f"{node}:/usr/bin:/bin"}

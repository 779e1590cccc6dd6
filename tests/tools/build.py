"""Builds the pinned real tools once, into a cache outside the tree, and prints the folder of their commands.

Nothing is skipped: a tool that cannot be built here is an error that says what was missing.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import gotools
import llama
import make_models
import nodetools
import pyvenvs
from pins import Pin, read_pins
from steps import BuildError, Steps
from store import Store


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks and return the exit status."""
    options = _parse(arguments)
    pins = read_pins("tools")
    store = Store(_cache_folder())
    try:
        wanted = _choose(pins, options.only)
        if options.check:
            _require_published(store, pins, wanted)
        elif not options.print_bin:
            _build(store, pins, wanted)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(store.view(pins) / "bin")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print-bin", action="store_true", help="print the folder without building anything")
    parser.add_argument("--check", action="store_true", help="fail if anything is missing, without building it")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a tool or one of its commands")
    return parser.parse_args(arguments)


def _cache_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache).absolute() / "lanewatch"


def _choose(pins: Sequence[Pin], names: Sequence[str]) -> list[Pin]:
    known = {name: pin for pin in pins for name in (pin.name, *pin.commands)}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BuildError(f"Expected one of {', '.join(sorted(known))}, found {', '.join(unknown)} - in --only")
    chosen = {known[name].name for name in names}
    return [pin for pin in pins if pin.name in chosen or not names]


def _require_published(store: Store, pins: Sequence[Pin], wanted: Sequence[Pin]) -> None:
    missing = [pin.name for pin in wanted if not store.has(pin)]
    if missing or not store.is_published(pins):
        found = ", ".join(missing) or "published view"
        raise BuildError(f"Expected every tool, found no {found} - in {store.root}; run `make tools`")


def _build(store: Store, pins: Sequence[Pin], wanted: Sequence[Pin]) -> None:
    if all(store.has(pin) for pin in wanted) and store.is_published(pins):
        return
    with store.locked():
        for pin in wanted:
            store.provide(pin, lambda pin, entry, steps: _build_one(store, pin, entry, steps))
            store.publish(pins)


def _build_one(store: Store, pin: Pin, entry: Path, steps: Steps) -> None:
    if pin.kind == "go":
        gotools.build(pin, entry, steps, go=_go(store))
        return
    if pin.kind == "module":
        gotools.take(pin, entry, steps, go=_go(store))
        return
    if pin.kind == "npm":
        (node,) = (one for one in read_pins("tools") if one.name == "node")
        nodetools.build(pin, entry, steps, node=store.provide(node, pyvenvs.build) / "bin")
        return
    {"venv": pyvenvs.build, "llama": llama.build, "models": make_models.build}[pin.kind](pin, entry, steps)


def _go(store: Store) -> Path:
    (toolchain,) = read_pins("toolchain")
    return gotools.go_on_path(toolchain.minimum) or store.provide(toolchain, pyvenvs.build) / "bin" / "go"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

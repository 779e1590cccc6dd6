"""Reads pins.toml, the one table that says which tools the tests use and what each is made of."""

import hashlib
import json
import platform
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

RECIPE = 1  # raise it when a builder changes what it writes for unchanged pins


@dataclass(frozen=True, slots=True)
class Pin:
    """One tool; an unknown key in its table is a TypeError here."""

    name: str
    kind: str
    version: str
    inputs: Sequence[str]
    commands: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    minimum: str = ""
    folder: str = ""

    @property
    def key(self) -> str:
        """A hash of all that decides this tool's bytes on this machine."""
        text = json.dumps([RECIPE, asdict(self), _machine(self.kind), [_digest(name) for name in self.inputs]])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_pins(section: str) -> tuple[Pin, ...]:
    """The pins of one section, in the order they are built."""
    tables = tomllib.loads((HERE / "pins.toml").read_text())[section]
    return tuple(Pin(name=name, **table) for name, table in tables.items())


def combined_key(pins: Sequence[Pin]) -> str:
    """One key for a set of tools."""
    return hashlib.sha256("\n".join(f"{pin.name} {pin.key}" for pin in pins).encode()).hexdigest()[:16]


def _digest(name: str) -> str:
    return hashlib.sha256((HERE / name).read_bytes()).hexdigest()


def _machine(kind: str) -> list[str]:
    machine = [sys.platform, platform.machine()]
    # A virtual environment points at its interpreter, so another Python needs another one.
    return [*machine, sys.base_prefix, platform.python_version()] if kind == "venv" else machine

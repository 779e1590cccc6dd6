"""The configuration while it is running: read again, compared, built aside, and then exchanged as a whole.

Pools, lanes, aliases, the gateway, the agents and every threshold of theirs change so. What is bound to this machine or
to the way to the API server needs a restart; a change of it is refused by name, together with all that came with it.
"""

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

from exporter import catalogue as c
from exporter.config import Config, parse_config, read_text
from exporter.errors import ConfigError
from exporter.exposition import Collector
from exporter.reload import Reloader
from exporter.wired import Wiring

_DIGITS: Final = 12  # of the hash that is shown
LIVE_CLUSTER: Final = ("pools", "agents")
LIVE_PROBES: Final = ("gateway", "aliases", "lanes", "probes")
Exchange = Callable[[Wiring, Wiring], Awaitable[None]]
Make = Callable[[Config, contextlib.AsyncExitStack], Wiring]
Refuse = Callable[[Config, str], None]
"""Raises `ConfigError` for a configuration that is valid and may not hold; it is told the file's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is made of some keys of the configuration, and anew when one of them changes."""

    keys: tuple[str, ...]
    make: Make


@dataclass(frozen=True, slots=True)
class _Made:
    wiring: Wiring
    stack: contextlib.AsyncExitStack


class Live:
    """The parts that can be exchanged; `path` names the file, or there is none and they stay."""

    def __init__(
        self, path: str | None, parts: Mapping[str, Part], refuse: Refuse = lambda _config, _path: None
    ) -> None:
        self._path = path
        self._parts = parts
        self._refuse = refuse
        self._made: dict[str, _Made] = {}
        self._static = Wiring()
        self._exchange: Exchange | None = None
        self.reloader = Reloader("config", lambda: [Path(path)] if path else [], self._load)
        self.config, self.digest = self._read() if path else (Config(), "")

    def start(self, static: Wiring) -> Wiring:
        """Make every part; return them together with `static`, which stays."""
        self._static = static
        self._made = {name: self._make(part, self.config) for name, part in self._parts.items()}
        return self._whole(self._made, self.digest)

    def exchange_by(self, exchange: Exchange) -> None:
        """Exchange parts with this, from now on."""
        self._exchange = exchange

    async def close(self) -> None:
        """End what the parts have opened."""
        await _close(self._made.values())

    def _read(self) -> tuple[Config, str]:
        """Return what the file says, and the digest of the text that says it."""
        path = self._path or ""
        text = read_text(path)
        config = parse_config(text, path)
        self._refuse(config, path)
        return config, hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    async def _load(self) -> None:
        config, digest = self._read()
        self._refuse_a_restart(config)
        changed = {
            name: part
            for name, part in self._parts.items()
            if any(getattr(config, key) != getattr(self.config, key) for key in part.keys)
        }
        if self._exchange is None:
            raise ConfigError(f"{self._path}: expected an exporter that has started, found one that has not")
        before, made = self._made, {name: self._make(part, config) for name, part in changed.items()}
        after = {**before, **made}
        try:
            await self._exchange(self._whole(before, self.digest), self._whole(after, digest))
        except BaseException:
            await _close(made.values())
            raise
        self._made, self.config, self.digest = after, config, digest
        await _close([before[name] for name in changed])

    def _refuse_a_restart(self, config: Config) -> None:
        live = {key for part in self._parts.values() for key in part.keys}
        fixed = [key for key in config.__struct_fields__ if key not in live]
        changed = [f"$.{key}" for key in fixed if getattr(config, key) != getattr(self.config, key)]
        if changed:
            raise ConfigError(
                f"{self._path}: expected a restart for a change of {', '.join(changed)}; nothing is taken"
            )

    def _make(self, part: Part, config: Config) -> _Made:
        stack = contextlib.AsyncExitStack()
        return _Made(part.make(config, stack), stack)

    def _whole(self, made: Mapping[str, _Made], digest: str) -> Wiring:
        """Return all parts as one; which configuration holds is one of them, and so is exchanged with the rest."""
        told = Wiring(collectors={"config": _told(digest)})
        return reduce(Wiring.__or__, (one.wiring for one in made.values()), self._static | told)


def _told(digest: str) -> Collector:
    samples = [c.CONFIG_INFO.sample(1, hash=digest)] if digest else []
    return lambda _snapshot, _now: [c.CONFIG_INFO.of(samples)]


async def _close(made: Iterable[_Made]) -> None:
    for one in made:
        await one.stack.aclose()

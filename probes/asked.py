"""What the command line asked for, brought together with the configuration: which aliases are asked, and by which ways.

A `ConfigError` says what cannot be asked. The configuration's reader is loaded only where a file is named.
"""

from collections.abc import Iterator

import msgspec

from exporter.config_path import Alias, Gateway, Lane
from exporter.errors import ConfigError


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said; what it left open is None."""

    alias: str | None = None  # None: all that are configured
    config: str | None = None
    gateway: str | None = None
    timeout_seconds: float | None = None
    is_direct: bool = False
    lane: str | None = None  # None: the alias's own


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One alias and the ways by which it is asked."""

    alias: Alias
    gateway: Gateway
    lanes: tuple[Lane, ...] = ()  # all that are configured
    lane: Lane | None = None  # that is asked past the gateway too


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    gateway: Gateway | None = None
    aliases: tuple[Alias, ...] = ()
    lanes: tuple[Lane, ...] = ()


def plans(asked: Asked) -> tuple[Plan, ...]:
    """Return what is to be asked, at least one plan."""
    known = _read(asked.config)
    gateway = _gateway(known, asked)
    aliases = _aliases(known, asked)
    return tuple(
        Plan(alias=alias, gateway=gateway, lanes=known.lanes, lane=_lane(known, alias, asked)) for alias in aliases
    )


def alias_names(config: str | None) -> Iterator[str]:
    """Yield the names that a shell can complete; a file that cannot be read completes nothing."""
    try:
        known = _read(config)
    except ConfigError:
        return
    yield from (alias.name for alias in known.aliases)


def _read(path: str | None) -> _Known:
    if path is None:
        return _Known()
    from exporter.config import read_config  # noqa: PLC0415  # it loads YAML

    config = read_config(path)
    return _Known(gateway=config.gateway, aliases=config.aliases, lanes=config.lanes)


def _gateway(known: _Known, asked: Asked) -> Gateway:
    """Return the gateway with the address that the command line gave; its key and CA file stay."""
    if asked.gateway is None:
        if known.gateway is None:
            raise ConfigError("expected a gateway: give --gateway URL, or --config FILE that has one")
        return known.gateway
    before = msgspec.to_builtins(known.gateway) if known.gateway else {}
    try:
        return msgspec.convert({**before, "url": asked.gateway}, Gateway)
    except msgspec.ValidationError as error:
        raise ConfigError("--gateway: expected http(s)://HOST[:PORT] without user and query") from error


def _aliases(known: _Known, asked: Asked) -> tuple[Alias, ...]:
    aliases = known.aliases if asked.alias is None else (_alias(known, asked, asked.alias),)
    if not aliases:
        raise ConfigError("--all: expected --config FILE with at least one alias, found none")
    if asked.timeout_seconds is None:
        return aliases
    return tuple(msgspec.structs.replace(alias, timeout_seconds=asked.timeout_seconds) for alias in aliases)


def _alias(known: _Known, asked: Asked, name: str) -> Alias:
    """Return the alias as configured; without a configuration any name will do."""
    by_name = {alias.name: alias for alias in known.aliases}
    if name in by_name:
        return by_name[name]
    if asked.config is not None:
        raise ConfigError(f"--alias: expected one of {', '.join(sorted(by_name)) or '(none)'}, found {name}")
    try:
        return msgspec.convert({"name": name}, Alias)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--alias: {error}") from error


def _lane(known: _Known, alias: Alias, asked: Asked) -> Lane | None:
    """Return the lane that is asked directly; among all aliases those without one are only asked by the gateway."""
    if not asked.is_direct:
        return None
    name = asked.lane or alias.lane
    lane = next((lane for lane in known.lanes if lane.name == name), None)
    if lane is not None and lane.url is not None:
        return lane
    if asked.alias is None:
        return None
    where = "--lane" if asked.lane else "--direct"
    raise ConfigError(f"{where}: expected a lane of alias {alias.name} with a url in --config, found {name or 'none'}")

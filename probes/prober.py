"""Puts the configured questions; what cannot be asked is an attempt that failed on our side, never an exception."""

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exporter.config import Config
from exporter.config_path import Alias, Lane
from exporter.errors import ConfigError
from exporter.secret import Secret, read_key
from probes.attempt import Attempt, ask, failed_attempt
from probes.question import Question, direct_question, gateway_question

Ask = Callable[[Question], Awaitable[Attempt]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """Asks an alias through the gateway, or its lane past it; `key` is shown to the gateway in place of its own."""

    config: Config
    ask: Ask = ask
    key: Secret | None = None

    async def ask_gateway(self, alias: Alias) -> Attempt:
        """Ask once through the gateway."""
        gateway = self.config.gateway
        if gateway is None:
            return _failed(alias, "no gateway is configured")
        try:
            key = read_key(gateway) if self.key is None else self.key
            return await self.ask(gateway_question(gateway, alias, key))
        except ConfigError as error:
            return _failed(alias, str(error))

    async def ask_lane(self, alias: Alias, lane: Lane, model: str) -> Attempt:
        """Ask the lane itself once, by the name that it has for its model."""
        try:
            return await self.ask(direct_question(lane, alias, read_key(lane), model))
        except ConfigError as error:
            return dataclasses.replace(_failed(alias, str(error)), target="direct", lane=lane.name)


def _failed(alias: Alias, words: str) -> Attempt:
    return dataclasses.replace(failed_attempt(alias.name, words), kind=alias.kind)

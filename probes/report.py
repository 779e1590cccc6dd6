"""One attempt at one alias and everything that is concluded from it, for the command `probe`.

Knows nothing of the layers below the gateway: it looks from where a user stands.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from exporter.config import Alias, Config, Gateway, read_config
from exporter.errors import ConfigError
from exporter.snapshot import Snapshot
from probes.attempt import Attempt, attempt_chat, chat_request
from probes.chat import lanewatch_version
from probes.layers import Verdict
from probes.outcome import POLICY, Grade, Outcome, judge
from probes.secret import read_key
from probes.served import served_lane
from probes.verdict import root_cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the command line asked for; what it left open is None."""

    alias: str
    config: str | None = None
    gateway: str | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One attempt, judged."""

    attempt: Attempt
    outcome: Outcome
    verdict: Verdict
    lane: str  # the configured lane that answered; empty where it cannot be told
    version: str

    @property
    def grade(self) -> Grade:
        """Pass, warn or fail."""
        return POLICY[self.outcome].grade


def report_on(question: Question) -> Report:
    """Ask once and judge the answer; a `ConfigError` says what cannot be asked."""
    config = read_config(question.config)
    alias, gateway = _alias(config, question), _gateway(config, question)
    attempt = asyncio.run(attempt_chat(chat_request(gateway, alias, read_key(gateway))))
    outcome = judge(attempt, alias, config.lanes)
    return Report(
        attempt=attempt,
        outcome=outcome,
        verdict=root_cause(outcome, attempt, alias=alias, snapshot=Snapshot(node="")),
        lane=served_lane(attempt.served, config.lanes),
        version=lanewatch_version(),
    )


def _gateway(config: Config, question: Question) -> Gateway:
    """Return the gateway with the address that the command line gave; its key and CA file stay."""
    if question.gateway is None:
        if config.gateway is None:
            raise ConfigError("expected a gateway: give --gateway URL, or --config FILE that has one")
        return config.gateway
    known = msgspec.to_builtins(config.gateway) if config.gateway else {}
    try:
        return msgspec.convert({**known, "url": question.gateway}, Gateway)
    except msgspec.ValidationError as error:
        raise ConfigError("--gateway: expected http(s)://HOST[:PORT] without user and query") from error


def _alias(config: Config, question: Question) -> Alias:
    """Return the alias as configured; without a configuration any name will do."""
    known = {alias.name: alias for alias in config.aliases}
    alias = known.get(question.alias)
    if alias is None:
        alias = _unconfigured(question, sorted(known))
    if question.timeout_seconds is None:
        return alias
    return msgspec.structs.replace(alias, timeout_seconds=question.timeout_seconds)


def _unconfigured(question: Question, known: list[str]) -> Alias:
    if question.config is not None:
        raise ConfigError(f"--alias: expected one of {', '.join(known) or '(none)'}, found {question.alias}")
    try:
        return msgspec.convert({"name": question.alias}, Alias)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--alias: {error}") from error

"""What is asked of whom: one question to one alias through the gateway, or to one lane past it."""

from dataclasses import dataclass
from typing import Literal

from exporter.config_path import Alias, Engine, Gateway, Kind, Lane
from exporter.secret import Secret

Target = Literal["gateway", "direct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; `model` is the alias for the gateway, the lane's own name for a lane."""

    alias: str
    kind: Kind
    model: str
    url: str  # base address, with or without /v1
    key: Secret
    target: Target = "gateway"
    lane: str = ""  # that is asked directly
    engine: Engine = (
        "auto"  # of the lane behind, where it is known: what only one server understands is asked of no other
    )
    ca_file: str = ""
    max_tokens: int = 16
    context_words: int = 0  # made ones, before the question of a chat: how the lane does with a long one
    dimension: int | None = None
    timeout_seconds: float = 30.0


def gateway_question(gateway: Gateway, alias: Alias, key: Secret) -> Question:
    """Return the question that the configuration asks of `alias` through the gateway."""
    return Question(
        alias=alias.name,
        kind=alias.kind,
        model=alias.name,
        url=gateway.url,
        key=key,
        ca_file=gateway.ca_file,
        max_tokens=alias.max_tokens,
        dimension=alias.dimension,
        timeout_seconds=alias.timeout_seconds,
    )


def direct_question(lane: Lane, alias: Alias, key: Secret, model: str) -> Question:
    """Return the same question to the lane itself, whose own name for its model is `model`."""
    if lane.url is None:
        raise ValueError(f"expected a lane with an address, found none: {lane.name}")
    return Question(
        alias=alias.name,
        kind=alias.kind,
        model=lane.model or model,
        url=lane.url,
        key=key,
        target="direct",
        lane=lane.name,
        engine=lane.engine,
        ca_file=lane.ca_file,
        max_tokens=alias.max_tokens,
        dimension=alias.dimension,
        timeout_seconds=alias.timeout_seconds,
    )

"""The lanes' servers as they were seen from outside, apart from what their metrics pages gave.

A field that could not be read is None, never 0. Seconds, tokens, ratios 0..1; `_at` is Unix time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

BackendState = Literal["loading", "idle", "busy", "stalled", "wedged", "stopped", "down", "asleep", "unknown"]
ScrapeState = Literal["ok", "refused", "silent", "forbidden", "not_served", "not_metrics", "unknown"]
BACKEND_STATES: tuple[BackendState, ...] = get_args(BackendState)
SCRAPE_STATES: tuple[ScrapeState, ...] = get_args(ScrapeState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What an inference engine counts, under one name a fact; counters since its start, None where it does not say."""

    waiting: float | None = None
    running: float | None = None
    kv_used_ratio: float | None = None
    tokens: Mapping[str, float] = field(default_factory=dict)  # prompt, cached, completion
    busy_seconds: Mapping[str, float] = field(default_factory=dict)  # prompt, completion
    preemptions: float | None = None
    requests: Mapping[str, float] = field(default_factory=dict)  # by reason of their end


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One lane's server as it was seen from outside; `evidence` are sentences without addresses or keys."""

    lane: str
    state: BackendState = "unknown"
    scrape: ScrapeState = "unknown"
    kind: str = ""  # llamacpp, vllm, sglang, llama-cpp-python, openai; empty: not known yet
    build: str = ""
    model: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)  # busy, free
    context_tokens: int | None = None
    engine: Engine = field(default_factory=Engine)
    moved_at: float | None = None  # when its work was seen to move last
    looked_at: float | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The servers of the configured lanes, and whether the gateway says that it lives."""

    by_lane: Mapping[str, Backend] = field(default_factory=dict)
    is_gateway_alive: bool | None = None  # None: there is none, or it was not looked at
    gateway_evidence: str = ""

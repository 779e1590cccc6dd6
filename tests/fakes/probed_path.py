"""The reference path as the watcher saw it: an alias that was answered, late and not at all, and its lane's server."""

from typing import Final

from exporter.backend import Backend, Backends, Engine
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane, Objectives
from exporter.exposition import Exposition, Page
from exporter.snapshot import Snapshot
from fakes.alias_world import NOW, answered, direct, probed, refused, world
from probes.backends import families as backends
from probes.found import Tokens
from probes.layer.case import Probed
from probes.ledger import Ledger
from probes.served import Served
from probes.verdict_families import Verdicts

_OBJECTIVES: Final = Objectives(first_token_seconds=1.5, inter_token_seconds=0.1, total_seconds=10)
_FAST: Final = Alias(name="fast", lane="lane-a", interval_seconds=30, objectives=_OBJECTIVES, direct="always")
_CONFIG: Final = Config(
    gateway=Gateway(url="http://gateway.example.com:4000"),
    aliases=(_FAST,),
    lanes=(Lane(name="lane-a", url="http://lane-a:8080", model_id="lane-a"),),
)
_SERVER: Final = Backend(
    lane="lane-a",
    state="busy",
    scrape="ok",
    kind="vllm",
    build="0.33.0",
    model="Qwen/Qwen3-8B",
    slots={"busy": 1, "free": 1},
    context_tokens=40960,
    moved_at=NOW - 5,
    looked_at=NOW - 5,
    engine=Engine(
        waiting=2.0,
        running=1.0,
        kv_used_ratio=0.4,
        preemptions=1.0,
        tokens={"prompt": 900.0, "cached": 100.0, "completion": 300.0},
        busy_seconds={"prompt": 1.5, "completion": 6.0},
        requests={"stop": 49.0, "length": 14.0, "abort": 4.0, "error": 0.0},
    ),
)


def _snapshot() -> Snapshot:
    snapshot = world(backend=None)
    return Snapshot(
        node=snapshot.node,
        sources=snapshot.sources,
        backends=Backends(by_lane={"lane-a": _SERVER}, is_gateway_alive=True),
    )


def _entries() -> tuple[Probed, ...]:
    return (
        refused(at=NOW - 90),
        probed("skipped_busy", at=NOW - 60),
        answered(
            "slow",
            first=4.0,
            at=NOW - 30,
            tokens=Tokens(prompt=20, completion=16),
            served=Served(model_id="lane-a", model_group="fast"),
            inter_token_seconds=0.02,
            prefill_rate=1800.0,
            queue_seconds=0.3,
        ),
        direct(at=NOW - 28),
    )


def page() -> Page:
    """Return what the watcher exposes of the path."""
    ledger = Ledger(_CONFIG)
    for one in _entries():
        if one.outcome.startswith("skipped_"):
            ledger.record_skip(_FAST, one.outcome, at=one.attempt.ended_at, is_passive=True)
        else:
            record = ledger.record_direct if one.attempt.target == "direct" else ledger.record
            record(_FAST, one.attempt, one.outcome)
    verdicts = Verdicts(_CONFIG, ledger)
    collectors = {"probes": ledger.families, "verdicts": verdicts.families, "backends": backends.collect}
    return Exposition(collectors).prepare(_snapshot(), NOW)

"""What vLLM, SGLang and llama-server say of themselves, by lane and under one name a fact; to scale on, too.

Our own looks win: where the watcher asks a lane's server itself, what somebody else scraped of it is left out. A
target is of the lane whose pod it is; else of what its label `lane` says, else its model, else its job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.engines import LLAMACPP, RANKS, SGLANG, VLLM, any_of, rates, spellings
from alerts.promql import WATCHER_PLACE, indent, latest
from alerts.rule import Group, Record
from exporter import catalogue as c
from exporter.metric import Metric

LANE_OF_POD: Final = "lanewatch:lane_of_pod:info"
LANE_WAITING: Final = "lanewatch:lane_waiting:requests"
LANE_RUNNING: Final = "lanewatch:lane_running:requests"
LANE_SLOTS_USED: Final = "lanewatch:lane_slots_used:ratio"
LANE_LOAD: Final = "lanewatch:lane_load:ratio"
LANE_KV_USED: Final = "lanewatch:lane_kv_used:ratio"
LANE_TOKENS: Final = "lanewatch:lane_tokens:rate5m"
LANE_FINISHED: Final = "lanewatch:lane_finished:rate5m"

_LANE: Final = "cluster, lane"
_POD: Final = "cluster, namespace, pod"
_FIRST_NAME: Final = ";*([^;]+).*"


def by_lane(told: str, *keep: str, join: str = "sum") -> str:
    """Return what engines tell, by the lane of whose server each is; `join` says how its replicas add up."""
    named = f'label_join(\n{indent(told)}\n, "lane", ";", "lane", "model_name", "job")'
    named = f'label_replace({named}, "lane", "$1", "lane", "{_FIRST_NAME}")'
    found = (
        f"(\n{indent(named)}\n) * on ({_POD}) group_left (lane) {LANE_OF_POD}\n"
        f"or\n(\n{indent(named)}\n) unless on ({_POD}) {LANE_OF_POD}"
    )
    return f"{join} by ({', '.join((_LANE, *keep))}) (\n{indent(found)}\n)"


def _ours(metric: Metric, *keep: str) -> str:
    return f"max by ({', '.join((_LANE, *keep))}) (\n{indent(latest(str(metric), WATCHER_PLACE))}\n)"


def _record(name: str, ours: str, told: Sequence[str], *, join: str = "sum", keep: tuple[str, ...] = ()) -> Record:
    expr = f"{ours}\nor on ({_LANE})\n{by_lane(any_of(told), *keep, join=join)}"
    return Record(name=name, expr=expr, labels=("lane", *keep))


def _of_replicas(*told: str) -> tuple[str]:
    return (f"max without ({', '.join(RANKS)}) (\n{indent(any_of(told))}\n)",)


def _named(label: str, value: str, told: Sequence[str], of: str = "") -> str:
    pattern = ".*" if not of else "(.*)"
    return f'label_replace(\n{indent(any_of(told))}\n, "{label}", "{value}", "{of}", "{pattern}")'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """Where a kind of token is counted, prompt tokens without those that came out of a cache."""

    kind: str
    told: tuple[str, ...]


# vLLM's prompt tokens by source leave out what came from the cache; older ones count them in, and cannot tell.
_COMPUTED: Final = rates(VLLM, "prompt_tokens_by_source_total", where='source="local_compute"')
_ALL_PROMPT: Final = rates(VLLM, "prompt_tokens_total")
_PROMPT: Final = (
    f"(\n{indent(any_of(_ALL_PROMPT))}\n)\n"
    f"unless on (cluster, job, instance, model_name, engine)\n(\n{indent(any_of(_COMPUTED))}\n)"
)
_TOKENS: Final = (
    _Counted(
        kind="prompt",
        told=(
            *_COMPUTED,
            _PROMPT,
            *rates(SGLANG, "uncached_prompt_tokens_histogram_sum"),
            *rates(LLAMACPP, "prompt_tokens_total"),
        ),
    ),
    _Counted(
        kind="cached",
        told=(
            *rates(VLLM, "prompt_tokens_cached_total"),
            *rates(SGLANG, "cached_tokens_total"),
            *rates(LLAMACPP, "prompt_tokens_cached_total"),
        ),
    ),
    _Counted(
        kind="completion",
        told=(
            *rates(VLLM, "generation_tokens_total"),
            *rates(SGLANG, "generation_tokens_total"),
            *rates(LLAMACPP, "tokens_predicted_total"),
        ),
    ),
)

_POD_OF_LANE: Final = (
    f"max by ({_POD}, lane) (\n"
    f'  label_replace(label_replace({c.LANE_POD_INFO}, "namespace", "$1", "lane_namespace", "(.*)"), '
    f'"pod", "$1", "owner_pod", "(.*)")\n)'
)
# What is joined must be there once: a pod of two lanes is of none.
_LANE_OF_POD: Final = Record(
    name=LANE_OF_POD,
    expr=f"{_POD_OF_LANE}\nunless on ({_POD}) (\n  count by ({_POD}) (\n{indent(_POD_OF_LANE, 4)}\n  ) > 1\n)",
    labels=("lane",),
)
_SLOTS: Final = f"sum by ({_LANE}) (\n{indent(latest(str(c.BACKEND_SLOTS), WATCHER_PLACE))}\n)"
_BUSY: Final = f"max by ({_LANE}) (\n{indent(latest(c.BACKEND_SLOTS.where(state='busy'), WATCHER_PLACE))}\n)"

GROUP: Final = Group(
    name="lanewatch-from-engines",
    rules=(
        _LANE_OF_POD,
        _record(
            LANE_WAITING,
            _ours(c.ENGINE_WAITING),
            _of_replicas(
                *spellings(VLLM, "num_requests_waiting"),
                *spellings(SGLANG, "num_queue_reqs"),
                *spellings(LLAMACPP, "requests_deferred"),
            ),
        ),
        _record(
            LANE_RUNNING,
            _ours(c.ENGINE_RUNNING),
            _of_replicas(
                *spellings(VLLM, "num_requests_running"),
                *spellings(SGLANG, "num_running_reqs"),
                *spellings(LLAMACPP, "requests_processing"),
            ),
        ),
        # Only our own looks know how many slots a server has; a paged engine has none.
        Record(name=LANE_SLOTS_USED, expr=f"{_BUSY} / ({_SLOTS} > 0)", labels=("lane",)),
        # 1: every slot is taken and nobody waits; 2: as many wait as are served. What to scale a lane with slots on.
        Record(
            name=LANE_LOAD,
            expr=f"({LANE_RUNNING} + {LANE_WAITING}) / on ({_LANE}) ({_SLOTS} > 0)",
            labels=("lane",),
        ),
        _record(
            LANE_KV_USED,
            _ours(c.ENGINE_KV_USED),
            _of_replicas(
                *spellings(VLLM, "kv_cache_usage_perc", "gpu_cache_usage_perc"),
                *spellings(SGLANG, "token_usage"),
            ),
            join="max",  # the fullest cache is the one that preempts
        ),
        _record(
            LANE_TOKENS,
            f"max by ({_LANE}, kind) (rate({c.ENGINE_TOKENS}[5m]))",
            tuple(_named("kind", counted.kind, counted.told) for counted in _TOKENS),
            keep=("kind",),
        ),
        _record(
            LANE_FINISHED,
            f"max by ({_LANE}, reason) (rate({c.ENGINE_REQUESTS}[5m]))",
            (
                _named("reason", "$1", rates(VLLM, "request_success_total"), of="finished_reason"),
                _named("reason", "finished", rates(SGLANG, "num_requests_total")),  # it tells no reason
                _named("reason", "abort", rates(SGLANG, "num_aborted_requests_total")),
            ),
            keep=("reason",),
        ),
    ),
)

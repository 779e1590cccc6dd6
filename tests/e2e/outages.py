"""Outages as an exporter shows them: for each its own cluster, whose series are well, then ill, then well again.

The names and causes of the faults are those of `probes/fault_matrix.py`. All clusters are scraped from one page, so
that many outages are watched at once, and so that each is also a test that no alert looks beyond its own cluster.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.facts.violators import VIOLATIONS
from exporter.metric import Metric
from probes.layers import Cause
from probes.outcome import Outcome

_POOL_STATES: Final = ("steady", "switching", "none", "many", "split", "unknown")
_BACKEND_STATES: Final = ("loading", "idle", "busy", "stalled", "wedged", "stopped", "down", "asleep", "unknown")
_BASELINE: Final = ("ready", "schedulable", "advertised", "labelled", "isolated", "telemetry", "served")


class State:
    """What one cluster's exporter says: values by metric and labels."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.values: dict[tuple[Metric, tuple[str, ...]], float] = {}
        # texts look names up in all clusters, and each outage must tell its own cause: so names are those of one
        self.pool = {"pool": f"pool-of-{cluster}", "unit": ""}
        self.card = {"node": f"node-of-{cluster}", "gpu_uuid": f"GPU-{cluster}"}
        self.lane = f"lane-of-{cluster}"

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Say one value; the catalogue refuses labels that the metric does not have."""
        self.values[(metric, metric.sample(value, **labels).labels)] = value

    def choose(self, metric: Metric, chosen: str, among: Sequence[str], **labels: str) -> None:
        """Say 1 for the last label's `chosen` value, and 0 for the others."""
        for one in among:
            self.set(metric, float(one == chosen), **labels, **{metric.labels[-1]: one})

    def drop(self, *metrics: Metric) -> None:
        """Say nothing of these any more."""
        self.values = {key: value for key, value in self.values.items() if key[0] not in metrics}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the page."""
        for (metric, values), value in self.values.items():
            named = zip(("cluster", *metric.labels), (self.cluster, *values), strict=True)
            inner = ",".join(f'{label}="{text}"' for label, text in named)
            yield f"{metric}{{{inner}}} {value:.10g}"


Change = Callable[[State], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A fault of the matrix: what its series show, and by what a page names its cause."""

    fault: str
    cause: Cause
    outcome: Outcome = "ok"  # of every probe while it lasts
    changes: Sequence[Change] = ()
    named: Sequence[str] = ()  # words, besides the cause itself, that say so on the page
    aliases: Sequence[str] = ("fast", "chat")
    is_paged: bool = True

    @property
    def cluster(self) -> str:
        """The name of its own cluster."""
        return self.fault.lower().replace(" ", "-").replace("/", "-").replace(",", "").replace(".", "-")


def well(state: State, now: float) -> None:
    """Say that everything is well: one card, one lane on it, its server and the gateway."""
    card = state.card
    lane = {"pool": state.pool["pool"], "lane_namespace": "vllm", "lane": state.lane}
    state.set(c.BUILD_INFO, 1, version="1", role="all", simulated="false")
    for source in ("nvml", "podresources", "pods", "nodes"):
        state.set(c.SOURCE_UP, 1, source=source)
        state.set(c.SOURCE_LAST_SUCCESS, now, source=source)
    state.set(c.GPU_UP, 1, **card)
    for reason in ("lost", "hung"):
        state.set(c.GPU_UNAVAILABLE, 0, **card, reason=reason)
    state.set(c.GPU_XID_ERRORS, 0, **card, xid="79", **{"class": "hardware"}, action="reboot_node")
    owner = {"owner_namespace": "vllm", "owner_pod": "qwen-1", "owner_container": "server"}
    state.set(c.GPU_OWNER_INFO, 1, **card, **owner, lane=state.lane, source="device_plugin")
    words = {"kind": "Deployment", "strategy": "Recreate"}
    told = {label: words.get(label, "") for label in c.LANE_INFO.labels if label not in lane}
    state.set(c.LANE_INFO, 1, **lane, **told)
    state.set(c.LANE_POD_INFO, 1, **lane, owner_pod="qwen-1", node=state.card["node"])
    state.choose(c.POOL_STATE, "steady", _POOL_STATES, **state.pool)
    state.set(c.POOL_INVARIANT_OK, 1, **state.pool)
    state.choose(c.POOL_VIOLATION, "", VIOLATIONS, **state.pool)
    for check in _BASELINE:
        state.set(c.NODE_BASELINE, 1, node=state.card["node"], check=check)
    state.set(c.AGENT_UP, 1, node=state.card["node"])
    state.set(c.GATEWAY_UP, 1)
    state.choose(c.BACKEND_STATE, "idle", _BACKEND_STATES, lane=state.lane)


def _server(state_of_it: str) -> Change:
    return lambda state: state.choose(c.BACKEND_STATE, state_of_it, _BACKEND_STATES, lane=state.lane)


def _pool(word: str, *reasons: str) -> Change:
    def change(state: State) -> None:
        state.choose(c.POOL_STATE, word, _POOL_STATES, **state.pool)
        state.set(c.POOL_INVARIANT_OK, 0, **state.pool)
        for reason in reasons:
            state.set(c.POOL_VIOLATION, 1, **state.pool, reason=reason)

    return change


def _node_lost(state: State) -> None:
    state.drop(c.GPU_UP, c.GPU_UNAVAILABLE, c.GPU_XID_ERRORS, c.GPU_OWNER_INFO, c.POOL_INVARIANT_OK)
    state.choose(c.POOL_STATE, "unknown", _POOL_STATES, **state.pool)
    state.set(c.POOL_VIOLATION, 1, **state.pool, reason="node_lost")
    state.set(c.NODE_BASELINE, 0, node=state.card["node"], check="ready")
    state.set(c.AGENT_UP, 0, node=state.card["node"])


def _driver_gone(state: State) -> None:
    state.drop(c.GPU_UP, c.GPU_UNAVAILABLE, c.GPU_XID_ERRORS)
    state.set(c.SOURCE_UP, 0, source="nvml")
    state.choose(c.BACKEND_STATE, "down", _BACKEND_STATES, lane=state.lane)


def _card_lost(state: State) -> None:
    card = state.card
    state.set(c.GPU_UP, 0, **card)
    state.set(c.GPU_UNAVAILABLE, 1, **card, reason="lost")
    state.choose(c.BACKEND_STATE, "down", _BACKEND_STATES, lane=state.lane)


def _gateway_dead(state: State) -> None:
    state.set(c.GATEWAY_UP, 0)


def _api_server_gone(state: State) -> None:
    state.drop(c.POOL_INVARIANT_OK, c.NODE_BASELINE, c.LANE_POD_INFO)
    state.choose(c.POOL_STATE, "unknown", _POOL_STATES, **state.pool)
    for source in ("pods", "nodes"):
        state.set(c.SOURCE_UP, 0, source=source)


def _of_the_lane(fault: str, *reasons: str) -> Outage:
    changes = (_pool("none", "none", *reasons),)
    return Outage(
        fault=fault, cause="lane_pod", outcome="lane_refused", changes=changes, named=reasons or ("Reasons: none.",)
    )


OUTAGES: Final = (
    Outage(fault="lane killed", cause="backend_process", outcome="lane_refused", changes=(_server("down"),)),
    Outage(fault="main loop wedged", cause="backend_work", outcome="timeout_first", changes=(_server("wedged"),)),
    Outage(fault="lane loading", cause="backend_process", outcome="loading", changes=(_server("loading"),)),
    Outage(fault="gateway down", cause="gateway_process", outcome="connect", changes=(_gateway_dead,)),
    Outage(fault="gateway hung", cause="gateway_process", outcome="timeout_first", changes=(_gateway_dead,)),
    Outage(fault="gateway fails", cause="gateway_process", outcome="http_5xx"),
    Outage(fault="unknown alias", cause="alias_route", outcome="bad_route", aliases=("fast",)),
    Outage(fault="wrong api_base", cause="network", outcome="http_5xx"),
    Outage(fault="node not Ready", cause="node", outcome="timeout_first", changes=(_node_lost,)),
    Outage(fault="driver gone", cause="driver", outcome="lane_refused", changes=(_driver_gone,)),
    Outage(fault="card lost", cause="device", outcome="lane_refused", changes=(_card_lost,), named=("Card GPU-",)),
    Outage(
        fault="UnexpectedAdmissionError",
        cause="allocation",
        outcome="lane_refused",
        changes=(_pool("none", "none", "unexpected_admission"),),
        named=("unexpected_admission",),
    ),
    Outage(
        fault="Insufficient nvidia.com/gpu",
        cause="allocation",
        outcome="lane_refused",
        changes=(_pool("none", "none", "insufficient_gpu"),),
        named=("insufficient_gpu",),
    ),
    _of_the_lane("OOMKilled", "crash_loop"),
    _of_the_lane("CrashLoopBackOff", "crash_loop"),
    _of_the_lane("ImagePullBackOff", "image_pull"),
    _of_the_lane("parked"),
    Outage(
        fault="two lanes",
        cause="lane_pod",
        outcome="lane_refused",
        changes=(_pool("many", "multiple"),),
        named=("multiple",),
    ),
    # users are served: nobody is paged
    Outage(fault="metrics page shut", cause="none", is_paged=False),
    Outage(fault="API server gone", cause="none", changes=(_api_server_gone,), is_paged=False),
)

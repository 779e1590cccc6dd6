"""How long the engines' answers took and how they ended, by lane: what an SLO of users' traffic is judged by.

llama-server has neither a histogram nor a count of requests: of its times only the probes and the gateway know. The
engines do not tell probes from users. The first observation of a histogram that is born is not counted.
"""

from typing import Final

from alerts.edges import by_edge
from alerts.engines import SGLANG, VLLM, any_of, increases
from alerts.from_engines import LANE_FINISHED, by_lane
from alerts.promql import indent
from alerts.rule import Group, Record

LANE_SECONDS: Final = "lanewatch:lane_seconds:increase5m"
LANE_ANSWERS: Final = "lanewatch:lane_answers:increase5m"

_LANE: Final = "cluster, lane"
_BACK_SECONDS: Final = 300
_TIMES: Final = (
    ("first_token", ("time_to_first_token_seconds_bucket",), ("time_to_first_token_seconds_bucket",)),
    # the second name is vLLM's of 0.8.5; each counts pairs of tokens, not requests
    (
        "inter_token",
        ("inter_token_latency_seconds_bucket", "time_per_output_token_seconds_bucket"),
        ("inter_token_latency_seconds_bucket",),
    ),
    ("total", ("e2e_request_latency_seconds_bucket",), ("e2e_request_latency_seconds_bucket",)),
)


def _seconds(slo: str, vllm: tuple[str, ...], sglang: tuple[str, ...]) -> str:
    told = by_lane(any_of((*increases(VLLM, *vllm), *increases(SGLANG, *sglang))), "le")
    return f'label_replace(\n{indent(by_edge(told, _LANE))}\n, "slo", "{slo}", "", "")'


def _vllm_answers() -> str:
    """Return how requests ended where errors are among the reasons; who left is neither good nor bad."""
    counts = f'{LANE_FINISHED}{{reason!="abort"}} and on ({_LANE}) {LANE_FINISHED}{{reason="error"}}'
    named = f'label_replace(({counts}) * {_BACK_SECONDS}, "result", "answered", "", "")'
    return f'sum by ({_LANE}, result) (label_replace({named}, "result", "failed", "reason", "error"))'


def _sglang_answers(result: str, codes: str) -> str:
    """Return answers of the routes that infer, by their HTTP status."""
    routes = f'endpoint=~"/v1/.*|/generate",status_code=~"{codes}"'
    told = by_lane(any_of(increases(SGLANG, "http_responses_total", where=routes)))
    return f'label_replace(\n{indent(told)}\n, "result", "{result}", "", "")'


GROUP: Final = Group(
    name="lanewatch-from-engines-times",
    rules=(
        Record(
            name=LANE_SECONDS,
            expr="\nor\n".join(_seconds(slo, vllm, sglang) for slo, vllm, sglang in _TIMES),
            labels=("lane", "slo", "le"),
        ),
        Record(
            name=LANE_ANSWERS,
            expr="\nor\n".join((_vllm_answers(), _sglang_answers("answered", "2.."), _sglang_answers("failed", "5.."))),
            labels=("lane", "result"),
        ),
    ),
)

"""What LiteLLM counts of users' requests, by alias and under one name a fact.

An alias is what was asked for (`requested_model`): one that a fallback answered was served. Our own probes are told by
their user agent and left out of the requests; LiteLLM's histograms have no such label, so its times include them.
Its time per output token is left out: it divides the whole answer, the wait for the first token included.
"""

from typing import Final

from alerts.edges import by_edge
from alerts.promql import indent
from alerts.rule import Group, Record

GATEWAY_REQUESTS: Final = "lanewatch:gateway_requests:increase5m"
GATEWAY_RATE: Final = "lanewatch:gateway_requests:rate5m"
GATEWAY_FALLBACKS: Final = "lanewatch:gateway_fallbacks:increase5m"
GATEWAY_SECONDS: Final = "lanewatch:gateway_seconds:increase5m"

BACK: Final = "5m"
_BACK_SECONDS: Final = 300
_ALIAS: Final = "cluster, alias"
# Requests for no alias (pages, bad bodies) are nobody's; each word is a `result`, the last that fits holds.
_USERS: Final = 'litellm_proxy_total_requests_metric_total{requested_model!="",user_agent!~"lanewatch-probe/.*"}'
_RESULTS: Final = (
    ("refused", ".*"),  # the caller's own fault, a limit, or a caller that left: neither good nor bad
    ("answered", "2.."),
    ("failed", "5..|408"),  # 408 is LiteLLM's word for a lane that did not answer in time
)
_TIMES: Final = (
    ("first_token", "litellm_llm_api_time_to_first_token_metric_bucket"),  # of streams
    ("total", "litellm_request_total_latency_metric_bucket"),
)


def counted(selector: str, back: str = BACK) -> str:
    """Return how much a counter rose, its birth included where its target was there before: then it began at 0."""
    born = (
        f"(\n  {selector} unless {selector} offset {back}\n  and on (cluster, job, instance) (up offset {back} == 1)\n)"
    )
    return f"{born}\nor\nincrease({selector}[{back}])"


def _requests() -> str:
    expr = f'label_replace(\n{indent(counted(_USERS))}\n, "alias", "$1", "requested_model", "(.*)")'
    for result, codes in _RESULTS:
        expr = f'label_replace({expr}, "result", "{result}", "status_code", "{codes}")'
    return f"sum by ({_ALIAS}, result) (\n{indent(expr)}\n)"


def _fallbacks() -> str:
    told = counted("litellm_deployment_successful_fallbacks_total")
    named = f'label_replace(\n{indent(told)}\n, "alias", "$1", "requested_model", "(.*)")'
    return f"sum by ({_ALIAS}, fallback_model) (\n{indent(named)}\n)"


def _seconds(slo: str, metric: str) -> str:
    told = f'label_replace(increase({metric}[{BACK}]), "alias", "$1", "requested_model", "(.*)")'
    return f'label_replace(\n{indent(by_edge(told, _ALIAS))}\n, "slo", "{slo}", "", "")'


GROUP: Final = Group(
    name="lanewatch-from-gateway",
    rules=(
        Record(name=GATEWAY_REQUESTS, expr=_requests(), labels=("alias", "result")),
        Record(name=GATEWAY_RATE, expr=f"{GATEWAY_REQUESTS} / {_BACK_SECONDS}", labels=("alias", "result")),
        Record(name=GATEWAY_FALLBACKS, expr=_fallbacks(), labels=("alias", "fallback_model")),
        Record(
            name=GATEWAY_SECONDS,
            expr="\nor\n".join(_seconds(slo, metric) for slo, metric in _TIMES),
            labels=("alias", "slo", "le"),
        ),
    ),
)

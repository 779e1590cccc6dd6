"""Metrics of others that our rules select, by the names and labels that a recorded exposition of theirs has.

What they mean is theirs: LiteLLM learns the state of a deployment from traffic alone, so that it speaks only together
with what our own probes saw.
"""

from typing import Final

from exporter.metric import Metric

_LITELLM: Final = ("litellm",)
_DEPLOYMENT: Final = ("api_base", "api_provider", "litellm_model_name", "model_id")

LITELLM_DEPLOYMENT_STATE: Final = Metric(
    "litellm_deployment_state",
    "gauge",
    "State of a deployment by its last requests: 0 healthy, 1 partial outage, 2 complete outage.",
    _DEPLOYMENT,
    _LITELLM,
)
LITELLM_DEPLOYMENT_REQUESTS: Final = Metric(
    "litellm_deployment_total_requests_total",
    "counter",
    "Requests that a deployment was asked; model_group is the alias that it answers for.",
    (
        *_DEPLOYMENT,
        "api_key_alias",
        "client_ip",
        "hashed_api_key",
        "model_group",
        "requested_model",
        "team",
        "team_alias",
        "user_agent",
    ),
    _LITELLM,
)
# No sample of it was ever recorded; the labels are those of LiteLLM's own documentation.
LITELLM_DEPLOYMENT_COOLED_DOWN: Final = Metric(
    "litellm_deployment_cooled_down_total",
    "counter",
    "Times that a deployment was put aside after failures; a series is born with the first.",
    (*_DEPLOYMENT, "exception_status"),
    _LITELLM,
)

METRICS: Final = (LITELLM_DEPLOYMENT_STATE, LITELLM_DEPLOYMENT_REQUESTS, LITELLM_DEPLOYMENT_COOLED_DOWN)

"""PromQL for panels: selectors that follow the choices at the top of the page, and states as one number."""

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.metric import Metric

# label -> the variable that chooses it. `.*` also matches a label that is not there, so `cluster` costs nothing.
CHOICES: Final[Mapping[str, str]] = {"node": "$node", "gpu_uuid": "$gpu", "alias": "$alias"}
_CLUSTER: Final = 'cluster=~"$cluster"'


def chosen(metric: Metric, **matchers: str) -> str:
    """Return the selector of the metric's series that the page shows, and that equal `matchers`."""
    followed = {label: f"~{variable}" for label, variable in CHOICES.items() if label in metric.labels}
    inner = metric.where(**{**followed, **matchers}).removeprefix(str(metric)).strip("{}")
    return f"{metric}{{{','.join(part for part in (_CLUSTER, inner) if part)}}}"


def recorded(name: str, slo: str) -> str:
    """Return the selector of a recorded series of the aliases that the page shows."""
    return f'{name}{{{_CLUSTER},alias=~"$alias",slo="{slo}"}}'


def rate(metric: Metric, **matchers: str) -> str:
    """Return the rate of the chosen series, over as much as Grafana needs to draw one point."""
    return f"rate({chosen(metric, **matchers)}[$__rate_interval])"


def increase(metric: Metric, **matchers: str) -> str:
    """Return the increase of the chosen series between two points."""
    return f"increase({chosen(metric, **matchers)}[$__rate_interval])"


def numbered(metric: Metric, label: str, states: Iterable[str], by: str) -> str:
    """Return one series for each `by`: the number of the state that is 1, in the order given."""
    return "\nor\n".join(
        f"max by ({by}) ({chosen(metric, **{label: state})} == 1) * 0 + {number}" for number, state in enumerate(states)
    )

"""PromQL for panels: selectors that follow the choices at the top of the page, and states as one number."""

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.metric import Metric

# label -> the variable that chooses it. `.*` also matches a label that is not there, so `cluster` costs nothing.
CHOICES: Final[Mapping[str, str]] = {"node": "$node", "gpu_uuid": "$gpu", "alias": "$alias"}
_CLUSTER: Final = 'cluster=~"$cluster"'
_ALIAS: Final = 'alias=~"$alias"'


def chosen(metric: Metric, **matchers: str) -> str:
    """Return the selector of the metric's series that the page shows, and that equal `matchers`."""
    return _select(metric, CHOICES, matchers)


def within(metric: Metric, *labels: str) -> str:
    """Return the selector of the metric's series that the page shows by the choice of `labels` alone."""
    return _select(metric, labels, {})


def spoken(metric: Metric) -> str:
    """Return the selector of the metric's series of the exporters that the page shows."""
    inner = chosen(metric).removeprefix(str(metric)).strip("{}")
    return f'{metric}{{{inner},instance=~"$exporter"}}'


def _select(metric: Metric, labels: Iterable[str], matchers: Mapping[str, str]) -> str:
    followed = {label: f"~{CHOICES[label]}" for label in labels if label in metric.labels}
    inner = metric.where(**{**followed, **matchers}).removeprefix(str(metric)).strip("{}")
    return f"{metric}{{{','.join(part for part in (_CLUSTER, inner) if part)}}}"


def recorded(name: str, slo: str = "") -> str:
    """Return the selector of a recorded series of the aliases that the page shows, of one objective or of each."""
    equal = [f'slo="{slo}"'] if slo else []
    return f"{name}{{{','.join([_CLUSTER, _ALIAS, *equal])}}}"


def fleet(name: str, **matchers: str) -> str:
    """Return the selector of a recorded series of the clusters that the page shows."""
    equal = [f'{label}="{value}"' for label, value in sorted(matchers.items())]
    return f"{name}{{{','.join([_CLUSTER, *equal])}}}"


def most(by: str, metric: Metric, **matchers: str) -> str:
    """Return the highest of the chosen series for each `by`: whoever scrapes them, each is there once."""
    return f"max by ({by}) ({chosen(metric, **matchers)})"


def spread(metric: Metric, **matchers: str) -> str:
    """Return how many values fell into each bucket of the chosen histograms between two points."""
    return f"sum by (le) (increase({_bucket(metric, **matchers)}[$__rate_interval]))"


def quantile(share: float, by: str, metric: Metric, **matchers: str) -> str:
    """Return the time within which this share of the chosen events of each `by` ended."""
    rates = f"sum by (le, {by}) (rate({_bucket(metric, **matchers)}[$__rate_interval]))"
    return f"histogram_quantile({share:g}, {rates})"


def _bucket(metric: Metric, **matchers: str) -> str:
    return chosen(metric, **matchers).replace(str(metric), f"{metric}_bucket", 1)


def rate(metric: Metric, **matchers: str) -> str:
    """Return the rate of the chosen series, over as much as Grafana needs to draw one point."""
    return f"rate({chosen(metric, **matchers)}[$__rate_interval])"


def increase(metric: Metric, **matchers: str) -> str:
    """Return the increase of the chosen series between two points."""
    return f"increase({chosen(metric, **matchers)}[$__rate_interval])"


def numbered(metric: Metric, label: str, states: Iterable[str], by: str, **matchers: str) -> str:
    """Return one series for each `by`: the number of the state that is 1, in the order given."""
    return "\nor\n".join(
        f"max by ({by}) ({chosen(metric, **{label: state}, **matchers)} == 1) * 0 + {number}"
        for number, state in enumerate(states)
    )

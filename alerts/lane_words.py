"""How the text of an alert speaks of a lane: its name, and what other series say of it."""

from collections.abc import Sequence
from typing import Final

from alerts.promql import in_order
from exporter.metric import Metric

LANE: Final = "lane {{ $labels.lane_namespace }}/{{ $labels.lane }} of pool {{ $labels.pool }}"
_GIVEN: Final = "$labels.lane $labels.lane_namespace $labels.pool"


def tell_of_lane(metric: Metric, show: Sequence[str], **matchers: str) -> str:
    """Return a template that names the series of `metric` that are the lane's and above 0; see `promql.tell`."""
    selector = metric.where(lane="%s", lane_namespace="%s", pool="%s", **matchers)
    shown = "/".join(f"{{{{ .Labels.{label} }}}}" for label in show)
    found = f"{{{{ range printf `{selector} > 0` {_GIVEN} | query | {in_order(show)} }}}}"
    return f"{found} {shown}{{{{ else }}}} unknown{{{{ end }}}}"

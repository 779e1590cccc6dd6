"""Numbers in the text of an alert that are not its own value: what a threshold is, what a card could do."""

from collections.abc import Sequence

from exporter.metric import Metric


def figure(metric: Metric, *, same: Sequence[str], **matchers: str) -> str:
    """Return a template that shows the value of the series of `metric` whose labels `same` are the alert's."""
    selector = metric.where(**dict.fromkeys(same, "%s"), **matchers)
    given = " ".join(f"$labels.{label}" for label in sorted(same))  # in the order in which the selector takes them
    shown = "{{ . | first | value | humanize }}"
    return f"{{{{ with printf `{selector}` {given} | query }}}}{shown}{{{{ else }}}}unknown{{{{ end }}}}"

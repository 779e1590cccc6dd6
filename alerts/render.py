"""From the tables to rule files that a ruler loads: pure, and a change of one alert is a diff of one alert.

Three forms of the same rules: the files that Prometheus and Thanos load, the objects of the Prometheus operator, and
the one namespace that `mimirtool rules load` takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml

from alerts.cluster_words import in_own_cluster
from alerts.groups import GROUPS
from alerts.links import BOARDS, RUNBOOKS, runbook_url
from alerts.rule import SEVERITY_LABEL, Alert, Group, Record

FOLDER: Final = "chart/files/rules"
# The routes of alerts/routes.py tell nobody of an alert with this label, and nothing is silenced by one.
BURN_IN: Final[Mapping[str, str]] = {"burn_in": "true"}
_NAMESPACE: Final = "lanewatch"
_HEADER: Final = "# Generated from alerts/; never edited. Change the table there and run `make generate`.\n"
_NO_LABELS: Final[Mapping[str, str]] = {}
_Groups = Sequence[dict[str, Any]]


class _Text(str):
    """A text that YAML writes as a literal block, line for line as it was laid out."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Our own, so that the representer below is not added for everybody in the process."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class names the argument
        """Write everything in full: an anchor in a rule file is a riddle."""
        return True


_Dumper.add_representer(
    _Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def render(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """Return the text of every rule file by its path in the repository; `runbooks` is where the runbooks live."""
    return {f"{FOLDER}/{name}": text for name, text in render_as("prometheus", runbooks).items()}


def render_as(form: str, runbooks: str = RUNBOOKS, *, labels: Mapping[str, str] = _NO_LABELS) -> dict[str, str]:
    """Return the text of each file of this form by its name; every alert, and no recorded series, gets `labels`."""
    groups = [_group(group, runbooks, labels) for group in sorted(GROUPS, key=lambda group: group.name)]
    return {name: written(document) for name, document in sorted(FORMS[form](groups).items())}


def written(document: object) -> str:
    """Return a generated YAML file."""
    return _HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)


def _files(groups: _Groups) -> dict[str, object]:
    return {f"{group['name']}.yaml": {"groups": [group]} for group in groups}


def _objects(groups: _Groups) -> dict[str, object]:
    return {f"{group['name']}.yaml": _object(group) for group in groups}


def _object(group: dict[str, Any]) -> dict[str, object]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": group["name"], "labels": {"app.kubernetes.io/name": "lanewatch"}},
        "spec": {"groups": [group]},
    }


def _one_namespace(groups: _Groups) -> dict[str, object]:
    # one file: mimirtool refuses a second one of the same namespace
    return {f"{_NAMESPACE}.yaml": {"namespace": _NAMESPACE, "groups": list(groups)}}


FORMS: Final[Mapping[str, Callable[[_Groups], dict[str, object]]]] = {
    "prometheus": _files,
    "operator": _objects,
    "mimir": _one_namespace,
}


def _group(group: Group, runbooks: str, extra: Mapping[str, str]) -> dict[str, Any]:
    rules = [_record(rule) if isinstance(rule, Record) else _alert(rule, runbooks, extra) for rule in group.rules]
    return {"name": group.name, "interval": group.interval, "rules": rules}


def _record(record: Record) -> dict[str, object]:
    return {"record": record.name, "expr": _Text(record.expr)}


def _alert(alert: Alert, runbooks: str, extra: Mapping[str, str]) -> dict[str, object]:
    labels = {**alert.labels, **extra, "severity": SEVERITY_LABEL[alert.severity], "layer": alert.layer}
    if alert.action is not None:
        labels["action"] = alert.action
    annotations = {
        "summary": alert.summary,
        "description": in_own_cluster(alert.description),
        "runbook_url": runbook_url(alert.name, runbooks),
        "dashboard": BOARDS[alert.layer],
    }
    return {
        "alert": alert.name,
        "expr": _Text(alert.expr),
        **({"for": alert.for_} if alert.for_ else {}),
        "labels": dict(sorted(labels.items())),
        "annotations": annotations,
    }

"""From the tables to rule files that Prometheus loads: pure, and a change of one alert is a diff of one alert."""

from typing import Final

import yaml

from alerts.groups import GROUPS
from alerts.links import BOARDS, RUNBOOKS, runbook_url
from alerts.rule import SEVERITY_LABEL, Alert, Group, Record

FOLDER: Final = "chart/files/rules"
_HEADER: Final = "# Generated from alerts/; never edited. Change the table there and run `make generate`.\n"


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
    return {_path(group): _HEADER + _dump(_group(group, runbooks)) for group in sorted(GROUPS, key=_path)}


def _path(group: Group) -> str:
    return f"{FOLDER}/{group.name}.yaml"


def _dump(document: object) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)


def _group(group: Group, runbooks: str) -> dict[str, object]:
    rules = [_record(rule) if isinstance(rule, Record) else _alert(rule, runbooks) for rule in group.rules]
    return {"groups": [{"name": group.name, "interval": group.interval, "rules": rules}]}


def _record(record: Record) -> dict[str, object]:
    return {"record": record.name, "expr": _Text(record.expr)}


def _alert(alert: Alert, runbooks: str) -> dict[str, object]:
    labels = {**alert.labels, "severity": SEVERITY_LABEL[alert.severity], "layer": alert.layer}
    if alert.action is not None:
        labels["action"] = alert.action
    annotations = {
        "summary": alert.summary,
        "description": alert.description,
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

"""values.yaml, its schema, its README and the table of rights, out of the structs and `exporter/rights.py`."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import yaml
from msgspec import inspect

from exporter.chart.section import Part
from exporter.chart.values import Values
from exporter.rights import REVIEWS, RIGHTS

FOLDER: Final = "chart"
_WIDTH: Final = 110
_FROM: Final = "Generated from exporter/chart/ by `make generate`; edit there."
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_CONFIG: Final = "config"


@dataclass(frozen=True, slots=True)
class Row:
    """One value: where it is, its default, its meaning."""

    path: str
    default: Any
    meaning: str
    part: type[Part] | None = None


def render() -> dict[str, str]:
    """Return the text of each file by its path in the repository."""
    return {
        f"{FOLDER}/README.md": _readme(),
        f"{FOLDER}/files/rights.yaml": _rights(),
        f"{FOLDER}/values.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
        f"{FOLDER}/values.yaml": f"# {_FROM}\n" + "".join(f"{line}\n" for line in _lines(Values, 0)),
    }


def rows(part: type[Part] = Values, above: str = "") -> Iterator[Row]:
    """Yield every value that can be set, in order; a part before what is in it."""
    meanings = _meanings(part)
    for field in _fields(part):
        name = f"{above}{field.encode_name}"
        inner = _part(field.type)
        yield Row(name, None if inner else _default(field), meanings[field.encode_name], inner)
        if inner:
            yield from rows(inner, f"{name}.")


def schema() -> dict[str, Any]:
    """Return the JSON schema that Helm holds the values against; its `config` is that of the exporter's own file."""
    made = msgspec.json.schema(Values)["$defs"]
    whole = made.pop("Values")
    whole["properties"]["global"] = {"type": "object", "description": "What a parent chart gives to all its parts."}
    return {"$schema": _DRAFT, **whole, "$defs": made}


def _fields(part: type[Part]) -> tuple[inspect.Field, ...]:
    kind = inspect.type_info(part)
    return kind.fields if isinstance(kind, inspect.StructType) else ()


def _meanings(part: type[Part]) -> dict[str, str]:
    properties = msgspec.json.schema_components([part], ref_template="{name}")[1][part.__name__]["properties"]
    return {name: one["description"] for name, one in properties.items()}


def _part(kind: inspect.Type) -> type[Part] | None:
    bare = kind.type if isinstance(kind, inspect.Metadata) else kind
    return bare.cls if isinstance(bare, inspect.StructType) and issubclass(bare.cls, Part) else None


def _default(field: inspect.Field) -> Any:  # noqa: ANN401  # whatever the value holds
    if field.encode_name == _CONFIG:
        return {}  # the program has its own defaults
    made = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return msgspec.to_builtins(made)


def _lines(part: type[Part], depth: int) -> Iterator[str]:
    indent, meanings = "  " * depth, _meanings(part)
    for field in _fields(part):
        if depth == 0:
            yield ""
        yield from _comment(meanings[field.encode_name], indent)
        inner = _part(field.type)
        if inner:
            yield f"{indent}{field.encode_name}:"
            yield from _lines(inner, depth + 1)
        else:
            text = yaml.safe_dump({field.encode_name: _default(field)}, sort_keys=False, width=_WIDTH)
            yield from textwrap.indent(text.rstrip(), indent).splitlines()


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _readme() -> str:
    return _README.format(
        source=_FROM, rows="".join(map(_row, rows())), examples="".join(map(_example, EXAMPLES.items()))
    )


def _row(row: Row) -> str:
    default = "" if row.part else f"`{json.dumps(row.default, ensure_ascii=False)}`"
    return f"| `{row.path}` | {default.replace('|', chr(92) + '|')} | {row.meaning.replace('|', chr(92) + '|')} |\n"


def _example(example: tuple[str, str]) -> str:
    name, meaning = example
    return f"| [`ci/{name}-values.yaml`](ci/{name}-values.yaml) | {meaning} |\n"


def _rights() -> str:
    table = [
        {
            "apiGroup": right.group,
            "resource": right.resource,
            "verbs": list(right.verbs),
            "section": right.setting.partition(".")[0],
            "key": right.setting.partition(".")[2],
            "default": right.is_default,
            "namespaced": right.is_namespaced,
        }
        for right in (*RIGHTS, *REVIEWS)
    ]
    return (
        f"# Generated from exporter/rights.py by `make generate`; edit there.\n{yaml.safe_dump(table, sort_keys=False)}"
    )


EXAMPLES: Final = {
    "k3s-homelab": "one node, one card, everything in one pod",
    "kube-prometheus-stack": "the operator's stack, with the labels that it selects by",
    "dcgm-exporter": "beside a dcgm-exporter, which the agents read too",
    "intel-dra": "Intel's cards, seen through a claim with admin access",
    "mig": "one lane on each MIG slice; scraped over TLS with a password",
    "fleet": "many nodes, one of several clusters, cut off from who need not ask",
    "no-operator": "a Prometheus that reads annotations and mounts its rules",
}
_README: Final = """# The chart

{source}

    helm install lanewatch chart --namespace lanewatch --create-namespace \\
      --set image.repository=registry.example.com/lanewatch

What the cluster must have, and what is missing, `helm` says after the install ([NOTES](templates/NOTES.txt)).
`helm test lanewatch` asks the release whether it is up.

## What runs, and what it may do

| | agent (`node`) | watcher (`cluster`) | both in one (`all`) |
| --- | --- | --- | --- |
| is | a DaemonSet on nodes with GPUs | a Deployment of one pod | a Deployment of one pod |
| Pod Security level of its namespace | privileged: the kubelet's directory is a hostPath | restricted | privileged |
| token of the API server | none | list and watch, nothing secret | list and watch, nothing secret |
| user | 0, for the kubelet's directory | 65532 | 0 |
| capabilities | none | none | none |
| root file system | read-only | read-only | read-only |
| takes a card from workloads | never | never | never |

Each of these costs more, is off, and says why in its values: `processAttribution` (hostPID), `kernelLog` (SYSLOG or
privileged), `xidStore.type: hostPath` (a directory of the node), `gpuAccess.mode: hostDriver` (privileged),
`config.web.token_review` (the watcher may create reviews of tokens).

## Examples

| file | for |
| --- | --- |
{examples}
## Enforcing one lane

`guard.enabled` makes ValidatingAdmissionPolicies over the namespaces of the lanes. They refuse a lane that is not
`guard.activeLane`, more than one replica, a strategy that surges, and a pod that asks for a card without a lane's
labels. Begin with `actions: [Audit, Warn]`; `[Deny]` refuses. `guard.quota` adds a ResourceQuota, which is in force at
once. Both count `guard.resource`; a card that a pod gets by a claim (DRA) they do not see.

A switch: park the lane, change the ConfigMap `<release>-guard`, raise the other. A later upgrade sets it back to
`guard.activeLane`: change that too.

    kubectl -n lanewatch patch configmap lanewatch-guard --type merge -p '{{"data":{{"activeLane":"qwen36-27b-deep"}}}}'

## Values

| value | default | meaning |
| --- | --- | --- |
{rows}"""

"""The chart as text: its values, their schema, their README and the templates that read them say the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from exporter.catalogue import METRICS
from exporter.chart.documents import EXAMPLES, FOLDER, render, rows, schema
from exporter.chart.values import Values
from exporter.config import parse_config
from exporter.rights import REVIEWS, RIGHTS
from exporter.version import VERSION

_ROOT: Final = Path(__file__).resolve().parents[2]
_CHART: Final = _ROOT / FOLDER
_TEMPLATES: Final = sorted((_CHART / "templates").rglob("*.*"))
_ROWS: Final = list(rows())
_READ: Final = re.compile(r"[.$]?[Vv]alues\.([A-Za-z][A-Za-z0-9.]*)")
_SAMPLES: Final = sorted((_CHART / "ci").glob("*-values.yaml"))
_EACH_SAMPLE: Final = pytest.mark.parametrize("path", _SAMPLES, ids=lambda path: path.name)


def _text(paths: list[Path]) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in paths)


def _leaves(document: Any, at: str = "") -> Iterator[str]:  # noqa: ANN401  # any YAML
    """Yield the paths of values.yaml down to where a user's own objects begin."""
    parts = {row.path for row in _ROWS if row.part}
    for name, value in document.items():
        path = f"{at}{name}"
        if path in parts:
            yield from _leaves(value, f"{path}.")
        else:
            yield path


@pytest.mark.parametrize("path", render())
def test_committed_documents_are_those_rendered(path: str) -> None:
    """Never edited by hand."""
    assert (_ROOT / path).read_text(encoding="utf-8") == render()[path], f"{path} differs: run `make generate`"


def test_values_are_the_defaults_of_the_structs() -> None:
    """values.yaml, as Helm reads it, is what the structs say."""
    document = yaml.safe_load((_CHART / "values.yaml").read_text(encoding="utf-8"))
    assert msgspec.convert(document, Values) == Values()
    assert list(_leaves(document)) == [row.path for row in _ROWS if not row.part]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.path)
def test_each_value_is_documented_in_all_three(row: Any) -> None:  # noqa: ANN401  # a Row
    """A sentence above it in values.yaml, the same in the schema and in the README."""
    assert row.meaning.endswith((".", ")", "`"))
    assert f"| `{row.path}` |" in (_CHART / "README.md").read_text(encoding="utf-8")
    found = schema()
    for step in row.path.split("."):
        found = found["properties"][step]
        meaning = found["description"]
        found = schema()["$defs"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    assert meaning == row.meaning


@pytest.mark.parametrize("row", [row for row in _ROWS if not row.part], ids=lambda row: row.path)
def test_each_value_is_read_by_a_template(row: Any) -> None:  # noqa: ANN401  # a Row
    """A value that nothing reads is a promise that nobody keeps."""
    name = row.path.rpartition(".")[2]
    assert re.search(rf"\.{name}\b", _text(_TEMPLATES)), row.path


def test_templates_read_no_other_values() -> None:
    """A slip in a name would be an empty string in a manifest."""
    known = {row.path for row in _ROWS}
    read = {path.rstrip(".") for path in _READ.findall(_text(_TEMPLATES))}
    unknown = {path for path in read if path not in known and not path.startswith("config.")}
    assert unknown == set()
    assert len(read) > 50  # the pattern finds what it is for


@pytest.mark.parametrize("path", [path for path in _TEMPLATES if path.suffix == ".yaml"], ids=lambda path: path.name)
def test_a_template_makes_one_kind(path: Path) -> None:
    """Whoever looks for a kind finds its file by its name."""
    (kind,) = set(re.findall(r"^kind: (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert kind.lower() == path.stem


def test_no_template_holds_a_secret() -> None:
    """Keys come by reference only: a value of a release is readable to whoever may read the release."""
    assert "kind: Secret\n" not in _text(_TEMPLATES)


@_EACH_SAMPLE
def test_samples_are_valid(path: Path) -> None:
    """Each is a set of values that the structs take, with a configuration that the program takes."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert msgspec.convert(document, Values)
    parse_config(yaml.safe_dump(document.get("config", {})), path.name)


def test_samples_are_those_of_the_readme() -> None:
    """An example that nobody is told of is not one."""
    assert {path.name.removesuffix("-values.yaml") for path in _SAMPLES} == set(EXAMPLES)


def test_samples_show_every_mode_role_and_kind() -> None:
    """What can be chosen is chosen once, so that a real API server sees it."""
    samples = [msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Values) for path in _SAMPLES]
    assert {one.gpu_access.mode for one in samples} == _choices("GpuAccess", "mode")
    assert {one.monitor.kind for one in samples} | {"none"} == _choices("Monitor", "kind")
    assert {one.rules.kind for one in samples} | {"none"} == _choices("Rules", "kind")
    assert {one.xid_store.type for one in samples} == _choices("XidStore", "type")
    assert {one.role for one in samples} | {"node", "cluster"} == set(schema()["properties"]["role"]["enum"])


def _choices(part: str, name: str) -> set[str]:
    return set(schema()["$defs"][part]["properties"][name]["enum"])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param({"replicas": 2}, "unknown field `replicas`", id="an unknown value"),
        pytest.param({"node": {"tolerance": []}}, "unknown field `tolerance`", id="an unknown value of a part"),
        pytest.param({"config": {"pool": []}}, "unknown field `pool`", id="an unknown key of the configuration"),
        pytest.param({"gpuAccess": {"mode": "privileged"}}, "Invalid enum value 'privileged'", id="an unknown mode"),
        pytest.param({"monitor": {"sampleLimit": 0}}, ">= 1", id="a limit of none"),
        pytest.param({"kubelet": {"podResources": "run/kubelet.sock"}}, "regex", id="a path that is none"),
        pytest.param({"image": {"digest": "sha256:1"}}, "regex", id="a digest that is none"),
        pytest.param({"secretVariables": [{"variable": "A", "value": "sk-1"}]}, "`value`", id="a key in the values"),
        pytest.param({"config": {"agents": {"password": "x"}}}, "field `password`", id="a password in the values"),
    ],
)
def test_values_refuse(document: dict[str, Any], message: str) -> None:
    """What a template would pass over in silence is refused with the reason."""
    with pytest.raises(msgspec.ValidationError, match=re.escape(message)):
        msgspec.convert(document, Values)


def test_the_schema_closes_every_part() -> None:
    """Helm too refuses what no template reads."""
    found = schema()
    parts = [found, *found["$defs"].values()]
    assert [one["title"] for one in parts if one["additionalProperties"] is not False] == []
    assert found["$defs"]["Config"] == msgspec.json.schema(type(Values().config))["$defs"]["Config"]


def test_the_table_of_rights_is_the_programs() -> None:
    """The roles are made of `exporter/rights.py` and of nothing else."""
    table = yaml.safe_load((_CHART / "files" / "rights.yaml").read_text(encoding="utf-8"))
    found = [tuple(one[key] for key in ("apiGroup", "resource", "verbs", "default", "namespaced")) for one in table]
    assert found == [
        (right.group, right.resource, list(right.verbs), right.is_default, right.is_namespaced)
        for right in (*RIGHTS, *REVIEWS)
    ]
    for role in ("role.yaml", "clusterrole.yaml"):
        text = (_CHART / "templates" / role).read_text(encoding="utf-8")
        assert re.findall(r"resources:|verbs:|apiGroups:", text) == []


def test_no_label_of_ours_is_one_of_the_operators() -> None:
    """What a monitor puts on every series of a target would rename ours to exported_."""
    theirs = {"container", "endpoint", "instance", "job", "namespace", "pod", "service"}
    assert [str(metric) for metric in METRICS if theirs & set(metric.labels)] == []


def test_the_chart_is_of_this_version() -> None:
    """The tag of the image is the appVersion."""
    assert yaml.safe_load((_CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"] == VERSION

"""The objects of `tests/fixtures/k8s`, as the API server would send them."""

import json
from pathlib import Path
from typing import Any

import yaml

_FIXTURES = Path(__file__).parents[1] / "fixtures" / "k8s"


def objects(name: str, kind: str = "") -> list[dict[str, Any]]:
    """Return the objects of one file, all or those of one kind."""
    documents = yaml.safe_load_all((_FIXTURES / f"{name}.yaml").read_text())
    return [one for one in documents if kind in {"", one["kind"]}]


def raw(name: str, kind: str = "") -> list[bytes]:
    """Return the same as JSON."""
    return [json.dumps(one).encode() for one in objects(name, kind)]

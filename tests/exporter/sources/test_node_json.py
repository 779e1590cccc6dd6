import json
from typing import Any

import pytest

from exporter.cluster import Taint
from exporter.sources.node_json import Wanted, read_node
from fakes.k8s_fixtures import objects, raw


def node(**parts: Any) -> bytes:  # noqa: ANN401  # JSON
    return json.dumps({"metadata": {"name": "a"}, **parts}).encode()


def ready(status: str) -> dict[str, Any]:
    return {"conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": status}]}


def test_reference_node() -> None:
    """Sixteen cores of which fifteen can be given, one card, a taint, and the labels of feature discovery."""
    found = read_node(raw("reference-node", "Node")[0], Wanted())

    assert (found.name, found.is_ready, found.is_unschedulable) == ("gpu-worker-0", True, False)
    assert found.taints == (Taint(key="workload.ai/dedicated", effect="NoSchedule", value="gpu"),)
    assert (found.capacity["cpu"], found.allocatable["cpu"], found.allocatable["nvidia.com/gpu"]) == (16, 15, 1)
    assert found.allocatable["memory"] == 57461965 * 1024
    assert found.labels["nvidia.com/gpu.product"] == "NVIDIA-RTX-PRO-4000-Blackwell-SFF-Edition"


def test_labels_that_are_kept() -> None:
    """Labels of GPUs are kept, and those that pools or the baseline name; the machine's own are dropped."""
    labels = objects("reference-node", "Node")[0]["metadata"]["labels"] | {"pool": "a", "rack/row": "1", "rack/x": "2"}
    wanted = Wanted(keys=frozenset({"pool"}), globs=("rack/r*",))
    found = read_node(json.dumps({"metadata": {"name": "a", "labels": labels}}).encode(), wanted)

    assert set(labels) - set(found.labels) == {
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "rack/x",
    }


@pytest.mark.parametrize(
    ("status", "is_ready"),
    [
        pytest.param(ready("True"), True, id="it is ready"),
        pytest.param(ready("False"), False, id="it says that it is not"),
        pytest.param(ready("Unknown"), None, id="its kubelet is not heard"),
        pytest.param({}, None, id="it has not said anything yet"),
    ],
)
def test_ready(status: dict[str, Any], is_ready: bool | None) -> None:  # noqa: FBT001  # a column
    """A node that is not heard is neither ready nor not."""
    assert read_node(node(status=status), Wanted()).is_ready is is_ready


def test_cordoned_node() -> None:
    """A node that takes no pods says so; what it did not say is not there."""
    found = read_node(node(spec={"unschedulable": True}), Wanted())

    assert (found.is_unschedulable, found.capacity, found.created_at) == (True, {}, None)

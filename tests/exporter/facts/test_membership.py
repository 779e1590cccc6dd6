import pytest

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.membership import belongs, controllers_of, pods_of

LLM = {"llm": "true"}


@pytest.mark.parametrize(
    ("pool", "is_member"),
    [
        pytest.param(Pool(name="p", labels=LLM), True, id="it carries the label"),
        pytest.param(Pool(name="p", labels={**LLM, "tier": "a"}), False, id="it lacks one of two labels"),
        pytest.param(Pool(name="p", labels={"llm": "yes"}), False, id="its label has another value"),
        pytest.param(Pool(name="p", labels={"llm": "yes"}, lanes=("fast",)), True, id="its lane is named"),
        pytest.param(Pool(name="p", lanes=("vllm/fast",)), True, id="its lane is named with its namespace"),
        pytest.param(Pool(name="p", lanes=("other/fast",)), False, id="a lane of that name elsewhere is named"),
        pytest.param(Pool(name="p", lanes=("slow",)), False, id="a pool without labels matches nothing by labels"),
        pytest.param(Pool(name="p", labels=LLM, namespaces=("vllm",)), True, id="the pool is in its namespace"),
        pytest.param(Pool(name="p", labels=LLM, namespaces=("other",)), False, id="the pool is in another namespace"),
        pytest.param(Pool(name="p", lanes=("fast",), namespaces=("other",)), False, id="a named lane elsewhere"),
    ],
)
def test_who_belongs(pool: Pool, is_member: bool) -> None:  # noqa: FBT001  # a column
    """A pod is of a pool by its labels or by its lane's name, and only in the pool's namespaces."""
    assert belongs(pool, namespace="vllm", lane="fast", labels={**LLM, "app": "fast"}) is is_member


def test_what_has_no_lane_is_of_no_named_lane() -> None:
    """An empty name is nobody's name, even where the configuration is odd enough to name `vllm/`."""
    assert not belongs(Pool(name="p", lanes=("vllm/",)), namespace="vllm", lane="", labels={})


def test_members_keep_their_order() -> None:
    """Pods go by what made them, controllers by their own name, both by the labels of the pods."""
    workloads = Workloads(
        pods=(
            Pod(namespace="a", name="fast-1", uid="1", lane="fast", phase="Running"),
            Pod(namespace="a", name="web-1", uid="2", lane="web", phase="Running"),
            Pod(namespace="a", name="x", uid="3", lane="x", phase="Running", labels=LLM),
        ),
        controllers=(
            Controller(namespace="a", name="web", desired_replicas=1),
            Controller(namespace="a", name="fast", desired_replicas=0),
        ),
    )
    pool = Pool(name="p", labels=LLM, lanes=("fast",))

    assert [pod.name for pod in pods_of(pool, workloads)] == ["fast-1", "x"]
    assert [one.name for one in controllers_of(pool, workloads)] == ["fast"]

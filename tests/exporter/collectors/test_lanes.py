"""What the page says of pools and lanes, and what it costs to say it each second."""

import time
from collections.abc import Iterator

import pytest

from exporter import catalogue as c
from exporter.cluster import Container, Termination, Workloads
from exporter.collectors.lanes import LaneCollector
from exporter.config_cluster import Annotations, Pool
from exporter.facts.violators import VIOLATIONS
from exporter.metric import Family, Metric
from exporter.snapshot import Snapshot
from fakes.pool_world import GPU, LABELS, NOW, POOL, lane, node, owner, pod, seen, view, world

FAST = pod("fast", name="fast-1", restarts=2)
CARDS = Pool(name="gpu-llm", labels=LABELS, each="device")


def collect(snapshot: Snapshot, collector: LaneCollector | None = None, now: float = NOW) -> dict[Metric, Family]:
    collector = collector or LaneCollector([POOL])
    return {family.metric: family for family in collector.collect(snapshot, now)}


def rows(families: dict[Metric, Family], metric: Metric) -> Iterator[tuple[dict[str, str], float]]:
    for sample in families[metric].samples:
        yield dict(zip(metric.labels, sample.labels, strict=True)), sample.value


def held(families: dict[Metric, Family], metric: Metric, label: str) -> list[str]:
    """Return the values of a label that are 1."""
    return sorted(labels[label] for labels, value in rows(families, metric) if value == 1)


def test_of_a_pool_that_is_one_unit_every_reason_is_there() -> None:
    """A rule that selects a reason finds it, 0 or 1; who is to blame is named."""
    families = collect(seen(world(FAST, pod("deep", "Pending"), fast=1, deep=1)))
    assert held(families, c.POOL_STATE, "state") == ["many"]
    assert [value for _, value in rows(families, c.POOL_INVARIANT_OK)] == [0]
    assert sorted(labels["reason"] for labels, _ in rows(families, c.POOL_VIOLATION)) == sorted(VIOLATIONS)
    assert held(families, c.POOL_VIOLATION, "reason") == ["pending_behind_active"]
    assert [labels for labels, _ in rows(families, c.POOL_VIOLATOR_INFO)] == [
        {
            "pool": "gpu-llm",
            "unit": "",
            "reason": "pending_behind_active",
            "kind": "Pod",
            "violator_namespace": "vllm",
            "violator": "deep-pending",
        }
    ]


def test_of_many_units_only_what_is_wrong() -> None:
    """A fleet's zeros would fill the budget of the family; what is wrong with the pool as a whole has them."""
    views = [view("n1", owners=(owner("fast-1"),)), view("n2")]
    families = collect(seen(world(FAST, fast=1), nodes=[node(), node("n2")], views=views), LaneCollector([CARDS]))
    found = [(labels["unit"], labels["reason"]) for labels, value in rows(families, c.POOL_VIOLATION) if value]

    assert found == [("GPU-n2", "none")]
    assert {labels["unit"] for labels, _ in rows(families, c.POOL_STATE)} == {"GPU-n1", "GPU-n2"}
    assert {labels["unit"] for labels, value in rows(families, c.POOL_VIOLATION) if not value} == {""}


def test_blindness_says_unknown_and_nothing_else() -> None:
    """No count of pods that nobody can see, no reason, no verdict."""
    families = collect(seen(None))
    assert held(families, c.POOL_STATE, "state") == ["unknown"]
    absent = [c.POOL_INVARIANT_OK, c.POOL_VIOLATION, c.POOL_VIOLATOR_INFO, c.LANE_PODS, c.LANE_INFO]
    assert [metric for metric in absent if metric in families and families[metric].samples] == []


def test_switches_and_their_deadline() -> None:
    """Counted from the watcher's beginning at 0; how long the last one took is absent before there was one."""
    collector = LaneCollector([POOL])
    before = collect(seen(world(FAST, fast=1)), collector)
    collect(seen(world(deep=1)), collector, NOW + 1)
    after = collect(seen(world(pod("deep"), deep=1)), collector, NOW + 90)

    assert [value for _, value in rows(before, c.POOL_SWITCHES)] == [0]
    assert not before[c.POOL_SWITCH_SECONDS].samples
    assert [value for _, value in rows(after, c.POOL_SWITCHES)] == [1]
    assert [value for _, value in rows(after, c.POOL_SWITCH_SECONDS)] == [90]
    assert list(rows(after, c.POOL_SWITCH_DEADLINE)) == [({"pool": "gpu-llm"}, 600)]


def test_the_families_of_a_lane() -> None:
    """What the lane is by its controller, its annotations and its newest pod, and how its pods do."""
    keys = Annotations()
    notes = {keys.model: "m.gguf", keys.model_digest: "abc", keys.model_bytes: "19500000000"}
    end = Termination(reason="OOMKilled", exit_code=137, at=NOW - 60)
    served = Container(name="s", image="s:1", image_digest="sha256:1", last=end)
    one = pod("fast", name="fast-1", restarts=2, containers=(served,))
    made = lane("fast", annotations=notes, strategy="RollingUpdate", max_surge=1)
    families = collect(seen(Workloads(pods=(one,), controllers=(made,), loads={"n1": {"lanes": GPU}}), nodes=[node()]))
    place = {"pool": "gpu-llm", "lane_namespace": "vllm", "lane": "fast"}

    assert [labels for labels, _ in rows(families, c.LANE_INFO)] == [
        {
            **place,
            "kind": "Deployment",
            "strategy": "RollingUpdate",
            "model": "m.gguf",
            "model_digest": "abc",
            "image": "s:1",
            "image_digest": "sha256:1",
        }
    ]
    assert [labels for labels, _ in rows(families, c.LANE_POD_INFO)] == [{**place, "owner_pod": "fast-1", "node": "n1"}]
    assert list(rows(families, c.LANE_LAST_TERMINATION)) == [
        ({**place, "reason": "OOMKilled", "exit_code": "137"}, NOW - 60)
    ]
    values = {
        c.LANE_DESIRED: 1,
        c.LANE_READY: 1,
        c.LANE_RESTARTS: 2,
        c.LANE_MODEL_BYTES: 19.5e9,
        c.LANE_SURGE_DEADLOCK: 1,
    }
    assert {metric: [value for _, value in rows(families, metric)] for metric in values} == {
        metric: [value] for metric, value in values.items()
    }


def test_what_is_not_said_of_a_lane_is_absent() -> None:
    """No size where nothing declares one, no replicas where nothing asks for them, no end where nothing ended."""
    families = collect(seen(Workloads(pods=(pod("solo", kind="", requests={}),))))
    absent = [c.LANE_MODEL_BYTES, c.LANE_DESIRED, c.LANE_LAST_TERMINATION, c.LANE_SURGE_DEADLOCK, c.LANE_PROBLEMS]
    assert [metric for metric in absent if families[metric].samples] == []


def test_two_pools_are_two() -> None:
    """Each with its own lanes and its own state."""
    other = Pool(name="other", lanes=("deep",))
    families = collect(seen(world(FAST, pod("deep", labels={}), fast=1)), LaneCollector([POOL, other]))
    found = {(labels["pool"], labels["state"]) for labels, value in rows(families, c.POOL_STATE) if value}
    assert found == {("gpu-llm", "steady"), ("other", "steady")}


def test_only_what_changed_is_made_anew() -> None:
    """At rest the same families come out; a deadline that passes or a pod that changes is seen all the same."""
    collector = LaneCollector([POOL])
    snapshot = seen(world(FAST, fast=1))
    first, again = collect(snapshot, collector), collect(snapshot, collector, NOW + 1)
    switching = seen(world())
    states = [held(collect(switching, collector, NOW + seconds), c.POOL_STATE, "state") for seconds in (2, 500, 601)]

    assert [metric for metric in first if again[metric] is not first[metric]] == [c.POOL_SWITCH_DEADLINE]
    assert states == [["switching"], ["switching"], ["none"]]


@pytest.mark.parametrize("each", ["pool", "node"])
def test_two_thousand_pods_are_judged_in_no_time(each: str) -> None:
    """Each second, of which the watcher may not need a tenth: 2,000 pods at rest; the bound is ten times the cost."""
    pods = tuple(pod("fast", name=f"fast-{number}", node=f"n{number}") for number in range(2000))
    nodes = [node(f"n{number}") for number in range(2000)]
    snapshot = seen(Workloads(pods=pods, controllers=(lane("fast", 2000),), loads={}), nodes=nodes)
    collector = LaneCollector([Pool(name="gpu-llm", labels=LABELS, each=each)])  # type: ignore[arg-type]  # a word of it
    collect(snapshot, collector)
    began = time.process_time()
    collect(snapshot, collector, NOW + 1)
    spent = time.process_time() - began
    print(f"each {each}: {spent * 1000:.1f} ms at rest")
    assert spent < 0.5

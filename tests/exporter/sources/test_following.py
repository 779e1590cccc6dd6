import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.cluster import Events, Nodes, Workloads
from exporter.sources.following import Following, stop_all
from exporter.sources.pace import Pace
from fakes.apiserver import FORBIDDEN, SILENT, FakeApiServer, Reply, Request, event, pod, refuse
from fakes.cluster_sources import QUICK, asking, config_of, failure_of, read, running, source, wait_for, works


def test_same_part_until_something_changes(fake: FakeApiServer, kubeconfig: str) -> None:
    """What was made of one reading may be kept with it: the part is the same object until its content is another."""
    events = [
        event("MODIFIED", pod("b", version=101, app="other")),
        event("MODIFIED", {**pod("a", version=102, llm="true"), "status": {"phase": "Failed"}}),
    ]
    gates = [threading.Event(), threading.Event()]

    def watches() -> int:
        return sum(one.resource == "pods" for one in fake.watches_asked)

    def watch(request: Request) -> Reply:
        number = watches() - 1
        if request.resource != "pods" or number >= len(events):
            return SILENT
        gates[number].wait(5)
        return Reply(chunks=(events[number],))

    fake.watch = watch
    with source(config_of(kubeconfig), replace(QUICK, short_watch_seconds=0.0)) as made:
        first = read(made)
        gates[0].set()
        wait_for(lambda: watches() == 2)
        assert read(made) is first
        gates[1].set()
        wait_for(lambda: read(made) is not first)
        second = read(made)

    assert [one.phase for one in second.pods] == ["Failed"]
    assert second.controllers == first.controllers


def test_like_for_like_is_no_change(fake: FakeApiServer, kubeconfig: str) -> None:
    """A pod of somebody else that is replaced by its like changes a copy, and no word of what we say."""
    fake.pods.append(asking("b-1"))
    replaced = (event("DELETED", asking("b-1")), event("ADDED", asking("b-2")))
    is_read = threading.Event()

    def watches() -> int:
        return sum(one.resource == "pods" for one in fake.watches_asked)

    def watch(request: Request) -> Reply:
        if request.resource != "pods" or watches() > 1:
            return SILENT
        is_read.wait(5)
        return Reply(chunks=replaced)

    fake.watch = watch
    with source(config_of(kubeconfig), replace(QUICK, short_watch_seconds=0.0)) as made:
        first = read(made)
        is_read.set()
        wait_for(lambda: watches() == 2)
        second = read(made)

    assert first.loads == {"n": {"others": {"cpu": 1}}}
    assert second is first


def test_part_is_made_once_a_change() -> None:
    """At rest a reading costs nothing: what was made is returned, not made again and compared."""
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 1

    following = Following([], make, QUICK)
    read(following)
    read(following)

    assert made == [1]


BAD_POD: Final = {
    "metadata": {"namespace": "vllm", "name": "bad", "labels": {"llm": "true"}},
    "spec": {"nodeName": 1},
}


@pytest.mark.parametrize(
    ("resource", "place", "bad"),
    [
        pytest.param("pods", 0, BAD_POD, id="a pod"),
        pytest.param("pods", 0, {"metadata": {"namespace": "vllm", "name": "bad", "labels": 1}}, id="its labels too"),
        pytest.param(
            "deployments",
            0,
            {"metadata": {"namespace": "vllm", "name": "bad"}, "spec": {"template": {}, "replicas": "x"}},
            id="a Deployment",
        ),
        pytest.param("nodes", 1, {"metadata": {"name": "bad"}, "status": {"capacity": {"cpu": "many"}}}, id="a node"),
        pytest.param("events", 2, {"metadata": {"namespace": "vllm", "name": "bad"}, "message": 7}, id="an event"),
    ],
)
def test_bad_object_costs_only_itself(
    fake: FakeApiServer, kubeconfig: str, resource: str, place: int, bad: dict[str, Any]
) -> None:
    """An object that is not as it should be is named, for as long as it is there; all others are still told."""
    {"pods": fake.pods, "deployments": fake.lanes, **fake.others}[resource].append(bad)
    with running(config_of(kubeconfig)) as sources:
        error = failure_of(sources[place])
        again = failure_of(sources[place])

    namespace = bad["metadata"].get("namespace", "")
    assert error.kind == "bad_answer"
    assert f"{namespace}/bad: expected an object of its kind, found: " in str(error)
    assert isinstance(error.partial, (Workloads, Nodes, Events)[place])
    assert again.partial is error.partial


def test_bad_pod_of_a_pool_is_not_overlooked(fake: FakeApiServer, kubeconfig: str) -> None:
    """A pod of the pool that cannot be read is there in an unknown phase: nobody may call the others all there is."""
    fake.pods.append(BAD_POD)
    with source(config_of(kubeconfig)) as made:
        partial = failure_of(made).partial

    assert isinstance(partial, Workloads)
    assert [(one.name, one.phase) for one in partial.pods] == [("a", "Running"), ("bad", "Unknown")]


def test_broken_source_keeps_speaking_for_a_minute(fake: FakeApiServer, kubeconfig: str) -> None:
    """A server that is gone takes the copies with it only after 60 s, each source's own."""
    seconds = [0.0]
    is_down, is_over = threading.Event(), threading.Event()

    def pause(_: float) -> None:
        if fake.released.is_set():
            is_down.set()
            is_over.wait(5)

    pace = Pace(now=lambda: seconds[0], pause=pause, spread_seconds=0.0)
    with running(config_of(kubeconfig), pace) as sources:
        before = [read(made) for made in sources]
        fake.watch = lambda _: refuse(FORBIDDEN)
        fake.released.set()
        assert is_down.wait(5)
        wait_for(lambda: all(not works(made) for made in sources))
        soon = [failure_of(made) for made in sources]
        seconds[0] = 61.0
        late = [failure_of(made) for made in sources]
        is_over.set()

    assert [one.partial for one in soon] == before
    assert [one.partial for one in late] == [None, None, None]


def test_no_credential_says_how_to_give_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without service account and kubeconfig the source is `absent` and says what to do."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with source(config_of("")) as made:
        error = failure_of(made)

    assert error.kind == "absent"
    assert f"or a kubeconfig at {tmp_path / 'none'}, found neither" in str(error)
    assert "kubernetes.enabled: false" in str(error)


@pytest.mark.parametrize("text", [pytest.param("a: [", id="not YAML"), pytest.param("{}", id="an empty kubeconfig")])
def test_unusable_kubeconfig(tmp_path: Path, text: str) -> None:
    """A kubeconfig that cannot be used is said to be so; the thread lives on."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with source(config_of(str(path))) as made:
        error = failure_of(made)

    assert "expected a usable credential, found: " in str(error)


def test_stop_returns_within_a_second(fake: FakeApiServer, kubeconfig: str) -> None:
    """However silent the server is, the exit does not wait for it, not even for three sources."""
    with running(config_of(kubeconfig)) as sources:
        for made in sources:
            read(made)
        wait_for(lambda: len(fake.watches_asked) == 7)
        began = time.monotonic()
        stop_all(sources)

    assert time.monotonic() - began < 1.0
    assert not [one for one in threading.enumerate() if one.name.startswith("reflector")]

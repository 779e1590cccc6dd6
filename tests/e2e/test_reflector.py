import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from e2e.cluster import Cluster
from e2e.waiting import eventually
from exporter.errors import SourceError
from exporter.sources.apiserver import connect
from exporter.sources.follower import Answer
from exporter.sources.gate import Gate
from exporter.sources.kube_json import Thing
from exporter.sources.pace import Pace
from exporter.sources.reflector import Collection, Reflector, Server

pytestmark = pytest.mark.real

Row = tuple[str, str]  # name and version
_CORE = ("configmaps", "events", "nodes", "pods", "serviceaccounts", "services")
_APPS = ("daemonsets", "deployments")
PATHS = tuple(f"/api/v1/{one}" for one in _CORE) + tuple(f"/apis/apps/v1/{one}" for one in _APPS)


@dataclass
class Line:
    """The way to the server: counts what is asked over it, and can be cut."""

    reach: Callable[[], Server]
    is_cut: bool = False
    asked: list[tuple[float, str, bool]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __call__(self) -> "Wire":
        return Wire(self, self.reach())

    def lists(self, path: str) -> int:
        return sum(asked == path and not is_watch for _, asked, is_watch in self.asked)


@dataclass
class Wire:
    """One connection pool of that line."""

    line: Line
    server: Server

    def get(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> Answer:
        self.line.asked.append((time.monotonic(), path, "watch" in query))
        if self.line.is_cut:
            raise SourceError("refused", "cut")
        answer = self.server.get(path, query, silence_seconds=silence_seconds)
        self.line.statuses.append(answer.status)
        return answer

    def close(self) -> None:
        self.server.close()


def keep(raw: msgspec.Raw) -> Row:
    metadata = msgspec.json.decode(raw, type=Thing).metadata
    return metadata.name, metadata.resource_version


@contextmanager
def following(line: Line, *paths: str, pace: Pace | None = None) -> Iterator[dict[str, Reflector[Row]]]:
    pace = pace or Pace()
    gate = Gate(pace)
    made = {path: Reflector(Collection(path=path, keep=keep), line, pace, gate) for path in paths}
    for one in made.values():
        one.start()
    try:
        yield made
    finally:
        for one in made.values():
            one.stop()
        assert all(one.join(5.0) for one in made.values())


def truth(cluster: Cluster, path: str) -> set[Row]:
    metadata = (one["metadata"] for one in cluster.objects(path))
    return {(one["name"], one["resourceVersion"]) for one in metadata}


def until_true(cluster: Cluster, made: Mapping[str, Reflector[Row]], *, within: float) -> float:
    started = time.monotonic()

    def wrong() -> set[str]:
        return {path for path, one in made.items() if set(one.records()) != truth(cluster, path)}

    eventually(wrong, set[str](), within=within, what="copies that are not the truth")
    return time.monotonic() - started


def config_map(name: str, **data: str) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def event(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "default", "name": name},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "some"},
        "reason": "Pulled",
    }


def line_to(cluster: Cluster) -> Line:
    kubeconfig = str(cluster.kubeconfig)
    return Line(lambda: connect(kubeconfig))


def test_version_that_etcd_has_compacted_lists_again(cluster: Cluster) -> None:
    """Events are not in the server's own memory: after a compaction the watch is told 410, and a list makes it good."""
    path = "/api/v1/events"
    cluster.apply([event("before")])
    line = line_to(cluster)
    with following(line, path, pace=Pace(relist_seconds=1.0)) as made:
        until_true(cluster, made, within=10)
        before = cluster.request("GET", path).json()["metadata"]["resourceVersion"]
        line.is_cut = True
        cluster.stop_apiserver()  # ends the watch
        cluster.start_apiserver()
        cluster.delete(event("before"))
        cluster.apply([event("after")])
        cluster.compact()
        said = cluster.request("GET", f"{path}?watch=true&resourceVersion={before}&timeoutSeconds=1").text
        lists = line.lists(path)
        line.is_cut = False
        until_true(cluster, made, within=35)

    assert '"code":410' in said
    assert line.lists(path) == lists + 1


def test_server_that_is_gone_for_a_while(cluster: Cluster) -> None:
    """Eight collections spare a server that is gone, and know all that happened soon after it is back."""
    line = line_to(cluster)
    with following(line, *PATHS) as made:
        until_true(cluster, made, within=10)
        cluster.stop_apiserver()
        gone_at = time.monotonic()
        time.sleep(8)  # of real silence
        asked = sum(at >= gone_at for at, _, _ in line.asked)
        cluster.start_apiserver()
        cluster.apply([config_map("a", key="1"), event("again")])
        until_true(cluster, made, within=35)
        failures = [one.standing.failure for one in made.values()]

    assert 1 <= asked <= 12
    assert failures == [None] * len(PATHS)


def test_api_that_is_not_served_takes_nothing_from_the_others(cluster: Cluster) -> None:
    """A real server's 404 for a group that it does not know."""
    absent, there = "/apis/resource.k8s.io/v0/resourceclaims", "/api/v1/services"
    with following(line_to(cluster), absent, there) as made:
        until_true(cluster, {there: made[there]}, within=10)
        eventually(lambda: made[absent].standing.is_served, expected=False, within=10, what="that it is served")
        failure = made[absent].standing.failure

    assert failure is not None
    assert failure.kind == "absent"


def test_field_selector_is_understood(cluster: Cluster) -> None:
    """Only what the selector asks for is listed and watched."""
    cluster.apply([event("pulled"), {**event("killed"), "reason": "Killing"}])
    pace = Pace()
    collection = Collection(path="/api/v1/events", keep=keep, field_selector="reason=Killing")
    reflector = Reflector(collection, line_to(cluster), pace)
    reflector.start()
    eventually(lambda: [name for name, _ in reflector.records()], ["killed"], within=10, what="events")
    cluster.apply([{**event("killed-too"), "reason": "Killing"}, event("pulled-too")])
    eventually(lambda: {name for name, _ in reflector.records()}, {"killed", "killed-too"}, within=10, what="events")
    reflector.stop()
    assert reflector.join(5.0)


def test_service_account_token_that_is_replaced(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod's projected token: the old one dies, the file has the new one, and the next watch is let in at once."""
    first, second = (cluster.account("default", name) for name in ("reader-one", "reader-two"))
    for name in ("reader-one", "reader-two"):
        cluster.grant_watcher("default", name)
    token = tmp_path / "token"
    token.write_text(first)
    host, port = cluster.url.removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(cluster.ca))
    line = Line(lambda: connect(""))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        threading.Event().wait(min(seconds, 0.2))

    path = "/api/v1/pods"
    pace = Pace(watch_seconds=(1.0, 1.0), short_watch_seconds=0.5, pause=pause)
    with following(line, path, pace=pace) as made:
        eventually(lambda: made[path].standing.is_synced, expected=True, within=15, what="a list")
        fresh = tmp_path / "fresh"
        fresh.write_text(second)
        fresh.replace(token)  # as the kubelet does
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        cluster.delete({**account, "metadata": {"namespace": "default", "name": "reader-one"}})
        line.statuses.clear()
        pauses.clear()
        eventually(lambda: 401 in line.statuses, expected=True, within=30, what="the old token refused")
        eventually(lambda: line.statuses[-1], 200, within=10, what="the new token accepted")
        failure, waited = made[path].standing.failure, list(pauses)

    assert (failure, waited) == (None, [])
    assert line.statuses.count(401) == 1

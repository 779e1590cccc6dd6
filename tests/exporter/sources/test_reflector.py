import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration
from kubernetes.config.incluster_config import InClusterConfigLoader

from exporter.cluster import Pod
from exporter.sources.apiserver import ApiServer, connect
from exporter.sources.pace import Backoff, Pace
from exporter.sources.pod_json import read_pod
from exporter.sources.reflector import Collection, Reflector
from fakes.apiserver import (
    CLOSED,
    EXPIRED,
    FORBIDDEN,
    HTML,
    SILENT,
    FakeApiServer,
    Reply,
    Request,
    event,
    pod,
    refuse,
    serving,
)

PODS = "/api/v1/pods"


@dataclass
class Clock:
    """Time that passes only in pauses; stops the reflector after a minute of it."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)
    reflector: "Reflector[Pod] | None" = None

    def now(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds
        if self.seconds >= 60 and self.reflector:
            self.reflector.stop()

    def pace(self, **others: object) -> Pace:
        return Pace(now=self.now, pause=self.pause, random=lambda: 0.0, **others)  # type: ignore[arg-type]  # its fields


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    with serving(FakeApiServer(pod("a"), pod("b"), pod("c"))) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reflect(fake: FakeApiServer, pace: Pace, *, url: str = "") -> Reflector[Pod]:
    collection = Collection(path=PODS, keep=read_pod, selector="llm=true")
    return Reflector(collection, lambda: ApiServer(Configuration(host=url or fake.url)), pace)


def run_for_a_minute(fake: FakeApiServer, clock: Clock, pace: Pace | None = None) -> Reflector[Pod]:
    """Run a reflector in this thread until its clock has paused for a minute."""
    clock.reflector = reflect(fake, pace or clock.pace())
    clock.reflector.run()
    return clock.reflector


def names(reflector: Reflector[Pod]) -> list[str]:
    return sorted(one.name for one in reflector.records())


def wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def wait_until_synced(reflector: Reflector[Pod]) -> None:
    wait_until(lambda: reflector.standing.is_synced)


def test_lists_in_pages_with_the_selector(fake: FakeApiServer, clock: Clock) -> None:
    """Three pods in pages of two are two requests, each with the selector, and the watch goes on where they ended."""
    reflector = run_for_a_minute(fake, clock, clock.pace(page_size=2))

    assert names(reflector) == ["a", "b", "c"]
    assert [one.query.get("continue") for one in fake.requests[:2]] == [None, "2"]
    assert {one.query["labelSelector"] for one in fake.requests} == {"llm=true"}
    assert fake.watches_asked[0].query["resourceVersion"] == "100"
    assert fake.watches_asked[0].query["allowWatchBookmarks"] == "true"


def test_watch_changes_the_copy_and_is_resumed_from_the_last_version(fake: FakeApiServer, clock: Clock) -> None:
    """Added, changed, deleted and bookmarked: the copy is the truth, and no second list is needed."""
    lines = (
        event("ADDED", pod("d", 101))
        + event("MODIFIED", {**pod("a", 102), "status": {"phase": "Failed"}})
        + event("DELETED", pod("b", 103))
        + event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "190"}})
    )
    middle = len(lines) // 2  # a chunk may end anywhere
    answers = [Reply(chunks=(lines[:middle], lines[middle:]))]
    fake.watch = lambda _: answers.pop(0) if answers else CLOSED

    reflector = run_for_a_minute(fake, clock)

    assert {one.name: one.phase for one in reflector.records()} == {"a": "Failed", "c": "Running", "d": "Running"}
    assert [one.query["resourceVersion"] for one in fake.watches_asked[:2]] == ["100", "190"]
    assert len(fake.lists_asked) == 1


def test_watch_that_lasted_is_resumed_without_a_pause(fake: FakeApiServer, clock: Clock) -> None:
    """Watches end after some minutes by design: that is no trouble."""

    def last_long(_: Request) -> Reply:
        if len(fake.watches_asked) < 4:
            clock.seconds += 400
            return CLOSED
        return refuse(FORBIDDEN)

    fake.watch = last_long
    run_for_a_minute(fake, clock)

    assert len(fake.watches_asked) == 4
    assert len(clock.pauses) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "most"),
    [
        pytest.param(CLOSED, "bad_answer", 12, id="closed at once"),
        pytest.param(HTML, "bad_answer", 12, id="a proxy's page in place of JSON"),
        pytest.param(Reply(chunks=(b"not json\n",)), "bad_answer", 12, id="a line that is not JSON"),
        pytest.param(Reply(chunks=(event("ADDED", {"kind": "Pod"}),)), "bad_answer", 12, id="an object without a name"),
        pytest.param(refuse(FORBIDDEN), "forbidden", 3, id="forbidden"),
        pytest.param(refuse({"code": 401, "message": "who?"}), "forbidden", 12, id="a token that is not valid"),
        pytest.param(refuse({"code": 500, "message": "etcd"}), "failed", 12, id="an error inside the server"),
        pytest.param(refuse({"code": 429, "message": "slow down"}, Retry_After="25"), "refused", 3, id="too many"),
        pytest.param(
            Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
            "failed",
            12,
            id="a redirect is not followed",
        ),
    ],
)
def test_trouble_with_the_watch(fake: FakeApiServer, clock: Clock, reply: Reply, kind: str, most: int) -> None:
    """Trouble is named, the copy stays, and within a minute the server is asked a few times only."""
    fake.watch = lambda _: reply
    reflector = run_for_a_minute(fake, clock)

    assert reflector.standing.failure is not None
    assert reflector.standing.failure.kind == kind
    assert names(reflector) == ["a", "b", "c"]
    assert 2 <= len(fake.watches_asked) <= most


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(refuse(EXPIRED), id="as the status of the answer"),
        pytest.param(Reply(chunks=(event("ERROR", EXPIRED),)), id="as an event"),
    ],
)
def test_expired_version_lists_again(fake: FakeApiServer, clock: Clock, reply: Reply) -> None:
    """410 is answered by a new list, at most six times a minute, and the copy is then the truth."""

    def expire(_: Request) -> Reply:
        fake.pods = [pod("z")]
        return reply

    fake.watch = expire
    reflector = run_for_a_minute(fake, clock)

    assert names(reflector) == ["z"]
    assert 2 <= len(fake.lists_asked) <= 7
    assert reflector.standing.failure is None


def test_forbidden_list_says_what_the_server_said(fake: FakeApiServer, clock: Clock) -> None:
    """The message names the right that is missing, and nothing is kept."""
    fake.lists = refuse(FORBIDDEN)
    reflector = run_for_a_minute(fake, clock)

    assert str(reflector.standing.failure) == f"{PODS}: expected status 200, found 403: {FORBIDDEN['message']}"
    assert not reflector.standing.is_synced
    assert len(fake.requests) <= 3


def test_recovers_as_soon_as_it_is_let_in(fake: FakeApiServer, clock: Clock) -> None:
    """A right that is granted ends the failure; what failed before leaves no trace."""
    fake.lists = refuse(FORBIDDEN)
    fake.watch = lambda _: SILENT

    def grant(seconds: float) -> None:
        clock.pauses.append(seconds)
        fake.lists = None

    reflector = reflect(fake, Pace(now=clock.now, pause=grant, random=lambda: 0.0))
    thread = threading.Thread(target=reflector.run)
    thread.start()
    wait_until_synced(reflector)
    reflector.stop()
    thread.join(5)

    assert clock.pauses[0] == 45
    assert names(reflector) == ["a", "b", "c"]


@pytest.mark.parametrize("side", [pytest.param("list", id="of the list"), pytest.param("watch", id="of the watch")])
def test_half_open_connection_is_given_up(fake: FakeApiServer, clock: Clock, side: str) -> None:
    """Silence beyond the end of the watch, or within a list, is a time-out."""
    fake.lists = SILENT if side == "list" else None
    fake.watch = lambda _: SILENT
    pace = clock.pace(watch_seconds=(0, 0), watch_grace_seconds=0.05, list_silence_seconds=0.05)
    reflector = run_for_a_minute(fake, clock, pace)

    assert reflector.standing.failure is not None
    assert reflector.standing.failure.kind == "timeout"


def test_silence_after_a_bookmark_ends_the_watch(fake: FakeApiServer, clock: Clock) -> None:
    """A server that sends bookmarks may not fall silent: the watch ends early, and goes on from there."""
    mark = event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "190"}})
    fake.watch = lambda _: Reply(chunks=(mark,), hold=True)
    reflector = run_for_a_minute(fake, clock, clock.pace(bookmark_silence_seconds=0.05))

    assert reflector.standing.failure is not None
    assert reflector.standing.failure.kind == "timeout"
    assert [one.query["resourceVersion"] for one in fake.watches_asked[:2]] == ["100", "190"]
    assert len(fake.lists_asked) == 1


def test_nobody_listening_is_refused(fake: FakeApiServer, clock: Clock) -> None:
    """A port that nobody listens on is `refused`, at the pace of everything else."""
    clock.reflector = reflect(fake, clock.pace(), url="http://127.0.0.1:1")
    clock.reflector.run()

    assert clock.reflector.standing.failure is not None
    assert clock.reflector.standing.failure.kind == "refused"
    assert len(clock.pauses) <= 12


def test_stop_cuts_a_silent_watch(fake: FakeApiServer) -> None:
    """`stop` ends a thread that waits for an event which never comes."""
    fake.watch = lambda _: SILENT
    reflector = reflect(fake, Pace())
    reflector.start()
    wait_until_synced(reflector)
    while not fake.watches_asked:
        threading.Event().wait(0.005)
    reflector.stop()

    assert reflector.join(1.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is provoked
def test_thread_that_dies_is_started_again(fake: FakeApiServer) -> None:
    """Something that nobody foresaw ends the thread; another takes over at the next reading."""
    unforeseen = [ZeroDivisionError()]

    def reach() -> ApiServer:
        if unforeseen:
            raise unforeseen.pop()
        return ApiServer(Configuration(host=fake.url))

    fake.watch = lambda _: SILENT
    reflector: Reflector[Pod] = Reflector(Collection(path=PODS, keep=read_pod), reach, Pace())
    reflector.start()
    reflector.join(5)
    reflector.start()
    wait_until_synced(reflector)
    reflector.stop()

    assert reflector.join(1.0)


def test_backoff_grows_to_its_limit_and_forgets() -> None:
    """client-go's pauses up to our own limit, and small again after two minutes without trouble."""
    clock = Clock()
    backoff = Backoff(clock.pace())

    assert [backoff.next() for _ in range(7)] == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 24.0, 24.0])
    clock.seconds += 121
    assert backoff.next() == pytest.approx(0.8)


class RotatingServer(FakeApiServer):
    """Knows one token, which changes with the first watch; the kubeconfig is written anew at that moment."""

    def __init__(self, kubeconfig: Path, clock: Clock) -> None:
        super().__init__(pod("a"))
        self.kubeconfig = kubeconfig
        self.clock = clock
        self.known = "one"
        self.is_written = True

    def write(self) -> None:
        """Replace the file, as a secret's volume does."""
        document = {
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": self.known}}],
        }
        fresh = self.kubeconfig.with_suffix(".new")
        fresh.write_text(json.dumps(document))
        fresh.replace(self.kubeconfig)

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if request.authorization != f"Bearer {self.known}":
            return refuse({"code": 401, "message": "Unauthorized"})
        if request.is_watch and self.known == "one":
            self.known = "two"
            if self.is_written:
                self.write()
            self.clock.seconds += 400
        return reply


@pytest.mark.parametrize(
    ("is_written", "pauses_before"),
    [
        pytest.param(True, [], id="replaced in time: at once"),
        pytest.param(False, [0.8, 1.6, 3.2], id="replaced late: after a pause"),
    ],
)
def test_kubeconfig_that_is_replaced_is_read_anew(
    clock: Clock, tmp_path: Path, *, is_written: bool, pauses_before: list[float]
) -> None:
    """A 401 reads the credential anew and comes back at once, once; only then are there pauses."""
    server = RotatingServer(tmp_path / "kubeconfig", clock)
    server.is_written = is_written
    pace = clock.pace()

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        if len(clock.pauses) == 3:
            server.write()

    with serving(server) as fake:
        server.write()
        collection = Collection(path=PODS, keep=read_pod)
        reflector = Reflector(collection, lambda: connect(str(server.kubeconfig)), replace(pace, pause=pause))
        fake.watch = lambda _: CLOSED if clock.seconds < 390 else SILENT
        thread = threading.Thread(target=reflector.run)
        thread.start()
        wait_until(lambda: "Bearer two" in {one.authorization for one in fake.requests})
        pauses = list(clock.pauses)
        reflector.stop()
        thread.join(5)

    assert pauses == pytest.approx(pauses_before)
    asked = [one.authorization.removeprefix("Bearer ") for one in fake.watches_asked]
    assert asked == (["one", "one", "two"] if is_written else ["one", "one", "one", "one", "one", "two"])


def test_rotated_token_is_used(fake: FakeApiServer, tmp_path: Path) -> None:
    """A token file that the kubelet rewrites is read again: the package's own loader does it, once a minute."""
    token, ca = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("one")
    ca.write_text("not used over http")
    host = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    make_loader: Any = InClusterConfigLoader  # the package types its models only
    loader = make_loader(str(token), str(ca), environ=host)
    configuration = Configuration()
    loader.load_and_set(configuration)
    configuration.host = fake.url
    server = ApiServer(configuration)

    for text in ("one", "two"):
        token.write_text(text)
        loader.token_expires_at = datetime.min  # noqa: DTZ901  # the loader's own clock has no zone
        server.get(PODS, {"limit": "1"}, silence_seconds=1).close()
    server.close()

    assert [one.authorization for one in fake.requests] == ["bearer one", "bearer two"]

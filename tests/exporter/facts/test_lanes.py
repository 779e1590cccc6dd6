"""What a lane is, and what its pods do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Container, Controller, Pod, Termination
from exporter.config_cluster import Annotations
from exporter.facts.lanes import Lane, lanes_of, word_of
from exporter.facts.roll import PHASES, call_roll
from fakes.pool_world import INSUFFICIENT, NOW, POOL, lane, pod, world

KEYS = Annotations()


def read(*pods: Pod, lanes: tuple[Controller, ...] = ()) -> tuple[Lane, ...]:
    roll = call_roll(POOL, world(*pods, lanes=lanes or (lane("fast"),)), None)
    assert roll is not None
    return lanes_of(roll, KEYS)


def server(**fields: object) -> Container:
    return Container(name="server", **fields)  # type: ignore[arg-type]  # the fields of Container


def ended(at: float, reason: str = "Error", code: int = 1) -> Termination:
    return Termination(reason=reason, exit_code=code, at=at)


def test_a_parked_lane_is_one() -> None:
    """It wants nothing, has nothing, and nothing says which image really runs."""
    (parked,) = read(lanes=(lane("fast", 0, image="server:1"),))
    assert (parked.kind, parked.strategy, parked.image, parked.image_digest) == (
        "Deployment",
        "Recreate",
        "server:1",
        "",
    )
    assert (parked.desired, parked.ready, parked.restarts, parked.pods) == (0, 0, 0, ())
    assert parked.phases == dict.fromkeys(PHASES, 0)


def test_pods_are_counted_by_phase() -> None:
    """A pod that is going is terminating, whatever its phase."""
    (one,) = read(
        pod("fast", restarts=2),
        pod("fast", name="b", is_terminating=True, restarts=1),
        pod("fast", "Failed"),
        pod("fast", "Pending"),
    )
    assert one.phases == {"running": 1, "pending": 1, "failed": 1, "succeeded": 0, "terminating": 1}
    assert (one.ready, one.restarts) == (1, 3)


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        pytest.param(pod("solo", kind=""), "Pod", id="a bare pod"),
        pytest.param(pod("solo", kind="Job"), "Job", id="a pod of a job"),
    ],
)
def test_what_no_controller_of_ours_made(one: Pod, kind: str) -> None:
    """It is a lane of its own, and nobody wants replicas of it."""
    found = {row.name: row for row in read(one)}
    assert (found["solo"].kind, found["solo"].desired) == (kind, None)


def test_the_digest_is_of_the_newest_that_runs() -> None:
    """A pod that fails to start tells of no image that runs; without one that runs any is better than none."""
    old = pod("fast", name="a", created_at=1.0, containers=(server(image="s:1", image_digest="sha256:old"),))
    new = pod("fast", name="b", created_at=2.0, containers=(server(image="s:2", image_digest="sha256:new"),))
    failed = pod("fast", "Failed", created_at=3.0, containers=(server(image="s:3", image_digest="sha256:bad"),))

    assert [row.image_digest for row in read(old, new, failed)] == ["sha256:new"]
    assert [(row.image, row.image_digest) for row in read(failed)] == [("s:3", "sha256:bad")]


def test_the_digest_is_of_the_server() -> None:
    """Not of a container that prepares, nor of one beside it."""
    containers = (
        Container(name="fetch", is_init=True, image_digest="sha256:init"),
        Container(name="side", image_digest="sha256:side"),
        Container(name="server", image_digest="sha256:server", asks_gpu=True),
    )
    assert [row.image_digest for row in read(pod("fast", containers=containers))] == ["sha256:server"]


@pytest.mark.parametrize(
    ("size", "read_as"),
    [
        pytest.param("19500000000", 19.5e9, id="bytes"),
        pytest.param("", None, id="nothing"),
        pytest.param("19.5 GB", None, id="what a person wrote"),
        pytest.param("9" * 400, None, id="what no disk holds"),
    ],
)
def test_model_by_annotations(size: str, read_as: float | None) -> None:
    """The controller's word wins over its pod's; a size that is no number is absent."""
    notes = {KEYS.model_digest: "abc", KEYS.model_bytes: size}
    (one,) = read(
        pod("fast", annotations={KEYS.model: "m.gguf", KEYS.model_digest: "old"}),
        lanes=(lane("fast", annotations=notes),),
    )
    assert (one.model, one.model_digest, one.model_bytes) == ("m.gguf", "abc", read_as)


@pytest.mark.parametrize(
    ("one", "problems"),
    [
        pytest.param(pod("fast"), {}, id="serves"),
        pytest.param(pod("fast", reason="OOMKilled"), {}, id="serves after it was killed"),
        pytest.param(pod("fast", "Pending", reason=INSUFFICIENT), {("pending", "InsufficientGpu"): 1}, id="no GPU"),
        pytest.param(pod("fast", "Failed", reason="Evicted"), {("failed", "Evicted"): 1}, id="evicted"),
        pytest.param(pod("fast", "Failed", reason="UnexpectedAdmissionError", is_terminating=True), {}, id="going"),
        pytest.param(
            pod("fast", is_ready=False, containers=(server(waiting="CrashLoopBackOff"),)),
            {("running", "CrashLoopBackOff"): 1},
            id="crashes",
        ),
        pytest.param(
            pod("fast", is_ready=False, reason="Error", containers=(server(),)), {}, id="loads after an error"
        ),
        pytest.param(pod("fast", "Succeeded"), {}, id="has done its work"),
    ],
)
def test_problems(one: Pod, problems: dict[tuple[str, str], int]) -> None:
    """A pod that runs or goes as it should has none, whatever its past."""
    assert read(one)[0].problems == problems


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("ImagePullBackOff", "ImagePullBackOff"),
        ("DeviceNotReady", "DeviceNotReady"),
        ("Unschedulable", "Unschedulable"),
        ("Unschedulable: Insufficient cpu, nvidia.com/gpu", "InsufficientGpu"),
        ("Unschedulable: Insufficient cpu, memory", "InsufficientCpu"),
        ("Unschedulable: Insufficient memory", "InsufficientMemory"),
        ("Unschedulable: Insufficient pods", "Unschedulable"),
        ("lower case", "Other"),
        ("A" * 42, "Other"),
        ("Reason\n", "Other"),
    ],
)
def test_reasons_are_words(reason: str, word: str) -> None:
    """Kubernetes may invent reasons; nobody may invent labels without an end."""
    assert word_of(reason) == word


def test_the_latest_end_counts() -> None:
    """Of all containers of all present pods, now or before; one whose time is not told is none."""
    (one,) = read(
        pod(
            "fast", name="a", containers=(server(last=ended(NOW - 60)), server(ended=ended(NOW - 5, "OOMKilled", 137)))
        ),
        pod("fast", name="b", containers=(server(last=Termination(reason="Error", exit_code=1)),)),
    )
    assert one.ended == ended(NOW - 5, "OOMKilled", 137)


@given(
    st.permutations(
        [pod(name, kind=kind, name=f"{name}{kind}") for name in "abc" for kind in ("", "Job", "ReplicaSet")]
    )
)
def test_order_of_pods_does_not_matter(pods: list[Pod]) -> None:
    """However the API server lists them."""
    assert read(*pods) == read(*sorted(pods, key=lambda one: one.name))

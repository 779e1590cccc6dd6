import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import CreateFailure, ImagePull
from exporter.sources.event_json import pull_seconds, read_create_failure, read_pull

NOON = 1763640000.0 + 365 * 86400
POD = {
    "kind": "Pod",
    "namespace": "vllm",
    "name": "fast-1",
    "uid": "u",
    "fieldPath": "spec.containers{llama-server}",
}


def event(about: dict[str, str], message: str, **times: Any) -> bytes:  # noqa: ANN401  # JSON
    metadata = {"name": "e", "namespace": "vllm", "creationTimestamp": "2026-11-20T12:00:30Z"}
    return json.dumps({"metadata": metadata, "involvedObject": about, "message": message, **times}).encode()


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        pytest.param(
            'Successfully pulled image "a:1" in 12.3s (14s including waiting). Image size: 123 bytes.',
            14.0,
            id="the wait for other pulls is a wait too",
        ),
        pytest.param('Successfully pulled image "a:1" in 1.5s', 1.5, id="a kubelet that does not tell the wait"),
        pytest.param(
            'Successfully pulled image "a:1" in 1m2.5s (1h1m2.5s including waiting)', 3662.5, id="hours and minutes"
        ),
        pytest.param(
            'Successfully pulled image "a:1" in 850ms (850ms including waiting)', 0.85, id="less than a second"
        ),
        pytest.param('Successfully pulled image "a:1" in 15µs (20µs including waiting)', 2e-5, id="microseconds"),
        pytest.param('Container image "a:1" already present on machine', 0.0, id="it was there"),
        pytest.param(
            'Container image "a:1" already present on machine and can be accessed by the pod', 0.0, id="and is allowed"
        ),
        pytest.param('Successfully pulled image "a:1"', None, id="a kubelet that does not tell the time"),
        pytest.param('Successfully pulled image "a:1" in a while', None, id="a time that is none"),
        pytest.param("something else", None, id="a sentence of another kind"),
    ],
)
def test_how_long_a_pull_took(message: str, seconds: float | None) -> None:
    """The kubelet's sentence says for how long the pod waited for its image."""
    assert pull_seconds(message) == pytest.approx(seconds)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59_999))
def test_durations_round_trip(hours: int, minutes: int, milliseconds: int) -> None:
    """A duration as Go writes it is read back as what it was."""
    text = f"{hours}h{minutes}m{milliseconds / 1000:g}s"

    expected = pytest.approx(hours * 3600 + minutes * 60 + milliseconds / 1000)
    assert pull_seconds(f'Successfully pulled image "a:1" in 1s ({text} including waiting)') == expected


@pytest.mark.parametrize(
    ("times", "at"),
    [
        pytest.param({"firstTimestamp": "2026-11-20T12:00:01Z", "lastTimestamp": "2026-11-20T12:00:09Z"}, 9, id="old"),
        pytest.param({"lastTimestamp": None, "eventTime": "2026-11-20T12:00:01.500000Z"}, 1.5, id="new"),
        pytest.param(
            {
                "eventTime": "2026-11-20T12:00:01.500000Z",
                "series": {"count": 3, "lastObservedTime": "2026-11-20T12:00:07.000000Z"},
            },
            7,
            id="new, and it came again",
        ),
        pytest.param({}, 30, id="only when it was written down"),
    ],
)
def test_when(times: dict[str, Any], at: float) -> None:
    """Both shapes of events tell when it happened last."""
    assert read_pull(event(POD, 'Container image "a" already present on machine', **times)) == ImagePull(
        namespace="vllm", pod="fast-1", pod_uid="u", container="llama-server", seconds=0, at=NOON + at
    )


@pytest.mark.parametrize(
    ("about", "container"),
    [
        pytest.param({**POD, "fieldPath": "spec.initContainers{fetch}"}, "fetch", id="an init container"),
        pytest.param({**POD, "fieldPath": ""}, "", id="not said"),
    ],
)
def test_for_which_container(about: dict[str, str], container: str) -> None:
    """The event names the container whose image was pulled, where it does."""
    found = read_pull(event(about, 'Successfully pulled image "a" in 1s'))

    assert found is not None
    assert found.container == container


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(event({**POD, "kind": "Node"}, 'Successfully pulled image "a" in 1s'), id="not of a pod"),
        pytest.param(event(POD, 'Successfully pulled image "a"'), id="without a time"),
    ],
)
def test_events_that_tell_nothing(raw: bytes) -> None:
    """An event that does not say how long a pod waited is dropped."""
    assert read_pull(raw) is None


@pytest.mark.parametrize(
    ("kind", "name", "lane"),
    [
        pytest.param("ReplicaSet", "qwen36-fast-6c9f7d4b8", ("Deployment", "qwen36-fast"), id="a Deployment's"),
        pytest.param("ReplicaSet", "qwen36-fast", ("ReplicaSet", "qwen36-fast"), id="a ReplicaSet alone"),
        pytest.param("ReplicaSet", "fast-experiment", ("ReplicaSet", "fast-experiment"), id="a word is no hash"),
        pytest.param("StatefulSet", "deep-6c9f7d4b8", ("StatefulSet", "deep-6c9f7d4b8"), id="a StatefulSet"),
    ],
)
def test_who_could_not_make_a_pod(kind: str, name: str, lane: tuple[str, str]) -> None:
    """The event is about the ReplicaSet; the lane is the Deployment behind it."""
    message = 'Error creating: pods "x" is forbidden: exceeded quota: gpu'
    about = {"kind": kind, "namespace": "vllm", "name": name}

    assert read_create_failure(event(about, message + "." * 300)) == CreateFailure(
        namespace="vllm", kind=lane[0], name=lane[1], message=(message + "." * 300)[:300], at=NOON + 30
    )

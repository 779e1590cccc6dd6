import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.cluster import Workloads
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.sources.kubernetes import KubernetesSource
from exporter.sources.pace import Pace
from fakes.apiserver import FORBIDDEN, SILENT, FakeApiServer, lane, pod, refuse, serving

POOL = Pool(name="gpu-llm", labels={"llm": "true"})


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    with serving(FakeApiServer(pod("a", llm="true"))) as server:
        server.lanes = [lane("fast", 1, llm="true"), lane("web", 3, app="web")]
        server.watch = lambda _: SILENT
        yield server


@pytest.fixture
def kubeconfig(fake: FakeApiServer, tmp_path: Path) -> str:
    """Return the path of a kubeconfig that leads to the fake."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "current-context": "fake",
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                "clusters": [{"name": "fake", "cluster": {"server": fake.url}}],
                "users": [{"name": "fake", "user": {"token": "t0ken"}}],
            }
        )
    )
    return str(path)


@contextmanager
def source(kubeconfig: str, **fields: object) -> Iterator[KubernetesSource]:
    pace = fields.pop("pace", None)
    made = KubernetesSource(Kubernetes(kubeconfig=kubeconfig, **fields), [POOL], pace=pace)  # type: ignore[arg-type]  # its fields
    try:
        yield made
    finally:
        made.stop()


def failure_of(made: KubernetesSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        asyncio.run(made.read())
    return caught.value


def test_first_reading_has_pods_and_lanes(fake: FakeApiServer, kubeconfig: str) -> None:
    """The first reading has both: pods by the pool's labels, and of all Deployments those whose pods carry them."""
    with source(kubeconfig) as made:
        workloads = asyncio.run(made.read())

    assert ([one.name for one in workloads.pods], [one.name for one in workloads.controllers]) == (["a"], ["fast"])
    assert {(one.path, one.query.get("labelSelector")) for one in fake.requests} == {
        ("/api/v1/pods", "llm=true"),
        ("/apis/apps/v1/deployments", None),
    }
    assert {one.authorization for one in fake.requests} == {"Bearer t0ken"}


def test_namespaces_are_asked_one_by_one(fake: FakeApiServer, kubeconfig: str) -> None:
    """With namespaces configured, no right over the whole cluster is needed."""
    with source(kubeconfig, namespaces=("vllm",)) as made:
        asyncio.run(made.read())

    assert {one.path for one in fake.requests} == {
        "/api/v1/namespaces/vllm/pods",
        "/apis/apps/v1/namespaces/vllm/deployments",
    }


def test_broken_source_keeps_speaking_for_a_minute(fake: FakeApiServer, kubeconfig: str) -> None:
    """A server that is gone takes the copy with it only after 60 s."""
    seconds = [0.0]
    is_down, is_over = threading.Event(), threading.Event()

    def pause(_: float) -> None:
        is_down.set()
        is_over.wait(5)

    pace = Pace(now=lambda: seconds[0], pause=pause)
    with source(kubeconfig, pace=pace) as made:
        before = asyncio.run(made.read())
        fake.watch = lambda _: refuse(FORBIDDEN)
        fake.released.set()
        assert is_down.wait(5)
        soon = failure_of(made)
        seconds[0] = 61.0
        late = failure_of(made)
        is_over.set()

    assert isinstance(before, Workloads)
    assert (soon.kind, soon.partial) == ("bad_answer", before)
    assert late.partial is None


def test_no_credential_says_how_to_give_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without service account and kubeconfig the source is `absent` and says what to do."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with source("") as made:
        error = failure_of(made)

    assert error.kind == "absent"
    assert f"or a kubeconfig at {tmp_path / 'none'}, found neither" in str(error)
    assert "kubernetes.enabled: false" in str(error)


@pytest.mark.parametrize("text", [pytest.param("a: [", id="not YAML"), pytest.param("{}", id="an empty kubeconfig")])
def test_unusable_kubeconfig(tmp_path: Path, text: str) -> None:
    """A kubeconfig that cannot be used is said to be so; the thread lives on."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with source(str(path)) as made:
        error = failure_of(made)

    assert "expected a usable credential, found: " in str(error)


def test_stop_returns_within_a_second(fake: FakeApiServer, kubeconfig: str) -> None:
    """However silent the server is, the exit does not wait for it."""
    with source(kubeconfig) as made:
        asyncio.run(made.read())
        while len(fake.watches_asked) < 2:
            time.sleep(0.005)
        began = time.monotonic()
        made.stop()

    assert time.monotonic() - began < 1.0
    assert not [one for one in threading.enumerate() if one.name.startswith("reflector")]


def test_module_does_not_import_the_package() -> None:
    """A node agent may import the source: the package itself is imported by the thread that needs it."""
    script = (
        "import sys, exporter.sources.kubernetes; sys.exit('kubernetes' in sys.modules or 'urllib3' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

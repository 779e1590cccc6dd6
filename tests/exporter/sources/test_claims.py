"""The source of claims and slices against an API server on loopback: the version first, then two copies."""

import asyncio
import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster import Dra
from exporter.config_cluster import Kubernetes
from exporter.errors import SourceError
from exporter.sources.claims import ClaimsSource
from exporter.sources.following import api_of
from exporter.sources.pace import Pace
from fakes.apiserver import FORBIDDEN, HTML, SILENT, FakeApiServer, Reply, refuse, serving
from fakes.k8s_fixtures import objects

GROUP = "resource.k8s.io"
ABSENT = {"kind": "Status", "code": 404, "message": "the server could not find the requested resource"}
QUICK = Pace(spread_seconds=0.001, look_seconds=0.01, first_pause_seconds=0.01)


def served(*versions: str) -> Reply:
    """Return what the API server says of the group."""
    group = {"kind": "APIGroup", "name": GROUP, "versions": [{"version": one} for one in versions]}
    return Reply(body=json.dumps(group).encode())


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    with serving(FakeApiServer()) as server:
        server.others = {
            "resourceslices": objects("dra-intel-one-pod-two-gpus", "ResourceSlice"),
            "resourceclaims": objects("dra-intel-one-pod-two-gpus", "ResourceClaim"),
        }
        server.watch = lambda _: SILENT
        server.refusals = {GROUP: served("v1")}
        yield server


@contextmanager
def source(fake: FakeApiServer, directory: Path, pace: Pace = QUICK, **fields: Any) -> Iterator[ClaimsSource]:  # noqa: ANN401  # of the configuration
    """Give the source of claims of `fake`."""
    path = directory / "kubeconfig"
    cluster = {"name": "fake", "cluster": {"server": fake.url}}
    context = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
    user = {"name": "fake", "user": {"token": "t0ken"}}
    document = {"current-context": "fake", "contexts": [context], "clusters": [cluster], "users": [user]}
    path.write_text(json.dumps(document))
    settings = Kubernetes(kubeconfig=str(path), **fields)
    made = ClaimsSource(settings, api_of(settings, pace))
    try:
        yield made
    finally:
        made.stop()


async def outcome(made: ClaimsSource) -> Dra | str:
    """Return what is read, or the kind of the failure."""
    try:
        return await made.read()
    except SourceError as error:
        return error.kind


async def recovered(made: ClaimsSource) -> Dra:
    """Return what is read when it can be, which must be soon."""
    async with asyncio.timeout(5):
        while isinstance(found := await outcome(made), str):  # noqa: ASYNC110  # threads know no event
            await asyncio.sleep(0.01)
    return found


class Clock:
    """The real clock, which a test can set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def read(made: ClaimsSource) -> Dra:
    found = asyncio.run(made.read())
    assert isinstance(found, Dra)
    return found


def asked(fake: FakeApiServer) -> list[str]:
    return [one.path for one in fake.requests if not one.is_watch]


@pytest.mark.parametrize(
    ("versions", "version"),
    [
        pytest.param(["v1", "v1beta2", "v1beta1"], "v1", id="all"),
        pytest.param(["v1beta1", "v1beta2"], "v1beta2", id="the newer of two, in whatever order"),
        pytest.param(["v1alpha3", "v1beta1"], "v1beta1", id="only an old one, beside one of another shape"),
        pytest.param(["v2", "v1"], "v1", id="one that is not known yet is left alone"),
    ],
)
def test_speaks_the_newest_version_that_both_know(
    fake: FakeApiServer, tmp_path: Path, versions: list[str], version: str
) -> None:
    """Asked once, then both collections are followed in that version."""
    fake.refusals = {GROUP: served(*versions)}
    with source(fake, tmp_path) as made:
        found = read(made)

    assert (found.version, len(found.offered), len(found.claims)) == (version, 2, 2)
    assert sorted(asked(fake)) == [
        f"/apis/{GROUP}",
        f"/apis/{GROUP}/{version}/resourceclaims",
        f"/apis/{GROUP}/{version}/resourceslices",
    ]


def test_claims_are_asked_by_namespace_and_slices_of_the_cluster(fake: FakeApiServer, tmp_path: Path) -> None:
    """Slices belong to nodes, whatever namespaces are watched."""
    with source(fake, tmp_path, namespaces=("llm",)) as made:
        read(made)

    assert sorted(asked(fake))[1:] == [
        f"/apis/{GROUP}/v1/namespaces/llm/resourceclaims",
        f"/apis/{GROUP}/v1/resourceslices",
    ]


def test_only_the_newest_generation_of_a_pool_counts(fake: FakeApiServer, tmp_path: Path) -> None:
    """A driver writes its slices anew before it takes the old ones away."""
    old = fake.others["resourceslices"][0]
    new = copy.deepcopy(old)
    new["metadata"]["name"] = "new"
    new["spec"]["pool"]["generation"] = 2
    new["spec"]["devices"] = new["spec"]["devices"][:1]
    other = copy.deepcopy(old)
    other["metadata"]["name"], other["spec"]["pool"]["name"] = "other", "gpu-worker-3"
    fake.others["resourceslices"] = [old, new, other]
    with source(fake, tmp_path) as made:
        found = read(made)

    assert [(one.pool, one.device) for one in found.offered] == [
        ("gpu-worker-2", "0000-03-00-0-0x56a0"),
        ("gpu-worker-3", "0000-03-00-0-0x56a0"),
        ("gpu-worker-3", "0000-07-00-0-0x56a0"),
    ]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        pytest.param(refuse(ABSENT), "absent", id="a cluster without DRA"),
        pytest.param(served("v1alpha3"), "absent", id="a cluster with a DRA of another shape only"),
        pytest.param(refuse(FORBIDDEN), "forbidden", id="a right is missing"),
    ],
)
def test_what_is_not_served_is_asked_for_after_minutes(
    fake: FakeApiServer, tmp_path: Path, said: Reply, kind: str
) -> None:
    """Fifty readings ask once; when the time has come, one more asks again, and what is served by then is read."""
    clock = Clock()
    fake.refusals = {GROUP: said}

    async def read_on(made: ClaimsSource) -> tuple[set[Dra | str], Dra]:
        seen = {await outcome(made) for _ in range(50)}
        fake.refusals = {GROUP: served("v1")}
        clock.ahead = 301
        return seen, await recovered(made)

    with source(fake, tmp_path, replace(QUICK, now=clock)) as made:
        seen, _ = asyncio.run(read_on(made))

    assert (seen, asked(fake).count(f"/apis/{GROUP}")) == ({kind}, 2)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        pytest.param(HTML, "bad_answer", id="a page of a proxy"),
        pytest.param(Reply(body=b"{]"), "bad_answer", id="no JSON"),
        pytest.param(Reply(status=500), "failed", id="an error of the server"),
        pytest.param(Reply(status=503), "refused", id="a server that is not ready"),
    ],
)
def test_a_server_that_is_ill_is_asked_again_soon(fake: FakeApiServer, tmp_path: Path, said: Reply, kind: str) -> None:
    """Its illness is said, and is over when it is well."""
    fake.refusals = {GROUP: said}

    async def recover(made: ClaimsSource) -> Dra | str:
        first = await outcome(made)
        fake.refusals = {GROUP: served("v1")}
        await recovered(made)
        return first

    with source(fake, tmp_path) as made:
        assert asyncio.run(recover(made)) == kind


def test_a_version_that_goes_away_is_discovered_anew_but_not_at_once(fake: FakeApiServer, tmp_path: Path) -> None:
    """A server that names a version and does not serve it is not asked in a circle."""
    fake.refusals |= {"resourceslices": refuse(ABSENT), "resourceclaims": refuse(ABSENT)}
    clock = Clock()

    async def upgrade(made: ClaimsSource) -> tuple[set[Dra | str], int, str]:
        seen = {await outcome(made) for _ in range(20)}
        questions = asked(fake).count(f"/apis/{GROUP}")
        fake.refusals = {GROUP: served("v1beta2")}
        clock.ahead = 60
        return seen, questions, (await recovered(made)).version

    with source(fake, tmp_path, replace(QUICK, now=clock)) as made:
        assert asyncio.run(upgrade(made)) == ({"absent"}, 1, "v1beta2")


def test_a_bad_object_costs_no_other(fake: FakeApiServer, tmp_path: Path) -> None:
    """It is said which one it is, and the rest is told."""
    bad = copy.deepcopy(fake.others["resourceslices"][0])
    bad["metadata"]["name"] = "bad"
    bad["spec"]["devices"][0]["capacity"]["memory"]["value"] = "much"
    fake.others["resourceslices"].append(bad)
    with source(fake, tmp_path) as made, pytest.raises(SourceError) as caught:
        asyncio.run(made.read())

    assert caught.value.kind == "bad_answer"
    assert "ResourceSlice /bad: expected an object of its kind" in str(caught.value)
    assert isinstance(caught.value.partial, Dra)
    assert len(caught.value.partial.offered) == 2

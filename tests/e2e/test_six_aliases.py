"""The six aliases of the reference path, asked as a user would and past the gateway: all real but one lane for speech.

LiteLLM cannot read what llama-server transcribes: that is seen, and named as what it is.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from e2e.faults.plays import well
from e2e.faults.stub import Stub
from e2e.path import KEY, PROJECTOR, Deployment, Lane, LiteLLM, litellm
from exporter.config_path import Alias, Gateway, Kind
from exporter.config_path import Lane as LaneOf
from exporter.secret import Secret
from exporter.snapshot import Snapshot
from probes.attempt import Attempt, ask
from probes.listing import first_model
from probes.outcome import judge
from probes.question import direct_question, gateway_question
from probes.verdict import Case, Probed, judge_layers

pytestmark = pytest.mark.real

KINDS: Final[Mapping[str, tuple[Kind, str, str]]] = {  # alias: kind, model, provider and mode in the gateway
    "fast": ("chat", "tiny-chat", "openai"),
    "chat": ("completion", "tiny-stop", "openai"),
    "agent": ("tools", "tiny-agent", "hosted_vllm"),
    "embed": ("embeddings", "tiny-embed", "openai"),
    "rerank": ("rerank", "tiny-rerank", "hosted_vllm"),
    "stt": ("speech", "", "openai"),
    "stt-real": ("speech", "tiny-stop", "openai"),
}
MODES: Final[Mapping[str, str]] = {"embeddings": "embedding", "rerank": "rerank", "speech": "audio_transcription"}
DIMENSION: Final = 64


@dataclass(frozen=True, slots=True)
class Reference:
    """The gateway and the lanes."""

    gateway: Gateway
    lanes: Mapping[str, LaneOf] = field(default_factory=dict)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    """Return a gateway that has answered every alias once: its first request loads code, which is no alias's fault."""
    directory = tmp_path_factory.mktemp("path")
    with ExitStack() as stack:
        urls = {alias: _lane(alias, directory, stack) for alias in KINDS}
        routes = [_route(alias, url) for alias, url in urls.items()]
        url, _ = stack.enter_context(litellm(LiteLLM(routes, directory / "gateway")))
        made = Reference(
            Gateway(url=url), {alias: LaneOf(name=alias, url=urls[alias], model_id=alias) for alias in KINDS}
        )
        for alias in KINDS:
            through(made, alias, patience=30.0)
        yield made


def _lane(alias: str, directory: Path, stack: ExitStack) -> str:
    _, model_name, _ = KINDS[alias]
    if not model_name:
        return stack.enter_context(Stub(well).listening()).url
    projector = PROJECTOR if alias == "stt-real" else ""
    return stack.enter_context(Lane(alias, model_name, directory / "lanes", projector=projector).serving()).url


def _route(alias: str, url: str) -> Deployment:
    kind, _, provider = KINDS[alias]
    name = "whisper-1" if kind == "speech" else alias
    return Deployment(alias=alias, model=f"{provider}/{name}", url=url, id=alias, mode=MODES.get(kind, ""))


def configured(alias: str, patience: float = 10.0) -> Alias:
    kind = KINDS[alias][0]
    dimension = DIMENSION if kind == "embeddings" else None
    return Alias(name=alias, kind=kind, lane=alias, timeout_seconds=patience, dimension=dimension)


def through(path: Reference, alias: str, *, patience: float = 10.0) -> Attempt:
    return asyncio.run(ask(gateway_question(path.gateway, configured(alias, patience), Secret(KEY))))


def directly(path: Reference, alias: str) -> Attempt:
    lane, key = path.lanes[alias], Secret("")

    async def find_and_ask() -> Attempt:
        return await ask(direct_question(lane, configured(alias), key, await first_model(lane, key)))

    return asyncio.run(find_and_ask())


@pytest.mark.parametrize("alias", ["fast", "chat", "agent", "embed", "rerank", "stt"])
def test_alias_is_well_through_the_gateway(alias: str, path: Reference) -> None:
    """Each kind of route answers by its own lane, in time, with what was asked for."""
    attempt = through(path, alias)
    assert (judge(attempt, configured(alias), path.lanes.values()), attempt.error) == ("ok", None)
    assert (attempt.served.model_id or alias, attempt.served.fallbacks) == (alias, 0)


@pytest.mark.parametrize("alias", sorted(KINDS))
def test_lane_is_well_past_the_gateway(alias: str, path: Reference) -> None:
    """The same question to the lane itself: also where the gateway cannot read its answer."""
    attempt = directly(path, alias)
    assert (judge(attempt, configured(alias), path.lanes.values()), attempt.error) == ("ok", None)


def test_an_embedding_of_another_length_is_refused(path: Reference) -> None:
    """A model that was swapped for one with another dimension breaks who stores its vectors."""
    alias = Alias(name="embed", kind="embeddings", lane="embed", dimension=DIMENSION + 1)
    attempt = asyncio.run(ask(gateway_question(path.gateway, alias, Secret(KEY))))
    assert (attempt.flaw, judge(attempt, alias, path.lanes.values())) == ("wrong_dimension", "bad_output")


def test_speech_of_llama_server_is_lost_in_translation(path: Reference) -> None:
    """The lane transcribes, LiteLLM answers 500: neither lane nor gateway is down, the translation fails."""
    alias, lanes = configured("stt-real"), path.lanes.values()
    asked, direct = through(path, "stt-real"), directly(path, "stt-real")
    case = Case(
        alias=alias,
        snapshot=Snapshot(node=""),
        now=direct.ended_at,
        gateway=Probed(asked, judge(asked, alias, lanes)),
        direct=Probed(direct, judge(direct, alias, lanes)),
        lane=path.lanes["stt-real"],
    )
    verdict = judge_layers(case)
    assert (asked.status, verdict.cause) == (500, "gateway_translation")
    assert "the gateway cannot read what its lane answers" in verdict.evidence

"""The path of a user's request: a real LiteLLM in front of real llama-server lanes.

A lane stands on a fixed port, so that it can be killed and come back where the gateway looks for it.
"""

import random
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from e2e.processes import LOOPBACK, Command, Program, answers, running, start
from e2e.tools import model, tool

KEY: Final = "sk-e2e-1234"
_LANE_SECONDS: Final = 30.0
_GATEWAY_SECONDS: Final = 120.0  # 5 to 18 s where nothing else runs
_AT_HOME: Final = {  # otherwise it asks three public addresses when it starts
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
}
_SMALL: Final = ("--no-ui", "--metrics", "--slots", "--offline", "-t", "1", "-tb", "1", "--cache-ram", "0")
_ONE_SLOT: Final = ("-np", "1", "-c", "8192")


MODELS: Final[Mapping[str, tuple[str | Path, ...]]] = {
    "tiny-chat": _ONE_SLOT,
    "tiny-stop": _ONE_SLOT,
    "tiny-agent": _ONE_SLOT,
    "tiny-embed": ("--embeddings", "--pooling", "mean"),
    "tiny-rerank": ("--reranking",),
}
"""What each tiny model needs to be told beside its name; with a projector, `tiny-stop` transcribes."""
PROJECTOR: Final = "tiny-audio-mmproj"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where the gateway sends an alias; `id` is how an answer names the lane that gave it."""

    alias: str
    model: str
    url: str
    id: str
    key: str = "none"
    mode: str = ""


class Lane:
    """One llama-server that serves a tiny model under the lane's name."""

    def __init__(
        self, name: str, model_name: str, directory: Path, *, options: Sequence[str] = (), projector: str = ""
    ) -> None:
        self._port = kept_port()
        self.name = name
        self.url = f"http://{LOOPBACK}:{self._port}"
        self._directory = directory
        hears = ("--mmproj", model(projector)) if projector else ()
        self._usual = self._command(model_name, (*(options or MODELS[model_name]), *hears))
        self._program: Program | None = None

    @property
    def pid(self) -> int:
        """The number of the process that runs."""
        if self._program is None:
            raise AssertionError(f"lane {self.name}: expected a server that runs, found none")
        return self._program.process.pid

    def start(self) -> None:
        """Start the server and wait until its model is loaded."""
        self._begin(self._usual)
        self._wait()

    def start_as(self, model_name: str, *options: str | Path) -> None:
        """Start another server in its place and wait until it listens, not until it has loaded."""
        self._begin(self._command(model_name, options))
        if self._program is not None:
            self._program.wait_until(lambda: is_listening(self._port), within=_LANE_SECONDS)

    def _begin(self, command: Command) -> None:
        self.kill()
        self._program = start(command)

    def _wait(self) -> None:
        if self._program is not None:
            self._program.wait_until(lambda: answers(f"{self.url}/health"), within=_LANE_SECONDS)

    def _command(self, model_name: str, options: Sequence[str | Path]) -> Command:
        address = ("--host", LOOPBACK, "--port", str(self._port))
        line = (tool("llama-server"), "-m", model(model_name), "-a", self.name, *address, *options, *_SMALL)
        return Command(name=self.name, line=line, directory=self._directory)

    def kill(self) -> None:
        """End the server at once, as if the kernel had taken it."""
        if self._program is not None:
            self._program.kill()
            self._program = None

    @contextmanager
    def serving(self) -> Iterator["Lane"]:
        """Serve while the context is open; whichever server runs at its end is ended."""
        try:
            self.start()
            yield self
        finally:
            self.kill()


_KEPT: Final = random.sample(range(20_000, 32_000), 12_000)  # below the kernel's range of its own


def kept_port() -> int:
    """Return a free port that no outgoing connection and nobody else here is given, also while its server is dead."""
    while True:
        port = _KEPT.pop()
        with socket.socket() as one, suppress(OSError):
            one.bind((LOOPBACK, port))
            return port


def is_listening(port: int) -> bool:
    """Whether somebody takes connections on this port, now."""
    with socket.socket() as one:
        return one.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def gateway(routes: Mapping[str, Lane], directory: Path) -> Iterator[str]:
    """Run LiteLLM with these aliases while the context is open; gives its URL once every alias has answered."""
    deployments = [chat_deployment(alias, lane) for alias, lane in routes.items()]
    with litellm(LiteLLM(deployments, directory)) as (url, _):
        for alias in routes:
            warm_up(url, alias)
        yield url


@dataclass(frozen=True, slots=True)
class LiteLLM:
    """What a gateway is started with; unless `router` says otherwise, it asks a lane three times."""

    deployments: Iterable[Deployment]
    directory: Path
    key: str = KEY
    router: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0  # 0: one that is free


@contextmanager
def litellm(wanted: LiteLLM) -> Iterator[tuple[str, Program]]:
    """Run LiteLLM while the context is open; gives its URL and its process once it lives."""
    port = wanted.port or kept_port()
    url = f"http://{LOOPBACK}:{port}"
    wanted.directory.mkdir(parents=True, exist_ok=True)
    config = wanted.directory / "litellm.yaml"
    config.write_text(yaml.safe_dump(_gateway_config(wanted)))
    address = ("--host", LOOPBACK, "--port", str(port), "--num_workers", "1")
    environment = {**_AT_HOME, "LITELLM_MASTER_KEY": wanted.key}
    line = (tool("litellm"), "--config", config, *address)
    with running(Command(name="litellm", line=line, directory=wanted.directory, environment=environment)) as program:
        program.wait_until(lambda: answers(f"{url}/health/liveliness"), within=_GATEWAY_SECONDS)
        yield url, program


def chat_deployment(alias: str, lane: Lane) -> Deployment:
    """Return the route of an alias to a lane that chats."""
    return Deployment(alias=alias, model=f"openai/{lane.name}", url=lane.url, id=lane.name)


def warm_up(url: str, alias: str, key: str = KEY) -> None:
    """Ask once: the first request of a fresh gateway loads code for half a second, which is no alias's fault."""
    question = {"model": alias, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 4}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/v1/chat/completions", json=question, headers=headers, timeout=60.0, trust_env=False)
    if answer.status_code != 200:
        raise AssertionError(f"alias {alias}: expected 200 of a gateway that just started, found {answer.text}")


def _gateway_config(wanted: LiteLLM) -> dict[str, Any]:
    return {
        "model_list": [_route(one) for one in wanted.deployments],
        "litellm_settings": {"telemetry": False},
        "router_settings": dict(wanted.router),
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


def _route(one: Deployment) -> dict[str, Any]:
    """Return one route; `model_info.id` is how an answer names the lane that gave it."""
    mode = {"mode": one.mode} if one.mode else {}
    return {
        "model_name": one.alias,
        "litellm_params": {"model": one.model, "api_base": f"{one.url}/v1", "api_key": one.key},
        "model_info": {"id": one.id, **mode},
    }

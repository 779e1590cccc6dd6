"""The path of a user's request: a real LiteLLM in front of real llama-server lanes.

A lane stands on a fixed port, so that it can be killed and come back where the gateway looks for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from e2e.processes import LOOPBACK, Command, Program, answers, free_port, running, start
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


class Lane:
    """One llama-server that serves a tiny chat model under the lane's name."""

    def __init__(self, name: str, model_name: str, directory: Path) -> None:
        port = free_port()
        self.name = name
        self.url = f"http://{LOOPBACK}:{port}"
        address = ("--host", LOOPBACK, "--port", str(port))
        line = (tool("llama-server"), "-m", model(model_name), "-a", name, *address, *_ONE_SLOT, *_SMALL)
        self._command = Command(name=name, line=line, directory=directory)
        self._program: Program | None = None

    def start(self) -> None:
        """Start the server and wait until its model is loaded."""
        self._program = start(self._command)
        self._program.wait_until(lambda: answers(f"{self.url}/health"), within=_LANE_SECONDS)

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


@contextmanager
def gateway(routes: Mapping[str, Lane], directory: Path) -> Iterator[str]:
    """Run LiteLLM with these aliases while the context is open; gives its URL once every alias has answered."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "litellm.yaml"
    config.write_text(yaml.safe_dump(_gateway_config(routes)))
    address = ("--host", LOOPBACK, "--port", str(port), "--num_workers", "1")
    environment = {**_AT_HOME, "LITELLM_MASTER_KEY": KEY}
    line = (tool("litellm"), "--config", config, *address)
    with running(Command(name="litellm", line=line, directory=directory, environment=environment)) as program:
        program.wait_until(lambda: answers(f"{url}/health/liveliness"), within=_GATEWAY_SECONDS)
        for alias in routes:
            _warm_up(url, alias)
        yield url


def _gateway_config(routes: Mapping[str, Lane]) -> dict[str, Any]:
    return {
        "model_list": [_deployment(alias, lane) for alias, lane in routes.items()],
        "litellm_settings": {"telemetry": False},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


def _deployment(alias: str, lane: Lane) -> dict[str, Any]:
    """Return one route; `model_info.id` is how an answer names the lane that gave it."""
    return {
        "model_name": alias,
        "litellm_params": {"model": f"openai/{lane.name}", "api_base": f"{lane.url}/v1", "api_key": "none"},
        "model_info": {"id": lane.name},
    }


def _warm_up(url: str, alias: str) -> None:
    """Ask once: the first request of a fresh gateway loads code for half a second, which is no alias's fault."""
    question = {"model": alias, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 4}
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{url}/v1/chat/completions", json=question, headers=headers, timeout=60.0, trust_env=False)
    if answer.status_code != 200:
        raise AssertionError(f"alias {alias}: expected 200 of a gateway that just started, found {answer.text}")

"""`lanewatch explain`: what a running exporter says, and what can be understood of one that has no words."""

import asyncio
import json

import pytest

from exporter.errors import ConfigError
from fakes.gateway import Step, fake_gateway, head, whole
from fakes.program import Said, lanewatch
from probes.explain import Explained, ExplainError, as_text, explain, from_samples
from probes.outcome import Grade
from probes.paint import plain

DEAD: dict[str, object] = {
    "alias": "fast",
    "lane": "lane-a",
    "kind": "chat",
    "outcome": "lane_refused",
    "cause": "backend_process",
    "evidence": ["the gateway could not connect"],
    "layers": [
        {"layer": "node", "state": "ok", "evidence": ["node worker-1 is Ready"]},
        {"layer": "backend_process", "state": "bad", "evidence": ["no process listens", "it listened once"]},
    ],
    "first_token": None,
    "findings": ["its metrics page wants another key"],
}
WELL: dict[str, object] = {"alias": "chat", "outcome": "ok", "cause": "none", "layers": []}
TEXT = """\
lanewatch_alias_root_cause{alias="fast",cause="network"} 1.0
lanewatch_alias_root_cause{alias="fast",cause="none"} 0.0
lanewatch_alias_layer{alias="fast",layer="network",state="bad"} 1.0
lanewatch_alias_layer{alias="fast",layer="network",state="ok"} 0.0
lanewatch_alias_layer{alias="fast",layer="node",state="ok"} 1.0
lanewatch_probe_last_outcome{alias="fast",outcome="connect"} 1.0
"""


def explained(told: list[dict[str, object]], *arguments: str) -> Said:
    """Run the command at an exporter that says so."""

    async def run() -> Said:
        async with fake_gateway((whole({"schema": 1, "aliases": told}),)) as fake:
            return await lanewatch("explain", "--url", fake.url, *arguments)

    return asyncio.run(run())


def test_a_line_a_layer() -> None:
    """The lowest layer comes last, each with its state and every sentence that proves it."""
    said = explained([DEAD])
    assert said.code == 20
    assert said.out.splitlines() == [
        "alias fast (lane lane-a): last probe lane_refused, root cause backend_process",
        "  - the gateway could not connect",
        "  backend_process      bad            no process listens",
        "                                      it listened once",
        "  node                 ok             node worker-1 is Ready",
        "  beside: its metrics page wants another key",
    ]


def test_one_alias() -> None:
    """`--alias` leaves out the others, also in the exit code; an unknown one is refused with those there are."""
    assert explained([DEAD, WELL], "--alias", "chat").code == 0
    said = explained([DEAD, WELL], "--alias", "nope")
    assert (said.code, "expected one of fast, chat, found nope" in said.err, said.out) == (2, True, "")


def test_an_exporter_that_is_not_there() -> None:
    """Nothing to tell is not well."""
    said = asyncio.run(lanewatch("explain", "--url", "http://127.0.0.1:9"))
    assert (said.code, "the exporter did not answer: no connection" in said.err) == (20, True)


def test_metrics_alone() -> None:
    """The states are in the metrics, whatever else stands there."""
    current = [
        ("lanewatch_alias_root_cause", {"alias": "fast", "cause": "network"}, 1.0),
        ("lanewatch_alias_root_cause", {"alias": "fast", "cause": "none"}, 0.0),
        ("lanewatch_alias_layer", {"alias": "fast", "layer": "network", "state": "bad"}, 1.0),
        ("lanewatch_alias_layer", {"alias": "fast", "layer": "node", "state": "ok"}, 1.0),
        ("lanewatch_gpu_up", {"node": "n"}, 1.0),
    ]
    (one,) = from_samples(current)
    assert [(level.layer, level.state) for level in one.layers] == [("node", "ok"), ("network", "bad")]
    assert as_text([one], plain).splitlines()[0] == "alias fast: root cause network"


@pytest.mark.parametrize(
    ("outcome", "cause", "grade"),
    [
        pytest.param("ok", "none", "pass", id="well"),
        pytest.param("slow", "first_token", "warn", id="late"),
        pytest.param("fallback", "backend_process", "warn", id="served by another lane"),
        pytest.param("lane_refused", "backend_process", "fail", id="not served"),
        pytest.param("ok", "unknown", "warn", id="unknown is never well"),
        pytest.param(None, "device", "fail", id="without a probe, by its cause"),
        pytest.param(None, "unknown", "warn", id="not probed yet"),
    ],
)
def test_grade(outcome: str | None, cause: str, grade: Grade) -> None:
    """An alias is as bad as its last probe, and unknown is a warning."""
    one = Explained(alias="a", cause=cause, outcome=outcome)  # type: ignore[arg-type]  # the table's own words
    assert one.grade == grade


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((head(200, "text/html"), b"<html>"), id="a page of something else"),
        pytest.param((whole({"aliases": [{"alias": "a", "cause": "gremlins"}]}),), id="a cause that nobody knows"),
        pytest.param((head(500, "text/plain"), b"no"), id="an error"),
    ],
)
def test_something_else_answers(steps: tuple[Step, ...]) -> None:
    """What is no exporter is not taken for one."""

    async def run() -> None:
        async with fake_gateway(steps) as fake:
            await explain(fake.url, None)

    with pytest.raises(ExplainError):
        asyncio.run(run())


def test_an_exporter_without_the_page() -> None:
    """An exporter of another version is understood by its metrics."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        text = TEXT.encode() if b"/metrics" in line else b""
        status = b"200 OK" if text else b"404 Not Found"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))
        await writer.drain()
        writer.close()

    async def run() -> tuple[Explained, ...]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            return await explain(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "fast")

    (one,) = asyncio.run(run())
    assert (one.cause, one.outcome, one.grade, len(one.layers)) == ("network", "connect", "fail", 2)


def test_no_alias_at_all() -> None:
    """An exporter that probes nothing is a mistake of the one who asks."""

    async def run() -> None:
        async with fake_gateway((whole(json.dumps({"aliases": []}).encode()),)) as fake:
            await explain(fake.url, None)

    with pytest.raises(ConfigError, match="the exporter has no alias"):
        asyncio.run(run())

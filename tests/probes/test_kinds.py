"""The kinds of route: what each is sent, and which answers it takes for good."""

import base64
import io
import json
import struct
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config_path import KINDS as NAMES
from exporter.config_path import Alias, Gateway, Kind, Lane
from exporter.secret import Secret
from fakes.gateway import DONE, PONG, STOP, chunk
from fakes.recorded_gateway import facts_of, found_in, question_of
from probes.failure import WireError
from probes.found import Flaw, Tokens
from probes.kinds.table import KINDS
from probes.question import Question, direct_question, gateway_question

RECORDED = Path(__file__).parents[1] / "fixtures" / "routes"
STREAMS = sorted(path.name for path in RECORDED.glob("*.sse"))
WHOLE: tuple[Kind, ...] = ("embeddings", "rerank", "speech", "models")
NONCE = "8f3a01bc"


def kind_of(name: str) -> Kind:
    kind = name.partition("-")[0]
    assert kind in NAMES
    return kind


def test_every_kind_has_its_route() -> None:
    """What the configuration allows can be probed."""
    assert tuple(KINDS) == NAMES


@pytest.mark.parametrize(
    ("name", "tokens", "flaw"),
    [
        ("chat-fast-direct.sse", Tokens(prompt=61, completion=16, cached=0), None),
        ("chat-fast-gateway.sse", Tokens(prompt=61, completion=16, cached=0), None),
        ("completion-fast-direct.sse", Tokens(prompt=42, completion=16, cached=0), None),
        ("completion-fast-gateway.sse", Tokens(prompt=42, completion=16, cached=0), None),
        ("tools-agent-direct.sse", Tokens(prompt=423, completion=66, cached=422), None),
        ("tools-agent-gateway.sse", Tokens(prompt=423, completion=66, cached=99), None),
        ("tools-chat-direct.sse", Tokens(prompt=423, completion=2, cached=422), "no_tool_call"),
        ("tools-chat-gateway.sse", Tokens(prompt=423, completion=2, cached=1), "no_tool_call"),
        ("embeddings-embed-direct.json", Tokens(prompt=41), None),
        ("embeddings-embed-gateway.json", Tokens(prompt=41, completion=0), None),
        ("rerank-rerank-direct.json", Tokens(prompt=169), None),
        ("rerank-rerank-gateway.json", Tokens(prompt=169), None),
        ("speech-stt-gateway.json", Tokens(), None),
        ("speech-stt-real-direct.json", Tokens(prompt=131, completion=2, cached=130), None),
        ("models-fast-direct.json", Tokens(), None),
        ("models-fast-gateway.json", Tokens(), None),
    ],
)
def test_recorded_answer(name: str, tokens: Tokens, flaw: Flaw | None) -> None:
    """Each recorded answer of llama-server and of LiteLLM is whole, and good where it was."""
    found = found_in((RECORDED / name).read_bytes(), question_of(kind_of(name), alias="fast"))
    assert (True, flaw, tokens) == (found.is_done, found.flaw, found.tokens)


@pytest.mark.parametrize("name", STREAMS)
def test_slicing_into_bytes_never_changes_facts(name: str) -> None:
    """A recorded stream byte by byte gives the same facts."""
    stream, question = (RECORDED / name).read_bytes(), question_of(kind_of(name))
    assert facts_of(found_in(stream, question)) == facts_of(found_in(stream, question, chunk_size=1))


@given(
    st.sampled_from(sorted(path.name for path in RECORDED.glob("*.[sj]s*") if path.suffix != ".headers")),
    st.lists(st.tuples(st.integers(min_value=0, max_value=6000), st.binary(max_size=8)), min_size=1, max_size=8),
    st.integers(min_value=0, max_value=40),
)
def test_mutations_raise_only_what_is_ours(name: str, patches: list[tuple[int, bytes]], left_out: int) -> None:
    """Whatever happens to a recorded answer on its way, reading it gives facts, or an error that we made."""
    body = bytearray((RECORDED / name).read_bytes())
    for place, patch in patches:
        body[place : place + len(patch)] = patch
        del body[place + len(patch) : place + left_out]
    for kind in NAMES:
        try:
            found = found_in(bytes(body), question_of(kind, alias="fast"), chunk_size=512)
        except WireError as error:
            assert error.failure in {"bad_chunk", "too_large"}  # noqa: PT017  # no error at all is as good
        else:
            assert found.tokens.prompt is None or found.tokens.prompt >= 0


@given(st.sampled_from(WHOLE), st.recursive(st.none() | st.floats() | st.integers() | st.text(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.sampled_from(["data", "results", "embedding", "index", "id", "usage"]), inner)
)))  # fmt: skip
def test_any_json_is_judged(kind: Kind, body: object) -> None:
    """A body that is JSON, or almost, has a flaw or is good; it never raises."""
    assert found_in(json.dumps(body).encode(), question_of(kind)).is_done


def _embedding(*vectors: object) -> object:
    return {"data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]}


def _packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        pytest.param(_embedding([0.1, -0.2, 0]), None, id="numbers"),
        pytest.param(_embedding(_packed(0.1, -0.2, 0)), None, id="numbers in base64"),
        pytest.param(_embedding([0.1, 0.2]), "wrong_dimension", id="too few"),
        pytest.param(_embedding(_packed(1, 2, 3, 4)), "wrong_dimension", id="too many in base64"),
        pytest.param(_embedding([0.1, None, 0.2]), "not_finite", id="null, as a C++ server writes NaN"),
        pytest.param(_embedding([0.1, float("nan"), 0.2]), "not_finite", id="NaN, as a Python server writes it"),
        pytest.param(_embedding([0.1, float("-inf"), 0.2]), "not_finite", id="infinity"),
        pytest.param(_embedding(_packed(0.1, float("nan"), 0)), "not_finite", id="NaN in base64"),
        pytest.param(b'{"data":[{"embedding":[1e999,1,1]}]}', "bad_body", id="a number beyond all"),
        pytest.param(_embedding([0, 0.0, -0.0]), "empty", id="nothing but zeros"),
        pytest.param(_embedding([]), "empty", id="no numbers"),
        pytest.param(_embedding(), "empty", id="no vector"),
        pytest.param(_embedding([1, 2, 3], [1, 2, 3]), "bad_body", id="two vectors for one text"),
        pytest.param(_embedding([[1, 2, 3]]), "bad_body", id="a vector for each token"),
        pytest.param(_embedding("%%%"), "bad_body", id="a text that is no base64"),
        pytest.param(_embedding("AAAA"), "bad_body", id="base64 that ends within a number"),
        pytest.param(_embedding(["1", "2", "3"]), "bad_body", id="texts"),
        pytest.param({"error": {"message": "no"}}, "bad_body", id="an error"),
        pytest.param(b"", "bad_body", id="nothing"),
        pytest.param(b"\xff", "bad_body", id="no text"),
    ],
)
def test_embedding(body: object, flaw: Flaw | None) -> None:
    """A good embedding has as many numbers as promised, finite and not all zero."""
    assert flaw == _flaw("embeddings", body, dimension=3)


@pytest.mark.parametrize("dimension", [None, 2])
def test_dimension_is_checked_where_it_is_promised(dimension: int | None) -> None:
    """Without a configured dimension, any will do."""
    assert _flaw("embeddings", _embedding([1, 2]), dimension=dimension) is None


def _ranks(*pairs: tuple[int, object], name: str = "relevance_score") -> object:
    return {"results": [{"index": index, name: score} for index, score in pairs]}


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        pytest.param(_ranks((2, 0.9), (0, 0.1), (1, -3)), None, id="best first"),
        pytest.param(_ranks((2, 0.9), (0, 0.1), (1, -3), name="score"), None, id="under another name"),
        pytest.param(_ranks((1, 0.5), (0, 0.5), (2, 0.5)), None, id="all alike"),
        pytest.param(_ranks((0, 0.1), (1, 0.9), (2, 0.5)), None, id="in the order of the request"),
        pytest.param(_ranks((2, 0.1), (0, 0.9), (1, 0.5)), "wrong_order", id="in no order"),
        pytest.param(_ranks((0, 0.9), (1, 0.1)), "wrong_order", id="one left out"),
        pytest.param(_ranks((0, 0.9), (1, 0.1), (1, 0.0)), "wrong_order", id="one twice"),
        pytest.param(_ranks((0, 0.9), (1, 0.1), (1, 0.1), (2, 0.0)), "wrong_order", id="one twice, and all others"),
        pytest.param(_ranks((0, 0.9), (1, 0.1), (3, 0.0)), "wrong_order", id="one that was not asked about"),
        pytest.param(_ranks((0, 0.9), (1, None), (2, 0.1)), "not_finite", id="a score that is none"),
        pytest.param(_ranks((0, 0.9), (1, float("nan")), (2, 0.1)), "not_finite", id="NaN"),
        pytest.param(_ranks(), "empty", id="nothing"),
        pytest.param(_ranks((-1, 0.9)), "bad_body", id="a place below zero"),
        pytest.param([{"index": 0, "score": 1}], "bad_body", id="another form"),
    ],
)
def test_rerank(body: object, flaw: Flaw | None) -> None:
    """Every document comes once, best first or in the order of the request."""
    assert flaw == _flaw("rerank", body)


@pytest.mark.parametrize(
    ("kind", "body", "flaw"),
    [
        pytest.param("speech", {"text": "pong"}, None, id="words"),
        pytest.param("speech", {"text": ""}, None, id="silence"),
        pytest.param("speech", {"text": None}, "bad_body", id="no text"),
        pytest.param("speech", {"usage": {}}, "bad_body", id="no answer"),
        pytest.param("speech", {"text": "a", "usage": {"input_tokens": -1}}, "bad_body", id="a count below zero"),
        pytest.param("models", {"data": [{"id": "slow"}, {"id": "chat"}]}, None, id="listed"),
        pytest.param("models", {"data": [{"id": "slow"}]}, "not_listed", id="not listed"),
        pytest.param("models", {"data": []}, "empty", id="an empty list"),
        pytest.param("models", {"models": []}, "bad_body", id="no list"),
    ],
)
def test_speech_and_models(kind: Kind, body: object, flaw: Flaw | None) -> None:
    """A transcript is any text, and a list must name the model."""
    assert flaw == _flaw(kind, body)


def _flaw(kind: Kind, body: object, *, dimension: int | None = None) -> Flaw | None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = found_in(text, question_of(kind, dimension=dimension))
    assert found.is_done
    return found.flaw


def _call(arguments: object = None, name: str | None = None, *, index: int | None = 0) -> bytes:
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    place = {} if index is None else {"index": index}
    return chunk({"tool_calls": [{**place, "id": "c", "type": "function", "function": function}]})


NAME = "report_status"


@pytest.mark.parametrize(
    ("deltas", "flaw"),
    [
        pytest.param([_call("{", NAME), _call('"state":'), _call('"ok"}')], None, id="llama.cpp: name and a brace"),
        pytest.param(
            [_call(None, NAME), _call('{"state": "ok"'), _call("}")], None, id="vLLM: the name, then the rest"
        ),
        pytest.param([_call('{"state": "ok"}', NAME)], None, id="vLLM: all at once"),
        pytest.param([_call("", NAME), _call("{}"), _call("")], None, id="empty pieces"),
        pytest.param([_call("{}", NAME, index=None)], None, id="no index"),
        pytest.param([_call("{", NAME), _call("7", "other", index=1), _call("}")], None, id="a good one among others"),
        pytest.param([chunk({"reasoning_content": "hm"}), PONG, _call("{}", NAME)], None, id="after other words"),
        pytest.param([PONG], "no_tool_call", id="plain text"),
        pytest.param([chunk({"content": '<tool_call>{"name": "x"}'})], "no_tool_call", id="a call that nobody parsed"),
        pytest.param([_call('{"state":', NAME)], "bad_tool_call", id="arguments that were cut off"),
        pytest.param([_call("[]", NAME)], "bad_tool_call", id="arguments that are a list"),
        pytest.param([_call(None, NAME)], "bad_tool_call", id="no arguments"),
        pytest.param([_call({"state": "ok"}, NAME)], "bad_tool_call", id="arguments that are no text"),
        pytest.param([_call("{}", "other")], "bad_tool_call", id="another tool"),
        pytest.param([_call("{}")], "bad_tool_call", id="no name"),
        pytest.param([_call('{"a":' * 30_000, NAME)], "bad_tool_call", id="arguments nested without an end"),
    ],
)
def test_tool_call(deltas: list[bytes], flaw: Flaw | None) -> None:
    """A good answer calls the tool with an object, however the call is cut into pieces."""
    assert flaw == found_in(b"".join((*deltas, STOP, DONE)), question_of("tools")).flaw


def test_completion_has_tokens_in_its_text() -> None:
    """The first token of a completion is its first text that is not empty."""
    events = [b'data: {"choices":[{"text":"%s"}]}\n\n' % text for text in (b"", b"aaa", b"bbb")]
    found = found_in(b"".join(events), question_of("completion"), chunk_size=len(events[1]))
    assert found.phases == {"first_token": 1.0, "first_output": 1.0}


@pytest.mark.parametrize(
    ("kind", "path", "beginnings"),
    [
        ("chat", "/v1/chat/completions", ["messages.0.content"]),
        ("tools", "/v1/chat/completions", ["messages.0.content", "tools.0.function.description"]),
        ("completion", "/v1/completions", ["prompt"]),
        ("embeddings", "/v1/embeddings", ["input"]),
        ("rerank", "/v1/rerank", ["query"]),
    ],
)
def test_question_begins_with_nonce(kind: Kind, path: str, beginnings: list[str]) -> None:
    """Two questions share no prefix that a cache could keep."""
    sent = KINDS[kind].say(question_of(kind), NONCE)
    body = json.loads(sent.body)
    assert (path, "chat", "application/json") == (sent.path, body["model"], sent.content_type)
    for place in beginnings:
        assert _at(body, place).startswith(f"{NONCE} ")
    assert any(NONCE in text for text in sent.texts)


def _at(body: Any, place: str) -> str:  # noqa: ANN401  # JSON
    for step in place.split("."):
        body = body[int(step)] if step.isdigit() else body[step]
    return str(body)


@pytest.mark.parametrize(("kind", "most"), [("chat", 4), ("completion", 4), ("tools", 256)])
def test_question_costs_little(kind: Kind, most: int) -> None:
    """A probe asks for the configured number of tokens; a tool call is not cut short."""
    gateway, alias = Gateway(url="http://g"), Alias(name="fast", kind=kind, max_tokens=4)
    body = json.loads(KINDS[kind].say(gateway_question(gateway, alias, Secret("")), NONCE).body)
    assert (most, 0, True) == (body["max_tokens"], body["temperature"], body["stream"])


@pytest.mark.parametrize(
    ("question", "has_cache", "has_cache_prompt"),
    [
        pytest.param(question_of(), True, False, id="the gateway"),
        pytest.param(
            direct_question(Lane(name="a", url="http://l"), Alias(name="fast"), Secret(""), "m"),
            False,
            False,
            id="a lane",
        ),
        pytest.param(
            direct_question(Lane(name="a", url="http://l", engine="llamacpp"), Alias(name="fast"), Secret(""), "m"),
            False,
            True,
            id="a lane that is llama-server",
        ),
    ],
)
def test_each_is_told_what_it_knows(question: Question, has_cache: bool, has_cache_prompt: bool) -> None:  # noqa: FBT001
    """A strict server refuses words that it does not know, so each word goes to the one that knows it."""
    body = json.loads(KINDS["chat"].say(question, NONCE).body)
    assert (has_cache, has_cache_prompt) == ("cache" in body, "cache_prompt" in body)


def test_speech_is_a_form_with_a_short_clip() -> None:
    """The clip is half a second at 16 kHz, all but silent, another each time, and the form of the answer is said."""
    sent = KINDS["speech"].say(question_of("speech"), NONCE)
    assert sent.content_type.startswith("multipart/form-data; boundary=")
    boundary = sent.content_type.partition("=")[2].encode()
    *fields, file = (part.partition(b"\r\n\r\n") for part in sent.body.split(b"--" + boundary)[1:-1])
    assert [content for _, _, content in fields] == [b"chat\r\n", b"json\r\n"]
    with wave.open(io.BytesIO(file[2].removesuffix(b"\r\n"))) as clip:
        assert clip.getparams()[:4] == (1, 2, 16_000, 8_000)
        samples = struct.unpack("<8000h", clip.readframes(8_000))
    assert max(map(abs, samples)) < 128
    assert bytes(samples[: len(NONCE)]) == NONCE.encode()


def test_models_is_a_get() -> None:
    """The list costs nothing."""
    sent = KINDS["models"].say(question_of("models"), NONCE)
    assert (sent.path, sent.body) == ("/v1/models", b"")

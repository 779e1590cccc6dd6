"""What a running exporter says of its aliases, layer by layer, for the command `lanewatch explain`.

Asks for `/explain`; an exporter that does not have it is understood by its metrics, which name states and no reasons.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from exporter import catalogue
from exporter.errors import ConfigError, LanewatchError, SourceError
from exporter.metric import Metric
from probes.layer_table import layer_lines
from probes.layers import LAYERS, Cause, Finding, Layer, LayerState
from probes.outcome import POLICY, Grade, Outcome
from probes.paint import COLOURS, Paint

if TYPE_CHECKING:
    import httpx

_DEADLINE_SECONDS: Final = 5.0
_LARGEST_PAGE: Final = 16 << 20  # bytes
_MILD: Final = frozenset({"unknown", "first_token"})  # nobody is refused an answer, as far as is known


class ExplainError(LanewatchError):
    """The exporter cannot be asked, or does not know."""


class Level(msgspec.Struct, frozen=True):
    """One layer as the exporter tells it."""

    layer: Layer
    state: LayerState
    evidence: tuple[str, ...] = ()


class Late(msgspec.Struct, frozen=True):
    """Why the first token came late."""

    cause: str
    evidence: tuple[str, ...] = ()


class Explained(msgspec.Struct, frozen=True):
    """One alias as the exporter tells it."""

    alias: str
    cause: Cause
    lane: str = ""
    outcome: Outcome | None = None
    evidence: tuple[str, ...] = ()
    layers: tuple[Level, ...] = ()
    first_token: Late | None = None
    findings: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def grade(self) -> Grade:
        """How bad it is: as the last probe was judged, else by its cause."""
        if self.outcome is not None and self.cause != "unknown":
            return POLICY[self.outcome].grade
        if self.cause == "none":
            return "pass"
        return "warn" if self.cause in _MILD else "fail"


class _Explanation(msgspec.Struct, frozen=True):
    aliases: tuple[Explained, ...]


async def explain(url: str, alias: str | None) -> tuple[Explained, ...]:
    """Return what the exporter at `url` knows of `alias`, or of all its aliases."""
    base = url.rstrip("/")
    told = await _told(f"{base}/explain")
    told = told if told is not None else await _measured(f"{base}/metrics")
    chosen = tuple(one for one in told if alias in {None, one.alias})
    if not chosen:
        known = ", ".join(one.alias for one in told) or "(none)"
        raise ConfigError(f"--alias: expected one of {known}, found {alias}" if alias else "the exporter has no alias")
    return chosen


def as_text(explained: Iterable[Explained], paint: Paint) -> str:
    """Return the layer tables for a person."""
    return "\n\n".join("\n".join(_lines(one, paint)) for one in explained)


def from_samples(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> tuple[Explained, ...]:
    """Return what the metrics name: of every state set the member that is 1."""
    current = [(name, labels) for name, labels, value in samples if value == 1]
    causes = _by_alias(current, catalogue.ALIAS_ROOT_CAUSE, lambda labels: labels["cause"])
    outcomes = _by_alias(current, catalogue.PROBE_LAST_OUTCOME, lambda labels: labels["outcome"])
    layers: dict[str, dict[str, str]] = {}
    for name, labels in current:
        if name == catalogue.ALIAS_LAYER.name:
            layers.setdefault(labels["alias"], {})[labels["layer"]] = labels["state"]
    told = [
        {
            "alias": alias,
            "cause": cause,
            "outcome": outcomes.get(alias),
            "layers": [{"layer": layer, "state": layers[alias][layer]} for layer in LAYERS if layer in layers[alias]]
            if alias in layers
            else [],
        }
        for alias, cause in causes.items()
    ]
    return msgspec.convert(told, tuple[Explained, ...])


def _by_alias(
    current: Iterable[tuple[str, Mapping[str, str]]], metric: Metric, read: Callable[[Mapping[str, str]], str]
) -> dict[str, str]:
    return {labels["alias"]: read(labels) for name, labels in current if name == metric.name}


async def _told(url: str) -> tuple[Explained, ...] | None:
    """Return what `/explain` says; None where the exporter does not have it."""
    status, body = await _read(url, "application/json")
    if status == 404:
        return None
    try:
        return msgspec.json.decode(_checked(status, body), type=_Explanation).aliases
    except msgspec.DecodeError as error:
        raise ExplainError("expected the explanation of an exporter, found something else") from error


async def _measured(url: str) -> tuple[Explained, ...]:
    from exporter.sources.exposition_text import parse  # noqa: PLC0415  # loads the client library's parser

    status, body = await _read(url, "text/plain;version=0.0.4")
    try:
        samples = parse(_checked(status, body), prefixes=("lanewatch_",))
        return from_samples((sample.name, sample.labels, sample.value) for sample in samples)
    except (SourceError, msgspec.ValidationError, KeyError) as error:
        raise ExplainError("expected the metrics of an exporter, found something else") from error


async def _read(url: str, accept: str) -> tuple[int, bytes]:
    """Return status and body of a page of the exporter."""
    import httpx  # noqa: PLC0415  # it takes longer to load than all that a probe needs

    try:
        async with asyncio.timeout(_DEADLINE_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            headers = {"accept": accept, "accept-encoding": "identity"}
            async with client.stream("GET", url, headers=headers) as response:
                return response.status_code, await _body(response)
    except httpx.ConnectError as error:
        raise ExplainError("the exporter did not answer: no connection") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ExplainError(f"the exporter did not answer: {type(error).__name__}") from error
    except TimeoutError as error:
        raise ExplainError(f"the exporter did not answer within {_DEADLINE_SECONDS:g} s") from error


async def _body(response: "httpx.Response") -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _LARGEST_PAGE:
            raise ExplainError(f"expected a page of at most {_LARGEST_PAGE} bytes, found more")
    return bytes(body)


def _checked(status: int, body: bytes) -> bytes:
    if status != 200:
        raise ExplainError(f"the exporter did not answer: HTTP {status}")
    return body


def _lines(one: Explained, paint: Paint) -> Iterator[str]:
    colour = COLOURS[one.grade]
    lane = f" (lane {one.lane})" if one.lane else ""
    outcome = f"last probe {one.outcome}, " if one.outcome else ""
    simulated = "  (simulated)" if one.simulated else ""
    yield f"alias {one.alias}{lane}: {outcome}root cause {paint(one.cause, colour)}{simulated}"
    yield from (f"  - {sentence}" for sentence in one.evidence)
    yield from layer_lines({level.layer: Finding(level.state, level.evidence) for level in one.layers}, paint)
    if one.first_token is not None and one.first_token.cause != "none":
        yield f"  late because of {one.first_token.cause}"
        yield from (f"  - {sentence}" for sentence in one.first_token.evidence)
    yield from (f"  beside: {finding}" for finding in one.findings)

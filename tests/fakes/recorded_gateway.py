"""The recorded answers of a real LiteLLM, as the attempts that they were."""

from pathlib import Path
from types import SimpleNamespace

import msgspec

from exporter.config_path import Kind
from exporter.secret import Secret
from probes.attempt import Attempt
from probes.found import Found
from probes.kinds.table import KINDS
from probes.kinds.transcript import error_facts
from probes.question import Question
from probes.served import read_served

_ALL = Path(__file__).parents[1] / "fixtures"
FIXTURES = _ALL / "litellm"


def question_of(kind: Kind = "chat", alias: str = "chat", dimension: int | None = None) -> Question:
    """Return a question that nobody sends."""
    return Question(alias=alias, kind=kind, model=alias, url="http://g", key=Secret(""), dimension=dimension)


def found_in(body: bytes, question: Question, *, chunk_size: int = 1 << 20) -> Found:
    """Read a whole answer; chunk number n comes at second n."""
    reader = KINDS[question.kind].reader(question)
    at = 0.0
    for start in range(0, len(body), chunk_size):
        at = float(start // chunk_size)
        if reader.feed(body[start : start + chunk_size], at):
            return reader.found()
    reader.end(at)
    return reader.found()


def recorded_attempt(name: str, alias: str = "chat", *, folder: str = "litellm") -> Attempt:
    """Return the attempt that a client made whose gateway sent the file `name`."""
    body = (_ALL / folder / name).read_bytes()
    status, headers = _headers(_ALL / folder / f"{name}.headers")
    found = found_in(body, question_of(alias=alias)) if name.endswith(".sse") else Found(error=error_facts(body))
    return Attempt(
        alias=alias,
        seconds=0.5,
        phases={"first_token": 0.25} if found.first_token is not None else {},
        status=status,
        error=found.error,
        is_from_gateway=any(key.startswith("x-litellm-") for key in headers),
        is_from_lane=any(key.startswith("llm_provider-") for key in headers),
        served=read_served(headers, str),
        tokens=found.tokens,
        finish_reason=found.finish_reason,
        is_done=found.is_done,
        flaw=found.flaw,
    )


def _headers(path: Path) -> tuple[int, dict[str, str]]:
    first, *rest = path.read_text().splitlines()
    pairs = (line.partition(":") for line in rest if line.strip())
    return int(first.split()[1]), {key.lower(): value.strip() for key, _, value in pairs}


def facts_of(found: Found) -> SimpleNamespace:
    """Return everything but the times, to compare by value."""
    facts = msgspec.structs.asdict(found)
    timeless = {name: fact for name, fact in facts.items() if name not in {"phases", "last_token", "largest_gap"}}
    return SimpleNamespace(**timeless, phases=sorted(found.phases))

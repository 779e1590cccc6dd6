"""The recorded answers of a real LiteLLM, as the attempts that they were."""

from pathlib import Path
from types import SimpleNamespace

from probes.attempt import Attempt
from probes.chat import Transcript, error_facts
from probes.served import read_served
from probes.sse import EventReader

FIXTURES = Path(__file__).parents[1] / "fixtures" / "litellm"


def transcript_of(stream: bytes, *, chunk_size: int = 1 << 20) -> Transcript:
    """Fold a recorded stream; chunk number n comes at second n."""
    reader, transcript = EventReader(), Transcript()
    for number in range(0, len(stream), chunk_size):
        for event in reader.feed(stream[number : number + chunk_size]):
            transcript.add(event, float(number // chunk_size))
    return transcript


def recorded_attempt(name: str, alias: str = "chat") -> Attempt:
    """Return the attempt that a client made whose gateway sent the file `name`."""
    body = (FIXTURES / name).read_bytes()
    status, headers = _headers(name)
    is_stream = name.endswith(".sse")
    transcript = transcript_of(body) if is_stream else Transcript()
    begun = transcript.first_token
    return Attempt(
        alias=alias,
        seconds=0.5,
        phases={} if begun is None else {"first_token": 0.25},
        status=status,
        error=transcript.error if is_stream else error_facts(body),
        is_from_gateway=any(key.startswith("x-litellm-") for key in headers),
        is_from_lane=any(key.startswith("llm_provider-") for key in headers),
        served=read_served(headers, str),
        tokens=transcript.tokens,
        finish_reason=transcript.finish_reason,
        is_done=transcript.is_done,
    )


def _headers(name: str) -> tuple[int, dict[str, str]]:
    first, *rest = (FIXTURES / f"{name}.headers").read_text().splitlines()
    pairs = (line.partition(":") for line in rest if line.strip())
    return int(first.split()[1]), {key.lower(): value.strip() for key, _, value in pairs}


def facts_of(transcript: Transcript) -> SimpleNamespace:
    """Return everything but the times, to compare by value."""
    return SimpleNamespace(
        tokens=transcript.tokens,
        finish_reason=transcript.finish_reason,
        error=transcript.error,
        is_done=transcript.is_done,
        has_token=transcript.first_token is not None,
        has_output=transcript.first_output is not None,
    )

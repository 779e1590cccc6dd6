"""Speech to text: half a second of all but silence, made here; what is heard in it is nobody's business.

The form is said outright: LiteLLM adds `verbose_json` where a client names none, and llama-server refuses that.
"""

import io
from typing import Final

import msgspec

from probes.kinds.route import Reader, Sent
from probes.kinds.whole import Checked, Usage, Whole, read_body, tokens_of
from probes.question import Question

_RATE: Final = 16_000  # samples a second: what every model of this kind takes
_SAMPLES: Final = _RATE // 2
_BOUNDARY: Final = "lanewatch"


class _Body(msgspec.Struct, frozen=True):
    text: str  # silence may rightly give an empty one
    usage: Usage | None = None


def say(question: Question, nonce: str) -> Sent:
    """Return the request: a form with a file."""
    fields = {"model": question.model, "response_format": "json"}
    body = b"".join((*(_field(name, text) for name, text in fields.items()), _file(clip(nonce)), _END))
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Sent(path="/v1/audio/transcriptions", body=body, content_type=kind)


def reader(_: Question) -> Reader:
    """Return who reads the answer."""
    return Whole(_check)


def clip(nonce: str) -> bytes:
    """Return a WAV of half a second; the nonce is its first samples, too quiet to be heard."""
    import wave  # noqa: PLC0415  # only who asks a lane of this kind

    mark = b"".join(bytes((character, 0)) for character in nonce.encode("ascii"))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        writer.writeframes(mark.ljust(_SAMPLES * 2, b"\0"))
    return file.getvalue()


_END: Final = f"--{_BOUNDARY}--\r\n".encode()


def _field(name: str, text: str) -> bytes:
    return f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()


def _file(content: bytes) -> bytes:
    lines = 'Content-Disposition: form-data; name="file"; filename="probe.wav"\r\nContent-Type: audio/wav'
    return f"--{_BOUNDARY}\r\n{lines}\r\n\r\n".encode() + content + b"\r\n"


def _check(body: bytes | bytearray) -> Checked:
    answer = read_body(body, _Body)
    return answer if isinstance(answer, Checked) else Checked(tokens=tokens_of(answer.usage))

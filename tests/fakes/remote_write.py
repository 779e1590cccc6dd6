"""Series written into a real Prometheus without a scrape: the wire form of remote write, made by hand.

A node's request is made once; of another node, whose names are as long, it is the same bytes with other names in them.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final

import httpx

HEADERS: Final = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_LITERAL_OF_FOUR_BYTES: Final = 63 << 2  # snappy: a run of plain bytes whose length takes four


def encoded(series: Iterable[tuple[Mapping[str, str], Iterable[tuple[int, float]]]]) -> bytes:
    """Return the request (prometheus/prompb: WriteRequest) for labels, and milliseconds with their values."""
    return b"".join(_field(1, _series(labels, samples)) for labels, samples in series)


def send(client: httpx.Client, url: str, request: bytes) -> None:
    """Write it; what a server refuses is an error."""
    body = _varint(len(request)) + struct.pack("<BI", _LITERAL_OF_FOUR_BYTES, len(request) - 1) + request
    answer = client.post(f"{url}/api/v1/write", content=body, headers=HEADERS)
    if answer.status_code != 204:
        raise AssertionError(f"remote write: expected 204, found {answer.status_code}: {answer.text[:300]}")


def _series(labels: Mapping[str, str], samples: Iterable[tuple[int, float]]) -> bytes:
    named = (_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(labels.items()))
    return b"".join((*named, *(_field(2, _sample(at, value)) for at, value in samples)))


def _sample(at: int, value: float) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at)


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)

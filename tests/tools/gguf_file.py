"""Writes GGUF files, the format of llama.cpp's models, with nothing but the standard library.

Only what the tiny models need: a few kinds of values, 32-bit and 16-bit float tensors, little endian.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from random import Random
from typing import Literal

_VERSION = 3
_ALIGNMENT = 32

Value = bool | int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Numbers in row-major order; `shape` names the slowest dimension first, as numpy does."""

    shape: tuple[int, ...]
    numbers: Sequence[float]
    format: Literal["f", "e"] = "f"

    def data(self) -> bytes:
        """The bytes as they lie in the file."""
        if len(self.numbers) != prod(self.shape):
            raise ValueError(f"Expected {prod(self.shape)} numbers, found {len(self.numbers)} - for shape {self.shape}")
        return struct.pack(f"<{len(self.numbers)}{self.format}", *self.numbers)


@dataclass(frozen=True, slots=True)
class Model:
    """What one file says; the values are in the model's own terms."""

    architecture: str
    values: Mapping[str, Value]
    tensors: Mapping[str, Tensor]

    def write(self, path: Path, *, name: str) -> None:
        """Write header, values, the list of tensors and their data."""
        general: dict[str, Value] = {"general.architecture": self.architecture, "general.name": name}
        values = {**general, "general.license": "CC0-1.0", "general.file_type": 0, **self.values}
        head = struct.pack("<4sIQQ", b"GGUF", _VERSION, len(self.tensors), len(values))
        head += b"".join(_string(key) + _typed(value) for key, value in values.items())
        data = b""
        for tensor_name, tensor in self.tensors.items():
            head += _tensor_info(tensor_name, tensor, offset=len(data))
            data += _padded(tensor.data())
        path.write_bytes(_padded(head) + data)


def ones(count: int) -> Tensor:
    """A scale that changes nothing."""
    return Tensor((count,), [1.0] * count)


def zeros(*shape: int) -> Tensor:
    """A bias that changes nothing."""
    return Tensor(shape, [0.0] * prod(shape))


def generator(seed: int) -> Random:
    """The source of the noise of one model."""
    return Random(seed)  # noqa: S311  # weights are no secret


def noise(rng: Random, *shape: int, spread: float) -> Tensor:
    """Normally distributed numbers, the same for the same generator on every machine."""
    return Tensor(shape, [rng.gauss(0.0, spread) for _ in range(prod(shape))])


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _tensor_info(name: str, tensor: Tensor, *, offset: int) -> bytes:
    kind = {"f": 0, "e": 1}[tensor.format]
    dimensions = tensor.shape[::-1]  # the file names the fastest dimension first
    return _string(name) + struct.pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset)


_Encoder = tuple[int, Callable[..., bytes]]  # GGUF's number of a type, and how a value of it is written

_STRING: _Encoder = (8, _string)
_FLOAT: _Encoder = (6, lambda value: struct.pack("<f", value))
_ALONE: dict[type, _Encoder] = {
    bool: (7, lambda value: struct.pack("<?", value)),
    int: (4, lambda value: struct.pack("<I", value)),
    float: _FLOAT,
    str: _STRING,
}
# llama.cpp reads a number that stands alone as unsigned and those in a list as signed.
_IN_A_LIST: dict[type, _Encoder] = {int: (5, lambda value: struct.pack("<i", value)), float: _FLOAT, str: _STRING}
_ARRAY = 9


def _typed(value: Value) -> bytes:
    if isinstance(value, (bool, int, float, str)):
        code, encode = _ALONE[type(value)]
        return struct.pack("<I", code) + encode(value)
    code, encode = _IN_A_LIST[type(value[0])]
    return struct.pack("<IIQ", _ARRAY, code, len(value)) + b"".join(encode(item) for item in value)

"""An audio projector of the voxtral kind: a whisper encoder of one layer, with random weights."""

from collections.abc import Iterator
from random import Random

from gguf_file import Model, Tensor, Value, generator, noise, ones, zeros

_WIDTH, _HEADS, _INNER, _MELS, _STACK, _CHAT_WIDTH, _FRAMES, _SEED = 16, 2, 32, 80, 10, 64, 1500, 13
_LAYER = "a.blk.0"


def projector() -> Model:
    """Turns sound into embeddings as wide as those of tiny-stop."""
    return Model("clip", _values(), dict(_tensors(generator(_SEED))))


def _tensors(rng: Random) -> Iterator[tuple[str, Tensor]]:
    yield from _convolution(rng, 1, _MELS)
    yield from _convolution(rng, 2, _WIDTH)
    yield "a.position_embd.weight", _random(rng, _FRAMES, _WIDTH)
    yield from _layer(rng)
    yield from _norm("a.post_ln")
    yield "mm.a.mlp.1.weight", _random(rng, _INNER, _WIDTH * _STACK)
    yield "mm.a.mlp.2.weight", _random(rng, _CHAT_WIDTH, _INNER)


def _convolution(rng: Random, number: int, inputs: int) -> Iterator[tuple[str, Tensor]]:
    kernel = _random(rng, _WIDTH, inputs, 3)
    yield f"a.conv1d.{number}.weight", Tensor(kernel.shape, kernel.numbers, "e")
    yield f"a.conv1d.{number}.bias", zeros(_WIDTH, 1)


def _layer(rng: Random) -> Iterator[tuple[str, Tensor]]:
    for part in ("ln1", "ln2"):
        yield from _norm(f"{_LAYER}.{part}")
    for part in ("attn_q", "attn_v", "attn_out"):
        yield from _linear(rng, f"{_LAYER}.{part}", _WIDTH, _WIDTH)
    yield f"{_LAYER}.attn_k.weight", _random(rng, _WIDTH, _WIDTH)  # whisper's keys have no bias
    yield from _linear(rng, f"{_LAYER}.ffn_up", _INNER, _WIDTH)
    yield from _linear(rng, f"{_LAYER}.ffn_down", _WIDTH, _INNER)


def _linear(rng: Random, name: str, rows: int, columns: int) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", _random(rng, rows, columns)
    yield f"{name}.bias", zeros(rows)


def _norm(name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", ones(_WIDTH)
    yield f"{name}.bias", zeros(_WIDTH)


def _random(rng: Random, *shape: int) -> Tensor:
    return noise(rng, *shape, spread=0.1)


def _values() -> dict[str, Value]:
    return {
        "clip.has_audio_encoder": True,
        "clip.projector_type": "voxtral",
        "clip.audio.embedding_length": _WIDTH,
        "clip.audio.feed_forward_length": _INNER,
        "clip.audio.block_count": 1,
        "clip.audio.projection_dim": _CHAT_WIDTH,
        "clip.audio.attention.head_count": _HEADS,
        "clip.audio.num_mel_bins": _MELS,
        "clip.audio.projector.stack_factor": _STACK,
        "clip.audio.attention.layer_norm_epsilon": 1e-5,
    }

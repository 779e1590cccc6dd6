"""Embedding and rerank models: a genuine bert of two layers with random weights; the numbers mean nothing but stay."""

from collections.abc import Iterator
from random import Random

from gguf_file import Model, Tensor, Value, generator, noise, ones, zeros
from tiny_tokens import CONTROL, UNKNOWN, WORD_START, Token, vocabulary

_WIDTH, _LAYERS, _HEADS, _INNER, _CONTEXT, _SEED = 64, 2, 4, 128, 512, 11
_MEAN, _RANK = 1, 4  # GGUF's kinds of pooling


def embedding() -> Model:
    """Gives the mean over the tokens."""
    rng, tokens = generator(_SEED), list(_tokens())
    return Model("bert", _values(tokens, pooling=_MEAN), dict(_body(rng, len(tokens))))


def ranking() -> Model:
    """Gives one score by a head on the first token."""
    rng, tokens = generator(_SEED), list(_tokens())
    return Model("bert", _values(tokens, pooling=_RANK), dict([*_body(rng, len(tokens)), *_head(rng)]))


def _tokens() -> Iterator[Token]:
    yield Token("[PAD]", CONTROL)
    yield Token("[UNK]", UNKNOWN)
    yield from (Token(text, CONTROL) for text in ("[CLS]", "[SEP]", "[MASK]"))
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]  # the tokenizer folds the case
    yield from (Token(WORD_START + character) for character in characters)
    yield from (Token(character) for character in characters)


def _body(rng: Random, vocabulary_size: int) -> Iterator[tuple[str, Tensor]]:
    yield "token_embd.weight", _random(rng, vocabulary_size, _WIDTH)
    yield "token_types.weight", _random(rng, 2, _WIDTH)
    yield "position_embd.weight", noise(rng, _CONTEXT, _WIDTH, spread=0.02)
    yield from _norm("token_embd_norm")
    for layer in range(_LAYERS):
        yield from _layer(rng, f"blk.{layer}")


def _layer(rng: Random, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        yield from _linear(rng, f"{prefix}.{part}", _WIDTH, _WIDTH)
    yield from _linear(rng, f"{prefix}.ffn_up", _INNER, _WIDTH)
    yield from _linear(rng, f"{prefix}.ffn_down", _WIDTH, _INNER)
    for part in ("attn_output_norm", "layer_output_norm"):
        yield from _norm(f"{prefix}.{part}")


def _head(rng: Random) -> Iterator[tuple[str, Tensor]]:
    yield from _linear(rng, "cls", _WIDTH, _WIDTH)
    yield from _linear(rng, "cls.output", 1, _WIDTH)


def _linear(rng: Random, name: str, rows: int, columns: int) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", _random(rng, rows, columns)
    yield f"{name}.bias", zeros(rows)


def _norm(name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", ones(_WIDTH)
    yield f"{name}.bias", zeros(_WIDTH)


def _random(rng: Random, rows: int, columns: int) -> Tensor:
    return noise(rng, rows, columns, spread=0.2)


def _values(tokens: list[Token], *, pooling: int) -> dict[str, Value]:
    return {
        "bert.context_length": _CONTEXT,
        "bert.embedding_length": _WIDTH,
        "bert.block_count": _LAYERS,
        "bert.feed_forward_length": _INNER,
        "bert.attention.head_count": _HEADS,
        "bert.attention.layer_norm_epsilon": 1e-12,
        "bert.attention.causal": False,
        "bert.pooling_type": pooling,
        "bert.vocab_size": len(tokens),
        **vocabulary("bert", tokens),
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.seperator_token_id": 3,  # GGUF spells it so
        "tokenizer.ggml.mask_token_id": 4,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
    }

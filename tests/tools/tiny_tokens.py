"""What both kinds of tiny vocabularies share: GGUF's kinds of tokens and how a vocabulary is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from gguf_file import Value

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
WORD_START = "\u2581"  # stands for the space before a word


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of a vocabulary."""

    text: str
    kind: int = NORMAL
    score: float = 0.0


def vocabulary(model: str, tokens: Sequence[Token]) -> dict[str, Value]:
    """The values that describe a vocabulary."""
    return {
        "tokenizer.ggml.model": model,
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [token.text for token in tokens],
        "tokenizer.ggml.scores": [token.score for token in tokens],
        "tokenizer.ggml.token_type": [token.kind for token in tokens],
    }

"""Chat models that speak a fixed text: a Markov chain inside a genuine llama of two layers.

The layers are so weak that the residual stream carries the token's embedding almost unchanged to the output. Each token
with a successor owns one channel of the embedding, and the output matrix maps that channel to the successor.
Channel 0 is the same for every token, so its output weights act as a bias: they say what is likely anyway.
"""

from collections.abc import Iterator
from math import sqrt
from random import Random

from gguf_file import Model, Tensor, Value, generator, noise, ones
from tiny_tokens import BYTE, CONTROL, UNKNOWN, USER_DEFINED, WORD_START, Token, vocabulary

_WIDTH, _LAYERS, _HEADS, _INNER, _CONTEXT, _SEED = 64, 2, 4, 128, 32768, 7

_WORDS = [
    WORD_START + word
    for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
]
_NEWLINE, _NEWLINE_BYTE, _PONG, _END, _CALL = "\n", "<0x0A>", "pong", "<|im_end|>", "<tool_call>"
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

Links = list[tuple[str, str, float]]  # after the first token the second, this strongly

# The grammar of a tool call wants a newline after its opening tag and lets the call end after the closing one.
_CALL_LINKS: Links = [(_CALL, _NEWLINE_BYTE, 80.0), (_NEWLINE_BYTE, _END, 40.0)]
_WORD_LINKS: Links = [(word, _WORDS[(i + 1) % len(_WORDS)], 40.0) for i, word in enumerate(_WORDS)]

# ChatML with Hermes-style tool calls: llama-server derives a tool-call grammar only from a template that can render
# a call, and only if the opening tag is one token without its newline.
_TEMPLATE = """\
{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n<tools>' }}\
{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}\
{{- '\\n</tools>\\nReply with <tool_call>\\n{"name": <name>, "arguments": <args>}\\n</tool_call><|im_end|>\\n' }}\
{%- endif %}\
{%- for message in messages %}\
{{- '<|im_start|>' + message['role'] + '\\n' }}\
{%- if message['content'] %}{{- message['content'] }}{%- endif %}\
{%- if message['tool_calls'] %}{%- for call in message['tool_calls'] %}\
{{- '\\n<tool_call>\\n{"name": "' + call['function']['name'] + '", "arguments": ' }}\
{{- call['function']['arguments'] | tojson }}{{- '}\\n</tool_call>' }}\
{%- endfor %}{%- endif %}\
{{- '<|im_end|>\\n' }}{%- endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""


def endless() -> Model:
    """Speaks until it is cut off."""
    return _llama([(_NEWLINE, _PONG, 40.0), (_PONG, _WORDS[0], 40.0)], stops=False)


def stopping() -> Model:
    """Says one word; the stronger link to the call counts where a grammar forbids to end."""
    return _llama([(_NEWLINE, _PONG, 40.0), (_PONG, _END, 40.0), (_PONG, _CALL, 60.0)], stops=True)


def calling() -> Model:
    """Opens a tool call at once."""
    return _llama([(_NEWLINE, _CALL, 60.0)], stops=True)


def _llama(start: Links, *, stops: bool) -> Model:
    rng = generator(_SEED)
    tokens = list(_tokens())
    numbers = {token.text: number for number, token in enumerate(tokens)}
    links = _WORD_LINKS + _CALL_LINKS + start
    embedding = _embedding(rng, numbers, links)
    output = _output(numbers, embedding, links, _biases(stops=stops))
    tensors = {"token_embd.weight": _matrix(embedding), **dict(_layers(rng))}
    tensors |= {"output_norm.weight": ones(_WIDTH), "output.weight": _matrix(output)}
    return Model("llama", {**_shape(len(tokens)), **_tokenizer(tokens, numbers)}, tensors)


def _tokens() -> Iterator[Token]:
    yield Token("<unk>", UNKNOWN)
    yield from (Token(text, CONTROL) for text in ("<s>", "</s>"))
    yield from (Token(text, BYTE) for text in _BYTES)
    yield from (Token(text, CONTROL) for text in ("<|im_start|>", _END))
    for code in range(32, 127):
        yield Token(WORD_START if code == 32 else chr(code), score=-float(code))
    yield Token(_NEWLINE, score=-10.0)
    yield Token(_CALL, USER_DEFINED, -1000.0)
    yield from (Token(text, score=-1000.0) for text in (_PONG, *_WORDS))


def _embedding(rng: Random, numbers: dict[str, int], links: Links) -> list[list[float]]:
    sources = {text: channel for channel, text in enumerate(dict.fromkeys(source for source, _, _ in links), start=1)}
    rows = []
    for text in numbers:
        row = [0.0] * (len(sources) + 1) + [rng.gauss(0.0, 1.0) for _ in range(_WIDTH - len(sources) - 1)]
        if text in sources:
            row = [float(channel == sources[text]) for channel in range(_WIDTH)]
        rows.append([1.0, *_scaled(row[1:])])
    return rows


def _scaled(row: list[float]) -> list[float]:
    """The same length for every token, so that the normalisation inside the model changes nothing."""
    factor = sqrt(len(row)) / sqrt(sum(number * number for number in row))
    return [number * factor for number in row]


def _output(
    numbers: dict[str, int], embedding: list[list[float]], links: Links, biases: dict[str, float]
) -> list[list[float]]:
    rows = [[0.0] * _WIDTH for _ in numbers]
    for source, target, strength in links:
        row = rows[numbers[target]]
        for channel, number in enumerate(embedding[numbers[source]]):
            row[channel] += number * strength / (_WIDTH - 1)
    for text, number in numbers.items():
        rows[number][0] = biases.get(text, -20.0)
    return rows


def _biases(*, stops: bool) -> dict[str, float]:
    return {
        **dict.fromkeys(_WORDS, 0.0),  # what follows a token that has no successor
        **({_END: 10.0} if stops else {}),
        '"': 15.0,  # inside a string of a grammar: close it early
        ",": -30.0,  # where a grammar allows another tool call: do not
        **dict.fromkeys([_NEWLINE, WORD_START, *_BYTES], -35.0),  # no idle white space in a grammar
        **dict.fromkeys(["<unk>", "<s>"], -60.0),
    }


def _layers(rng: Random) -> Iterator[tuple[str, Tensor]]:
    for layer in range(_LAYERS):
        for part in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{part}.weight", ones(_WIDTH)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{layer}.{part}.weight", _weak(rng, _WIDTH, _WIDTH)
        for part, rows, columns in (("gate", _INNER, _WIDTH), ("up", _INNER, _WIDTH), ("down", _WIDTH, _INNER)):
            yield f"blk.{layer}.ffn_{part}.weight", _weak(rng, rows, columns)


def _weak(rng: Random, rows: int, columns: int) -> Tensor:
    """Noise whose first row is zero, so that channel 0 stays the same for every token."""
    tail = noise(rng, rows - 1, columns, spread=0.02)
    return Tensor((rows, columns), [*[0.0] * columns, *tail.numbers])


def _matrix(rows: list[list[float]]) -> Tensor:
    return Tensor((len(rows), _WIDTH), [number for row in rows for number in row])


def _shape(vocabulary_size: int) -> dict[str, Value]:
    return {
        "llama.context_length": _CONTEXT,
        "llama.embedding_length": _WIDTH,
        "llama.block_count": _LAYERS,
        "llama.feed_forward_length": _INNER,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _HEADS,
        "llama.rope.dimension_count": _WIDTH // _HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": vocabulary_size,
    }


def _tokenizer(tokens: list[Token], numbers: dict[str, int]) -> dict[str, Value]:
    return {
        **vocabulary("llama", tokens),
        "tokenizer.ggml.bos_token_id": numbers["<s>"],
        "tokenizer.ggml.eos_token_id": numbers[_END],
        "tokenizer.ggml.unknown_token_id": numbers["<unk>"],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": _TEMPLATE,
    }

"""llama-server: its pages beside the metrics, and its names.

`/health` and `/props` are answered by threads of their own, `/metrics` and `/slots` by the main loop that also works.
`/slots` counts as work: it wakes a server that sleeps and keeps one from falling asleep, so it is asked only where
`/metrics` does not tell. Of `/props` a few fields are taken; it also carries paths and the chat template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import msgspec

from probes.backends.rows import Row

SERVER: Final = "llama.cpp"  # as it names itself in each answer
ROWS: Final = (
    Row("waiting", ("llamacpp:requests_deferred",)),
    Row("running", ("llamacpp:requests_processing",)),
    Row("kv_used_ratio", ("llamacpp:kv_cache_usage_ratio",)),  # of older ones
    Row("tokens", ("llamacpp:prompt_tokens",), key="prompt"),
    Row("tokens", ("llamacpp:prompt_tokens_cached",), key="cached"),
    Row("tokens", ("llamacpp:tokens_predicted",), key="completion"),
    Row("busy_seconds", ("llamacpp:prompt_seconds",), key="prompt"),
    Row("busy_seconds", ("llamacpp:tokens_predicted_seconds",), key="completion"),
    Row("pulse", ("llamacpp:n_decode",), key="decodes"),  # the tokens move only when a request ends
)


class _Settings(msgspec.Struct, frozen=True):
    n_ctx: int | None = None


class Props(msgspec.Struct, frozen=True):
    """The few fields of `/props` that are taken."""

    build_info: str = ""
    model_path: str = ""
    model_alias: str = ""
    total_slots: int | None = None
    is_sleeping: bool = False
    default_generation_settings: _Settings = _Settings()

    @property
    def model(self) -> str:
        """The model's file without its folders."""
        return PurePath(self.model_path or self.model_alias).name

    @property
    def context_tokens(self) -> int | None:
        """Tokens that one slot holds."""
        return self.default_generation_settings.n_ctx


class _Next(msgspec.Struct, frozen=True):
    n_decoded: int = 0


class _Slot(msgspec.Struct, frozen=True):
    id: int = 0
    is_processing: bool = False
    id_task: int = -1  # a slot that was never used has none
    next_token: list[_Next] | _Next = msgspec.field(default_factory=list)  # older ones give no list


@dataclass(frozen=True, slots=True)
class Slots:
    """How many slots work, and what moves while they do."""

    busy: int
    total: int
    pulse: Mapping[str, float]


_PROPS: Final = msgspec.json.Decoder(Props)
_SLOTS: Final = msgspec.json.Decoder(list[_Slot])
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)


def read_props(body: bytes) -> Props | None:
    """Return what `/props` says, or nothing where it is no such page."""
    try:
        props = _PROPS.decode(body)
    except _UNREADABLE:
        return None
    return props if props.build_info or props.total_slots is not None else None


def read_slots(body: bytes) -> Slots | None:
    """Return what `/slots` says, or nothing where it is no such page."""
    try:
        slots = _SLOTS.decode(body)
    except _UNREADABLE:
        return None
    pulse = {f"slot {slot.id} {name}": value for slot in slots for name, value in _moving(slot).items()}
    return Slots(sum(slot.is_processing for slot in slots), len(slots), pulse)


def _moving(slot: _Slot) -> dict[str, float]:
    nexts = slot.next_token if isinstance(slot.next_token, list) else [slot.next_token]
    return {"task": float(slot.id_task), "decoded": float(sum(one.n_decoded for one in nexts))}


def is_loading(body: bytes) -> bool:
    """Whether a 503 is the one of a server that still loads its model."""
    return b"loading model" in body[:1024].lower()

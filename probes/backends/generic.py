"""Any server that speaks the OpenAI protocol: its list of models, and llama-swap's list of those that run."""

from typing import Final, Literal

import msgspec

SwapState = Literal["ready", "loading", "asleep", "untold"]
SWAP: Final = "llama-swap"
_OWNERS: Final = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp", "me": "llama-cpp-python"}
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)


class Model(msgspec.Struct, frozen=True):
    """One model of the list."""

    id: str
    owned_by: str = ""
    max_model_len: int | None = None


class _Models(msgspec.Struct, frozen=True):
    data: list[Model]


class _Running(msgspec.Struct, frozen=True):
    model: str = ""
    state: str = ""


class _AllRunning(msgspec.Struct, frozen=True):
    running: list[_Running]


_MODELS: Final = msgspec.json.Decoder(_Models)
_ALL_RUNNING: Final = msgspec.json.Decoder(_AllRunning)


def read_models(body: bytes) -> tuple[Model, ...] | None:
    """Return the models that `/v1/models` lists, or nothing where it is no such page."""
    try:
        return tuple(_MODELS.decode(body).data)
    except _UNREADABLE:
        return None


def own_model(models: tuple[Model, ...], wanted: str) -> Model | None:
    """Return the model that a lane is about: the one that the configuration names, else the first."""
    return next((model for model in models if model.id == wanted), None) or next(iter(models), None)


def kind_of(models: tuple[Model, ...]) -> str:
    """Return the server by whom it calls the owner of its models; llama-cpp-python says `me`."""
    return next((_OWNERS[model.owned_by] for model in models if model.owned_by in _OWNERS), "openai")


def is_swap(models: tuple[Model, ...]) -> bool:
    """Whether a llama-swap answers, which loads a model when it is asked for."""
    return any(model.owned_by == SWAP for model in models)


def swap_state(body: bytes, wanted: str) -> SwapState:
    """Return how llama-swap's `/running` finds the model `wanted`, or any where none is named."""
    try:
        running = _ALL_RUNNING.decode(body).running
    except _UNREADABLE:
        return "untold"
    states = {one.state for one in running if not wanted or one.model == wanted}
    return "ready" if "ready" in states else "loading" if "starting" in states else "asleep"

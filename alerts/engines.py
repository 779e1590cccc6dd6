"""Names of the inference engines' own metrics, in each spelling that their pages were recorded with.

vLLM renamed some between 0.8.5 and 0.33. Python's client writes `vllm:` as `vllm_` for who asks for OpenMetrics
without the names of UTF-8, and SGLang's likewise; llama-server is C++ and does not.
"""

from collections.abc import Iterable
from typing import Final

VLLM: Final = "vllm"
SGLANG: Final = "sglang"
LLAMACPP: Final = "llamacpp"

# SGLang's schedulers: each repeats the numbers of its replica; replicas add up, the ranks of one do not.
RANKS: Final = ("tp_rank", "pp_rank", "moe_ep_rank")


def spellings(engine: str, *names: str, where: str = "", window: str = "") -> tuple[str, ...]:
    """Return the selectors of a fact that an engine tells under one of `names`."""
    colons = (":",) if engine == LLAMACPP else (":", "_")
    tail = (f"{{{where}}}" if where else "") + (f"[{window}]" if window else "")
    return tuple(f"{engine}{colon}{name}{tail}" for name in names for colon in colons)


def rates(engine: str, *names: str, where: str = "", window: str = "5m") -> tuple[str, ...]:
    """Return the same as rates a second over `window`."""
    return tuple(f"rate({one})" for one in spellings(engine, *names, where=where, window=window))


def increases(engine: str, *names: str, where: str = "", window: str = "5m") -> tuple[str, ...]:
    """Return the same as increases over `window`."""
    return tuple(f"increase({one})" for one in spellings(engine, *names, where=where, window=window))


def any_of(expressions: Iterable[str]) -> str:
    """Return whichever of the expressions there is; their series differ, or are the same fact."""
    return "\nor\n".join(expressions)

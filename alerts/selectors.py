"""Which series a rule selects, out of its text, whose shapes are ours: what a live server is asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from alerts.groups import GROUPS
from exporter.catalogue import METRICS

# What other programs' names begin with, and who they are. A label may look like one; those in braces are not searched.
SOURCES: Final = {
    "DCGM_": "dcgm-exporter",
    "litellm_": "LiteLLM",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp:": "llama-server",
}
RECORDED: Final = frozenset(record.name for group in GROUPS for record in group.records)
_OURS: Final = frozenset(str(metric) for metric in METRICS) | RECORDED | {"up"}
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_BRACES: Final = rf"\{{(?:[^}}\"]|{_STRING})*\}}"
_TOKEN: Final = re.compile(rf"{_STRING}|([a-zA-Z_:][a-zA-Z0-9_:]*)({_BRACES})?")


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """A name and what stands in its braces; `str()` is PromQL."""

    name: str
    matchers: str = ""

    def __str__(self) -> str:
        return self.name + self.matchers

    @property
    def source(self) -> str:
        """The other program whose metric it is, or nothing."""
        return next((who for start, who in SOURCES.items() if self.name.startswith(start)), "")


def selectors(expression: str) -> tuple[Selector, ...]:
    """Return every selector of an expression, each once, sorted."""
    return tuple(sorted(set(_found(expression))))


def _found(expression: str) -> Iterator[Selector]:
    for token in _TOKEN.finditer(expression):
        name, matchers = token.group(1), token.group(2)
        if name and (name in _OURS or Selector(name).source):
            yield Selector(name, matchers or "")

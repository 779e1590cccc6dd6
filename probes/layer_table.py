"""The layers under an alias as lines of text, the lowest last, for a person who looks from the top. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from probes.layers import Finding, Layer
from probes.paint import STATE_COLOURS, Paint

_WORDS: Final[Mapping[str, str]] = {"not_looked_at": "not looked at"}


def layer_lines(layers: Mapping[Layer, Finding], paint: Paint) -> Iterator[str]:
    """Yield a line a layer, and below it what proves more than one sentence."""
    for name, finding in reversed(tuple(layers.items())):
        state = _WORDS.get(finding.state, finding.state)
        first, *more = finding.evidence or ("",)
        yield f"  {name:<21}{paint(f'{state:<15}', STATE_COLOURS[finding.state])}{first}".rstrip()
        yield from (f"  {'':<36}{sentence}" for sentence in more)

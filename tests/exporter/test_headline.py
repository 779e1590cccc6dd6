"""The one sentence at the top: the worst first, blindness is not health, and well only where something is watched."""

from collections.abc import Mapping
from typing import Any

import pytest

from exporter.headline import sum_up
from exporter.status import AliasStatus, CardStatus, Light, PoolStatus, SourceStatus


def alias(name: str, light: Light = "good", words: str = "answers") -> AliasStatus:
    return AliasStatus(alias=name, outcome="ok", cause="none", words=words, light=light)


def pool(state: str, light: Light = "bad") -> PoolStatus:
    return PoolStatus(pool="p", unit="", state=state, light=light)


def card(state: str, light: Light = "good") -> CardStatus:
    return CardStatus(uuid="GPU-1", node="n", model="RTX", state=state, light=light)


def source(*, is_up: bool) -> SourceStatus:
    return SourceStatus(source="nvml", is_up=is_up, age_seconds=1.0, message="")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({}, ("quiet", "Nothing is watched yet"), id="nothing"),
        pytest.param({"cards": [card("owned")]}, ("good", "All is well: 1 card is read"), id="a card alone"),
        pytest.param(
            {"aliases": [alias("fast"), alias("chat")], "cards": [card("owned")], "sources": [source(is_up=True)]},
            ("good", "All is well: 2 aliases answer, 1 card is read"),
            id="all is well",
        ),
        pytest.param(
            {"aliases": [alias("fast")], "sources": [source(is_up=False)]},
            ("quiet", "Nothing is known to be broken, but this cannot be seen: nvml"),
            id="blindness is not health",
        ),
        pytest.param(
            {"aliases": [alias("fast", "quiet")]},
            ("quiet", "Nothing is known to be broken; look at: fast"),
            id="something to look at",
        ),
        pytest.param(
            {
                "aliases": [alias("a", "bad", "it fails"), alias("b", "bad", "it fails"), alias("c")],
                "pools": [pool("none")],
                "cards": [card("lost", "bad")],
                "sources": [source(is_up=False)],
            },
            ("bad", "a, b: it fails; pool p has no GPU LLM; the card is lost"),
            id="the aliases first, one cause once",
        ),
        pytest.param(
            {"pools": [pool("many"), pool("none")]},
            ("bad", "2 pools do not have exactly one GPU LLM"),
            id="many pools",
        ),
        pytest.param(
            {"cards": [card("lost", "bad"), card("owned")]}, ("bad", "1 of 2 cards need a look"), id="one of two cards"
        ),
    ],
)
def test_headline(parts: Mapping[str, Any], expected: tuple[Light, str]) -> None:
    """Each row is a state of things and what is said of it."""
    nothing: dict[str, Any] = {"aliases": (), "pools": (), "cards": (), "sources": ()}
    assert expected == sum_up(**{**nothing, **parts})

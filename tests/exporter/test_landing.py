"""The page for people: what it says, that it says it to everybody, and that nothing from outside becomes markup."""

import dataclasses
import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import SPAN_SECONDS, Point
from exporter.landing import asset, render
from exporter.status import (
    AliasStatus,
    CardStatus,
    LayerStatus,
    OwnerStatus,
    PoolStatus,
    Reason,
    SourceStatus,
    Status,
)
from fakes.hostile import EVIL, named

NOW = 1_000_000.0
ALIAS = AliasStatus(
    alias="fast",
    outcome="lane_refused",
    cause="backend_process",
    words="the server of its lane fails",
    light="bad",
    layers=(
        LayerStatus(layer="node", state="ok", light="good"),
        LayerStatus(layer="backend_process", state="bad", light="bad"),
        LayerStatus(layer="output", state="not_looked_at", light="off"),
    ),
    asked_at=NOW - 12,
)
CARD = CardStatus(
    uuid="GPU-1",
    node="n",
    model="RTX",
    state="owned",
    light="good",
    memory_used_bytes=21 << 30,
    memory_total_bytes=24 << 30,
    watts=8.0,
    watts_limit=70.0,
    owners=(OwnerStatus(lane="a", namespace="vllm", pod="a-1"),),
)
STATUS = Status(
    version="0",
    role="all",
    node="n",
    at=NOW,
    light="bad",
    headline="fast: the server of its lane fails",
    aliases=(ALIAS,),
    pools=(PoolStatus(pool="p", unit="", state="none", light="bad", reasons=(Reason(reason="none", who=("a",)),)),),
    cards=(CARD,),
    sources=(SourceStatus(source="nvml", is_up=False, age_seconds=7300.0, message="no driver"),),
)


class _Reader(HTMLParser):
    """Notes what a browser would build of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(status: Status) -> _Reader:
    reader = _Reader()
    reader.feed(render(status, NOW))
    reader.close()
    return reader


def test_the_cause_is_said_in_words_and_in_lights() -> None:
    """A light has a name, and a state for who cannot see it; the cause is marked."""
    text = read(STATUS).text
    assert "fast: the server of its lane fails" in text
    assert "node: ok" in text
    assert "server: failed, the cause" in text
    assert "output: not looked at" in text
    assert "asked 12 s ago" in text


def test_what_is_absent_is_not_zero() -> None:
    """A card without temperature and power shows neither; without memory it says absent."""
    bare = dataclasses.replace(CARD, memory_used_bytes=None, watts=None)
    assert read(dataclasses.replace(STATUS, cards=(bare,))).text.count("absent") == 2


def test_ages_are_told() -> None:
    """Two hours are hours."""
    assert "2 h" in read(STATUS).text


def test_a_sparkline_has_words_and_gaps() -> None:
    """Its label says what the line shows; where nothing was known the line is cut."""
    points = tuple(Point(NOW - 600 + at, value) for at, value in [(0, 1.0), (15, 2.0), (300, 4.0), (315, 3.0)])
    html = render(dataclasses.replace(STATUS, aliases=(dataclasses.replace(ALIAS, history=points),)), NOW)
    assert "aria-label='seconds to the first token over the last 5 min: 1 to 4, now 3 s'" in html
    assert html.count("<polyline") == 2


@given(st.lists(st.tuples(st.floats(0, SPAN_SECONDS), st.floats(0, 1e12)), min_size=2, unique_by=lambda one: one[0]))
def test_a_sparkline_stays_in_its_box(pairs: list[tuple[float, float]]) -> None:
    """Whatever the values, no point lies outside."""
    points = tuple(Point(NOW + at, value) for at, value in sorted(pairs))
    html = render(dataclasses.replace(STATUS, aliases=(dataclasses.replace(ALIAS, history=points),)), NOW)
    for across, down in re.findall(r"(-?[\d.]+),(-?[\d.]+)", " ".join(re.findall(r"points='(.*?)'", html))):
        assert 0 <= float(across) <= 160
        assert 0 <= float(down) <= 28


def test_of_a_fleet_it_is_said_what_is_not_shown() -> None:
    """Nobody takes a hundred rows for all there is."""
    assert (
        "Not shown: 900 more cards; the metrics have them."
        in read(dataclasses.replace(STATUS, left_out={"aliases": 0, "cards": 900})).text
    )


def test_simulated_is_said_only_where_it_is() -> None:
    """The demo must not be taken for the real thing, nor the reverse."""
    assert "simulated" in read(dataclasses.replace(STATUS, is_simulated=True)).text
    assert "simulated" not in read(STATUS).text


@pytest.mark.parametrize("evil", EVIL)
def test_a_hostile_name_stays_a_name(evil: str) -> None:
    """An alias, a pod, a card or a message from outside makes no element and no attribute of its own."""
    harmless, hostile = read(named("x")), read(named(evil))
    assert hostile.tags == harmless.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in harmless.attributes]
    assert all(not (value or "").startswith("javascript:") for name, value in hostile.attributes if name == "href")


@given(st.text(min_size=1))
def test_any_name_stays_a_name(evil: str) -> None:
    """The law behind the table above."""
    harmless, hostile = read(named("x")), read(named(evil))
    assert hostile.tags == harmless.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in harmless.attributes]


def test_the_page_asks_nobody_else() -> None:
    """No address of another host in page, style or script."""
    whole = render(STATUS, NOW) + asset("status.js") + asset("landing.css")
    assert re.findall(r"(?:https?:)?//[a-z]\S*", re.sub(r"^//.*$", "", whole, flags=re.MULTILINE)) == []


def test_the_page_is_json_too() -> None:
    """The same records; keys are fixed within one schema."""
    body = msgspec.json.decode(msgspec.json.encode(STATUS))
    assert sorted(body) == [
        "aliases", "at", "cards", "headline", "is_simulated", "left_out", "light", "node", "pools", "role", "schema",
        "sources", "version",
    ]  # fmt: skip
    assert body["aliases"][0]["layers"][1] == {"layer": "backend_process", "state": "bad", "light": "bad"}

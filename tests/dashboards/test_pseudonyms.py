"""Whatever text stands in a label, a picture and its data show only what is allowed."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.snapshot.page import draw
from dashboards.snapshot.picture import as_data, sanitise
from dashboards.snapshot.pseudonyms import give_names
from dashboards.snapshot.vocabulary import WORDS, is_open
from fakes.hostile_board import LABELS, asked_of, small_board

_BOARD = small_board()
_WORD = st.sampled_from(sorted({word for words in WORDS.values() for word in words if word.isalpha()}))
_NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
_PLANTED = st.one_of(
    st.ip_addresses().map(str).filter(lambda text: len(text) > 6),
    st.uuids().map(lambda uuid: f"GPU-{uuid}"),
    st.builds("http://{}.{}.svc:8080/v1?key=a".format, _NAME, _NAME),
    st.builds("{}.{}.corp.example".format, _NAME, _WORD),
    st.builds("{}-6d5f9c7b8-{}".format, _WORD, st.text("abcdefghij", min_size=5, max_size=5)),
    st.builds("{} $\\mathrm{{{}}}$".format, _WORD, st.text("zxqv", min_size=8, max_size=8)),
)


@settings(max_examples=15)
@given(st.lists(st.lists(_PLANTED, min_size=len(LABELS), max_size=len(LABELS)), min_size=1, max_size=3))
def test_nothing_that_was_planted_is_seen(planted: list[list[str]]) -> None:
    """In no text that is drawn, as those who draw it tell, and nowhere in the data."""
    rows = [dict(zip(LABELS, values, strict=True)) for values in planted]
    picture = sanitise(asked_of(_BOARD, rows, planted[0]), frozenset())
    shown = "\n".join([*draw(picture).texts(), json.dumps(as_data(picture), ensure_ascii=False)])
    assert [value for values in planted for value in values if value in shown] == []


def test_the_texts_are_all_that_is_drawn() -> None:
    """What the property looks at holds titles, names and numbers: it is not empty by mistake."""
    picture = sanitise(asked_of(_BOARD, [dict.fromkeys(LABELS, "x1")]), frozenset())
    texts = draw(picture).texts()
    assert {_BOARD.title, "sanitised", "Is anything seen?"} <= set(texts)
    assert any("node 1" in text for text in texts)
    assert any("card 1" in text for text in texts)


@pytest.mark.parametrize(
    ("label", "value", "expected"),
    [
        pytest.param("state", "steady", "steady", id="a word of ours"),
        pytest.param("state", "db-1.corp.example", "state 1", id="another word in its place"),
        pytest.param("node", "steady", "node 1", id="a word of ours as a name"),
        pytest.param("alias", "fast", "alias 1", id="an alias is a name"),
        pytest.param("xid", "79", "79", id="a number"),
        pytest.param("xid", "79 at db-1", "xid 1", id="more than a number"),
        pytest.param("index", "10.0.0.1", "index 1", id="an address in the place of a number"),
        pytest.param("model", "NVIDIA RTX PRO 4000 Blackwell SFF Edition", None, id="a product"),
        pytest.param("model", "NVIDIA db-1", "model 1", id="no product"),
        pytest.param("model", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", None, id="a part of a product"),
        pytest.param("value", "24467 MiB", None, id="a size"),
        pytest.param("gpu_uuid", "GPU-1", "card 1", id="a card"),
        pytest.param("owner_pod", "", "", id="nothing is nothing"),
        pytest.param("job", "x", "job 1", id="a label that nobody knows"),
    ],
)
def test_what_is_shown_of_a_value(label: str, value: str, expected: str | None) -> None:
    names = give_names([(label, value)], frozenset())
    assert names.name(label, value) == (value if expected is None else expected)


_TWO_NODES: Sequence[tuple[str, str]] = [("node", "gpu-10"), ("node", "gpu-9"), ("owner_pod", "b"), ("violator", "b")]


def test_a_value_has_one_pseudonym_and_numbers_follow_their_order() -> None:
    """Whatever label of its kind it stands in, and in whatever order it was told."""
    forth, back = (give_names(told, frozenset()) for told in (_TWO_NODES, _TWO_NODES[::-1]))
    assert [forth.name(*one) for one in _TWO_NODES] == ["node 2", "node 1", "pod 1", "pod 1"]
    assert forth == back


def test_what_is_allowed_is_shown_and_nothing_like_it() -> None:
    names = give_names([("alias", "fast"), ("alias", "fast-2")], frozenset({"fast"}))
    assert (names.name("alias", "fast"), names.name("alias", "fast-2")) == ("fast", "alias 1")


def test_the_unit_of_a_pool_is_a_card_or_a_node() -> None:
    """By the same pseudonym as elsewhere."""
    told = [("unit", "GPU-1"), ("gpu_uuid", "GPU-1"), ("unit", "worker"), ("node", "worker")]
    names = give_names(told, frozenset())
    assert [names.name(*one) for one in told] == ["card 1", "card 1", "node 1", "node 1"]


@given(st.dictionaries(st.sampled_from(LABELS), _PLANTED))
def test_no_form_lets_a_name_through(labels: Mapping[str, str]) -> None:
    assert [one for one in labels.items() if is_open(*one)] == []

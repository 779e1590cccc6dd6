"""The words that may be shown are those that this software chose: what it chooses anew is not a pseudonym for long."""

from typing import get_args

import pytest

from dashboards.snapshot.vocabulary import WORDS, is_open
from exporter.backend import BACKEND_STATES, SCRAPE_STATES
from exporter.errors import SOURCE_ERROR_KINDS
from exporter.facts import agreement, invariant, lane_events, ownership
from exporter.snapshot import UNAVAILABLE_REASONS, CardEvent
from exporter.xid_words import XidAction, XidClass
from fakes.expositions import GOLDEN, samples
from probes.accounts import CLOCKS, TOKEN_KINDS
from probes.first_token_cause import FIRST_TOKEN_CAUSES
from probes.layers import CAUSES, LAYER_STATES, LAYERS
from probes.outcome import OUTCOMES, SLOS


@pytest.mark.parametrize(
    ("label", "words"),
    [
        pytest.param("action", get_args(XidAction), id="what an Xid asks for"),
        pytest.param("cause", (*CAUSES, *FIRST_TOKEN_CAUSES), id="what explains an alias"),
        pytest.param("class", get_args(XidClass), id="whose an Xid is"),
        pytest.param("clock", CLOCKS, id="what is timed"),
        pytest.param("event", (*lane_events.EVENTS, *get_args(CardEvent)), id="what happened"),
        pytest.param("kind", (*SOURCE_ERROR_KINDS, *TOKEN_KINDS), id="how a reading fails, and what tokens are"),
        pytest.param("layer", LAYERS, id="the layers"),
        pytest.param("outcome", OUTCOMES, id="how a probe ends"),
        pytest.param("reason", UNAVAILABLE_REASONS, id="why a card does not answer"),
        pytest.param("slo", SLOS, id="what is promised"),
        pytest.param(
            "state",
            (*ownership.STATES, *invariant.STATES, *agreement.STATES, *BACKEND_STATES, *SCRAPE_STATES, *LAYER_STATES),
            id="how things are",
        ),
    ],
)
def test_words_of_ours_are_shown(label: str, words: tuple[str, ...]) -> None:
    assert set(words) - WORDS[label] == set()


def test_a_recorded_page_needs_no_pseudonym_for_a_closed_label() -> None:
    """All values of all golden pages, of every label that has a list here."""
    told = {
        (label, value)
        for path in GOLDEN
        for _, labels in samples(path.read_text(encoding="utf-8"))
        for label, value in labels.items()
        if label in WORDS and label not in {"engine", "version"}
    }
    assert len(told) > 100
    assert sorted(one for one in told if not is_open(*one)) == []

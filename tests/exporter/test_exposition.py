"""The page: what it says of the reference node, and that no part of it can cost the rest."""

import gzip
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue import GPU_UP, METRICS, POOL_STATE, SERIES_DROPPED, SOURCE_UP
from exporter.exposition import OPENMETRICS, SERIES_BUDGET, TEXT, TEXT_1, Exposition, Page, negotiate
from exporter.metric import Family, Sample
from exporter.snapshot import Snapshot
from fakes.reference_node import AT, SNAPSHOT, exposition, page

_GOLDEN = Path(__file__).parent / "golden" / "reference-node.prom"
_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
    "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def _samples(text: bytes) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in parse_text(text.decode("utf-8"))
        for sample in family.samples
    }


def test_the_reference_node_has_its_golden_page() -> None:
    """LANEWATCH_WRITE_GOLDEN=1 writes it anew; the difference is then read in review."""
    made = page().text.plain.decode("utf-8")
    if os.environ.get("LANEWATCH_WRITE_GOLDEN"):
        _GOLDEN.write_text(made, encoding="utf-8")
    assert made == _GOLDEN.read_text(encoding="utf-8")


def test_both_formats_say_the_same() -> None:
    one = page()
    families = parse_openmetrics(one.openmetrics.plain.decode("utf-8"))  # type: ignore[no-untyped-call]  # untyped there
    openmetrics = {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
    }
    assert openmetrics == _samples(one.text.plain)


def test_no_family_stands_twice_and_each_is_in_the_catalogue() -> None:
    names = [line.split()[2] for line in page().text.plain.decode().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert set(names) <= {metric.name for metric in METRICS}


def test_what_could_not_be_read_is_absent() -> None:
    """No driver: no series of any card, not one that says 0."""
    text = page(Snapshot(node="n")).text.plain.decode("utf-8")
    assert "lanewatch_gpu" not in text


def test_a_family_without_a_sample_is_not_on_the_page() -> None:
    assert b"#" not in _page(one=_constant(GPU_UP.of([]))).text.plain


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", TEXT, id="nothing said"),
        pytest.param("*/*", TEXT, id="anything"),
        pytest.param("text/html", TEXT, id="a browser"),
        pytest.param("text/plain;version=0.0.4", TEXT, id="the old text"),
        pytest.param("text/plain;version=1.0.0", TEXT_1, id="the new text"),
        pytest.param(_PROMETHEUS_3, OPENMETRICS, id="Prometheus 3"),
        pytest.param("application/openmetrics-text;version=9.9", OPENMETRICS, id="a version that is not known here"),
        pytest.param("\x00,;;=,text/plain;version=x.y", TEXT, id="nonsense"),
    ],
)
def test_the_format_is_negotiated(accept: str, content_type: str) -> None:
    assert negotiate(accept) == content_type


def test_gzip_only_where_it_is_accepted() -> None:
    one = page()
    plain, plain_headers = one.answer("", "")
    zipped, zipped_headers = one.answer("", "deflate, gzip;q=0.5")
    assert "Content-Encoding" not in plain_headers
    assert zipped_headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped) == plain


def _raises(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
    yield GPU_UP.of([GPU_UP.sample(1, node="n", gpu_uuid="half")])
    raise RuntimeError


def _constant(*families: Family) -> "object":
    return lambda _snapshot, _now: families


def _page(**collectors: object) -> Page:
    return Exposition(collectors).prepare(SNAPSHOT, AT)  # type: ignore[arg-type]  # some are wrong on purpose


def _gpu_up(uuid: str, value: float = 1) -> Sample:
    return GPU_UP.sample(value, node="n", gpu_uuid=uuid)


def test_a_collector_that_raises_costs_only_itself() -> None:
    good = SOURCE_UP.of([SOURCE_UP.sample(1, source="nvml")])
    samples = _samples(_page(bad=_raises, good=_constant(good)).text.plain)
    assert samples[f"{SOURCE_UP}[('source', 'nvml')]"] == 1
    assert not any(name.startswith(str(GPU_UP)) for name in samples)
    assert samples[f"{SERIES_DROPPED}[('family', 'bad')]"] == 1


def test_a_family_that_cannot_be_rendered_costs_only_itself() -> None:
    """A sample with too few labels: no constructor makes one, and if one came it must not cost the page."""
    broken = Family(GPU_UP, (Sample(("only-one",), 1.0),))
    good = SOURCE_UP.of([SOURCE_UP.sample(1, source="nvml")])
    samples = _samples(_page(bad=_constant(broken), good=_constant(good)).text.plain)
    assert samples[f"{SOURCE_UP}[('source', 'nvml')]"] == 1
    assert samples[f"{SERIES_DROPPED}[('family', '{GPU_UP}')]"] == 1


def test_two_collectors_of_one_metric_make_one_family_without_duplicates() -> None:
    first, second = GPU_UP.of([_gpu_up("a"), _gpu_up("b")]), GPU_UP.of([_gpu_up("b", 0), _gpu_up("c")])
    text = _page(first=_constant(first), second=_constant(second)).text.plain.decode()
    assert text.count(f"# TYPE {GPU_UP}") == 1
    assert [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith(f"{GPU_UP}{{")] == ["1.0"] * 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_absent(value: float) -> None:
    assert str(GPU_UP) + "{" not in _page(one=_constant(GPU_UP.of([_gpu_up("a", value)]))).text.plain.decode()


def test_an_explosion_of_series_is_cut_and_counted() -> None:
    family = GPU_UP.of(_gpu_up(f"GPU-{number:05d}") for number in range(SERIES_BUDGET + 7))
    samples = _samples(_page(one=_constant(family)).text.plain)
    assert sum(name.startswith(str(GPU_UP)) for name in samples) == SERIES_BUDGET
    assert samples[f"{SERIES_DROPPED}[('family', '{GPU_UP}')]"] == 7


@given(st.lists(st.text(alphabet=st.characters(), max_size=300), max_size=5))
def test_any_label_value_leaves_a_page_that_parses(values: list[str]) -> None:
    """Surrogates, new lines, quotes, control characters: the page is read back whole."""
    family = GPU_UP.of(_gpu_up(value) for value in values)
    made = _page(one=_constant(family))
    assert sum(name.startswith(str(GPU_UP)) for name in _samples(made.text.plain)) == len(family.samples)


@pytest.mark.parametrize(
    "odd", ["\ud800", "a\nb", 'quote"', "x" * (1 << 20)], ids=["surrogate", "newline", "quote", "1 MB"]
)
def test_an_odd_label_is_made_safe(odd: str) -> None:
    text = _page(one=_constant(GPU_UP.of([_gpu_up(odd)]))).text.plain
    assert len(_samples(text)) >= 1
    assert len(text) < 2000


def test_an_unchanged_family_is_not_rendered_again() -> None:
    """What did not change costs a comparison: the bytes are the very same object."""
    maker = exposition()
    before = maker._rendered = {}  # noqa: SLF001  # the cache is the subject
    maker.prepare(SNAPSHOT, AT)
    first = dict(maker._rendered)  # noqa: SLF001
    maker.prepare(SNAPSHOT, AT)
    assert before == {}
    assert maker._rendered[POOL_STATE.name] is first[POOL_STATE.name]  # noqa: SLF001


def _order(families: Iterable[Family]) -> list[str]:
    return [family.metric.name for family in families]


def test_the_page_is_the_same_whoever_makes_it() -> None:
    assert page().text.plain == page().text.plain
    assert _order(page().families.values()) == _order(page().families.values())

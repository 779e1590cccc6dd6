"""Prometheus text of others: all of an answer, or none of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceError
from exporter.sources.exposition_text import LARGEST_LINE, MOST_LINES, TextSample, parse


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'a_x{l="v"} 1\n', id="a line"),
        pytest.param(b'a_x{l="v"} 1', id="no end of the last line"),
        pytest.param(b'a_x{l="v"} 1\r\n', id="the ends of lines of Windows"),
        pytest.param(b'# HELP a_x percent\n# TYPE a_x counter\n\na_x{l="v",} 1 1700000000000\n', id="comments, time"),
        pytest.param(b'# TYPE b gauge\n# TYPE a_x gauge\nb 2\na_x{l="v"} 1\n', id="all comments first"),
    ],
)
def test_what_prometheus_reads_is_read(body: bytes) -> None:
    assert parse(body, prefixes=("a_",)) == (TextSample("a_x", {"l": "v"}, 1.0),)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        pytest.param(b"", "bad_answer", "samples named a_…, found none", id="nothing"),
        pytest.param(b"b 1\n", "bad_answer", "found none", id="metrics of somebody else"),
        pytest.param(b"#nodata: no", "bad_answer", "found none", id="only a comment"),
        pytest.param(b"a_x 1\n<html>\n", "bad_answer", "lines of the form", id="half a page"),
        pytest.param(b"a_x 1\na_x{l=", "bad_answer", "lines of the form", id="cut off in a label"),
        pytest.param(b"a_x one\n", "bad_answer", "lines of the form", id="no number"),
        pytest.param(b"a_x 1\na_x \xff\n", "bad_answer", "line 2: expected UTF-8, found byte 0xff", id="not UTF-8"),
        pytest.param(b"a_x 1\n" * (MOST_LINES + 1), "too_large", "at most 50000 lines", id="too many lines"),
        pytest.param(b"a" * (LARGEST_LINE + 1), "too_large", "line 1: expected at most 16384", id="too long a line"),
    ],
)
def test_what_is_not_whole_is_refused_as_a_whole(body: bytes, kind: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(body, prefixes=("a_",))
    assert caught.value.kind == kind
    assert message in str(caught.value)


@given(st.binary(max_size=300) | st.text(alphabet='a_{}"\\=, #\n01xé', max_size=100).map(str.encode))
def test_no_bytes_raise_anything_but_a_source_error(body: bytes) -> None:
    try:
        samples = parse(body, prefixes=("a",))
    except SourceError:
        return
    assert all(sample.name.startswith("a") for sample in samples)

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from exporter.sources.quantity import exact, read_quantity

SCALES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(1 << 10),
    "Mi": Fraction(1 << 20),
    "Gi": Fraction(1 << 30),
    "Ti": Fraction(1 << 40),
    "Pi": Fraction(1 << 50),
    "Ei": Fraction(1 << 60),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("10755m", 10.755, id="millicores"),
        pytest.param("43072Mi", 43072 * 2**20, id="mebibytes"),
        pytest.param("57461965Ki", 57461965 * 1024, id="kibibytes"),
        pytest.param("199788235774", 199788235774, id="bytes without a suffix"),
        pytest.param("1k", 1000, id="a small k is a thousand"),
        pytest.param("1E", 10**18, id="a capital E alone is exa"),
        pytest.param("1E3", 1000, id="a capital E before digits is an exponent"),
        pytest.param("12e-1", 1.2, id="a negative exponent"),
        pytest.param("+1e+3", 1000, id="signs"),
        pytest.param(".5", 0.5, id="no digit before the point"),
        pytest.param("5.", 5, id="no digit after the point"),
        pytest.param("1.5Gi", 1.5 * 2**30, id="a part of a gibibyte"),
        pytest.param("-1", -1, id="below zero"),
        pytest.param(2, 2, id="a number that is no text"),
    ],
)
def test_quantities(text: str | int, value: float) -> None:
    """Every form that Kubernetes accepts means what Kubernetes says."""
    assert read_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "1K", "1 Gi", "1mi", "0x10", "1e", "1e100", "1ee3", "\u0661", "NaN", "1_000", "1Gi\n", "9" * 65]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """What Kubernetes would not have written is an error, never 0."""
    with pytest.raises(ValueError, match="expected a quantity such as 500m or 40Gi, found `"):
        read_quantity(text)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 9), st.sampled_from(sorted(SCALES)))
def test_round_trip(whole: int, places: int, suffix: str) -> None:
    """What was written as so many pieces of a scale is read back as exactly so many."""
    sign, digits = "-" if whole < 0 else "", f"{abs(whole):0{places + 1}d}"
    text = f"{sign}{digits[: len(digits) - places]}.{digits[len(digits) - places :]}{suffix}"

    assert exact(text) == Fraction(whole, 10**places) * SCALES[suffix]


@given(st.integers(0, 10**9), st.sampled_from(sorted(SCALES)))
def test_agrees_with_the_library(number: int, suffix: str) -> None:
    """The library of Kubernetes itself reads the same, as far as its 28 digits reach."""
    assert exact(f"{number}{suffix}") == Fraction(parse_quantity(f"{number}{suffix}"))  # type: ignore[no-untyped-call]  # it ships no types

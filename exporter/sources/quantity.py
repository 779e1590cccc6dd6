"""Quantities as Kubernetes writes them: `10755m` cores, `40Gi` bytes, `1e3`; exact until the very end.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SCALES: Final[Mapping[str, Fraction]] = {
    **{suffix: Fraction(10) ** power for suffix, power in _DECIMAL.items()},
    **{suffix: Fraction(2) ** power for suffix, power in _BINARY.items()},
}
_LONGEST: Final = 64  # characters; the API server stores no more than 2^63-1 of anything
# Two digits of an exponent: more would be a number that fills the memory before it is refused.
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[KMGTPE]i|[numkMGTPE]?))"
)


def read_quantity(text: str | float) -> float:
    """Return what `text` means in its base unit: cores, bytes, pieces; raise `ValueError` where it means nothing."""
    return float(exact(text))


def exact(text: str | float) -> Fraction:
    """Return the same as a fraction: a sum of millicores in floats is not what it should be."""
    return _exact(str(text))


@lru_cache(maxsize=4096)  # ten thousand pods ask for a few hundred different amounts
def _exact(text: str) -> Fraction:
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise ValueError(f"expected a quantity such as 500m or 40Gi, found `{text[:_LONGEST]}`")
    number = Fraction(found["number"])
    if found["exponent"]:
        return number * Fraction(10) ** int(found["exponent"])
    return number * _SCALES[found["suffix"]]

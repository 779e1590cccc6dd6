"""Look-ups in the text of an alert stay in its own cluster: one Prometheus may hold several with equal names."""

import re
from typing import Final

_LOOK_UP: Final = re.compile(r"printf `([^`]*)` ((?:\$labels\.\w+ )+)\| query")


def in_own_cluster(text: str) -> str:
    """Return a template whose every look-up also names the cluster of the alert; empty where there is none."""
    return _LOOK_UP.sub(_narrow, text)


def _narrow(found: re.Match[str]) -> str:
    query, given = found.groups()
    # `%s` are filled in their order: the cluster's is the last of the one selector, and so is its argument
    head, brace, tail = query.rpartition("}")
    if query.count("{") != 1 or "%s" in tail:
        raise ValueError(f"Expected a look-up with one selector that ends what is filled in, found `{query}`")
    return f'printf `{head},cluster="%s"{brace}{tail}` {given}$labels.cluster | query'

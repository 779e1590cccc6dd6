"""Pictures of a server that has seen everything, and the names that must not be in them.

With LANEWATCH_WRITE_PICTURES=1 those of `dashboards/pictures` are drawn anew.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dashboards.boards import by_name
from dashboards.snapshot.command import Order, take
from dashboards.snapshot.page import draw
from dashboards.snapshot.picture import Picture, as_data
from e2e.monitoring import Prometheus
from e2e.tools import ROOT
from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.sources.simulated_stage import NODE

HOSTILE: Final = ROOT / "tests/fixtures/hostile.prom"
_PICTURES: Final = ROOT / "dashboards/pictures"
_NAMES: Final = ("gpu_uuid", "instance", "node", "owner_pod", "pci_bus_id")
_HOSTILE_VALUE: Final = re.compile(r'"([^"]*(?:corp\.example|\d{1,3}(?:\.\d{1,3}){3}|bank|deadbeef|secret)[^"]*)"')
_SCRAPE: Final = 1
_CARD: Final = {"node": (NODE,), "gpu": ("GPU-5a7a1e00-0000-4000-8000-000000000001",)}  # the one of every scenario
# Of which clusters a kept picture is: what each page is for.
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("alias", "exporter", "gpu-node", "inference"), ("dead-backend",)),
    **dict.fromkeys(("fleet", "gpu-overview"), (*SCENARIOS, "dcgm", "driver", "xpum")),
}


def planted(server: Prometheus) -> set[str]:
    """Return what must not be seen: every card, node, pod and address that the server knows, and what was planted."""
    every = '{__name__=~"lanewatch_.+"}'
    told = {value for label in _NAMES for value in server.values_of(label, every)}
    return {value for value in told if len(value) > 3} | set(_HOSTILE_VALUE.findall(HOSTILE.read_text()))


def drawn(url: str, name: str, began: float) -> tuple[str, Picture]:
    """Return all that a picture of all clusters shows, as text, and what it was drawn from."""
    span = (began, time.time())
    if os.environ.get("LANEWATCH_WRITE_PICTURES"):
        kept = _take(url, name, span, {"cluster": _OF[name]}, frozenset({"fast", "chat", *_OF[name]}))
        (_PICTURES / f"{name}.png").write_bytes(draw(kept).png())
    picture = _take(url, name, span, _CARD if name == "gpu-node" else {}, frozenset())
    return "\n".join([*draw(picture).texts(), json.dumps(as_data(picture), ensure_ascii=False)]), picture


def _take(
    url: str, name: str, span: tuple[float, float], chosen: Mapping[str, tuple[str, ...]], allowed: frozenset[str]
) -> Picture:
    order = Order(
        url=url,
        board=by_name()[name],
        out=Path(),
        start=span[0],
        end=span[1],
        scrape=_SCRAPE,
        chosen=chosen,
        allowed=allowed,
    )
    return asyncio.run(take(order, lambda: ""))

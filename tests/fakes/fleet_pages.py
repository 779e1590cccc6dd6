"""What is said of one node, pool, lane and alias of a simulated fleet: our golden pages, healthy, under other names."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from exporter import catalogue as c
from fakes.expositions import TESTS, valued
from fakes.fleet_series import Series

_CARDS: Final = TESTS / "exporter/golden/h100-8.prom"
_NODE: Final = TESTS / "exporter/golden/reference-node.prom"
_ALIAS: Final = TESTS / "probes/golden/probed-path.prom"
_CLOCKS: Final[Mapping[Path, float]] = {_CARDS: 1.79e9, _NODE: 1.79e9, _ALIAS: 10_000.0}  # what time it is on them

# Each stands for others that are as long, which take its place in a request.
NODE: Final = "node-0000"
POOL: Final = "pool-00"
ACTIVE: Final = "lane-act"  # on this node
LANES: Final = tuple(f"lane-00{letter}" for letter in "wxyz")  # of this pool
LANE: Final = LANES[0]
ALIAS: Final = "alias-000"
AGENT_SOURCES: Final = frozenset({"nvml", "podresources"})

_OF_AN_XID: Final = frozenset(map(str, (c.GPU_XID_LAST, c.GPU_XID_OWNER_INFO, c.NOTABLE_XID_ERRORS)))
_ACTIVE_LANE: Final = "qwen36-35b-gguf-fast"  # on the golden page
_WELL: Final[Mapping[str, tuple[str, str]]] = {  # what is 1 where all is well; the page of an alias shows a slow one
    str(c.ALIAS_ROOT_CAUSE): ("cause", "none"),
    str(c.ALIAS_FIRST_TOKEN_CAUSE): ("cause", "none"),
    str(c.PROBE_LAST_OUTCOME): ("outcome", "ok"),
}


def node(now: int) -> list[Series]:
    """Return what the agent of a node with eight cards says."""
    cards = [_on(one, node=NODE) for one in _read(_CARDS, now)]
    names, uuids = {one.name for one in cards}, sorted({one.labels["gpu_uuid"] for one in cards})
    own = [one for one in _read(_NODE, now) if one.name not in names and _is_an_agents(one)]
    each = [_owned(one) for one in own if "gpu_uuid" in one.labels and one.name not in _OF_AN_XID]
    of_each = [_on(one, gpu_uuid=uuid, node=NODE) for one in each for uuid in uuids]
    seen = [replace(one, value=len(uuids)) for one in own if one.name == str(c.GPUS)]
    rest = [one for one in own if "gpu_uuid" not in one.labels and one.name != str(c.GPUS)]
    return [*cards, *of_each, *(_on(one, node=NODE) if "node" in one.labels else one for one in (*seen, *rest)), _up()]


def watched_node(now: int) -> list[Series]:
    """Return what the watcher says of a node: whether it may host lanes, which does, and in what state its unit is."""
    every = _watchers(now)
    plain = [_on(one, node=NODE) for one in every if "node" in one.labels and "lane" not in one.labels]
    shares = [one for one in every if "node" in one.labels and one.labels.get("lane") == _ACTIVE_LANE]
    pods = [_on(one, lane=ACTIVE, owner_pod=f"pod-{NODE}") for one in shares if "owner_pod" in one.labels]
    asked = [_on(one, lane=lane) for one in shares if "owner_pod" not in one.labels for lane in LANES]
    unit = [_on(one, unit=NODE) for one in every if "unit" in one.labels]
    return [*plain, *(_on(one, node=NODE) for one in (*pods, *asked)), *unit]


def pool(now: int) -> list[Series]:
    """Return what the watcher says of a pool, whatever its units."""
    return [one for one in _watchers(now) if "pool" in one.labels and not {"unit", "lane"} & one.labels.keys()]


def lane(now: int) -> list[Series]:
    """Return what the watcher says of a lane, wherever it runs."""
    found = [one for one in _watchers(now) if one.labels.get("lane") == _ACTIVE_LANE and "node" not in one.labels]
    return [_on(one, lane=LANE) for one in found]


def alias(now: int) -> list[Series]:
    """Return what the probes say of an alias and of its lane."""
    names = {"alias": ALIAS, "lane": LANE}
    return [
        _on(_well(one), **{label: names[label] for label in names.keys() & one.labels.keys()})
        for one in _read(_ALIAS, now)
        if names.keys() & one.labels.keys()
    ]


def cluster(now: int) -> list[Series]:
    """Return what the watcher says of itself and of the whole."""
    subjects = {"node", "pool", "lane"}
    build = Series(str(c.BUILD_INFO), {"version": "0", "role": "watcher", "simulated": "true"}, 1.0)
    gateway = [one for one in _read(_ALIAS, now) if not {"alias", "lane"} & one.labels.keys()]
    return [*(one for one in _watchers(now) if not subjects & one.labels.keys()), *gateway, build, _up()]


def _up() -> Series:
    return Series("up", {}, 1.0)


def _is_an_agents(one: Series) -> bool:
    kernel = one.name in {str(c.GPUS), str(c.KERNEL_LOG_LOST)}
    return "gpu_uuid" in one.labels or kernel or one.labels.get("source") in AGENT_SOURCES


def _watchers(now: int) -> list[Series]:
    """Return what only the watcher says."""
    found = (one for one in _read(_NODE, now) if not _is_an_agents(one))
    return [_on(one, pool=POOL) if "pool" in one.labels else one for one in found]


def _owned(one: Series) -> Series:
    owner = {"lane": ACTIVE, "owner_pod": f"pod-{NODE}"}
    owned = _on(one, **{label: owner[label] for label in owner.keys() & one.labels.keys()})
    return replace(owned, value=0.0) if one.name == str(c.GPU_XID_ERRORS) else owned


def _on(one: Series, **labels: str) -> Series:
    return replace(one, labels={**one.labels, **labels})


def _well(one: Series) -> Series:
    label, value = _WELL.get(one.name, ("", ""))
    return replace(one, value=float(one.labels[label] == value)) if label else one


@cache
def _lines(path: Path) -> tuple[Series, ...]:
    return tuple(Series(*sample) for sample in valued(path.read_text(encoding="utf-8")))


def _read(path: Path, now: int) -> list[Series]:
    """Return the series of a page, with its times moved to now."""
    later = now - _CLOCKS[path]
    return [
        replace(one, value=one.value + later) if one.name.endswith("_timestamp_seconds") else one
        for one in _lines(path)
    ]

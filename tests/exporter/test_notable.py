"""What is told again is a part of what is told: the part that is not as on a well card."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import catalogue as c
from exporter.exposition import Exposition
from exporter.metric import Family, Metric
from exporter.notable import NOTABLE
from exporter.snapshot import Snapshot
from fakes.expositions import GOLDEN, valued

_Rows = set[tuple[frozenset[tuple[str, str]], float]]


def _rows(path: Path, metric: Metric) -> _Rows:
    told = valued(path.read_text(encoding="utf-8"))
    return {(frozenset(labels.items()), value) for name, labels, value in told if name == str(metric)}


def _page(*families: Family) -> list[str]:
    """Return the series of a page with these families, without comments."""

    def collect(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield from families

    page = Exposition({"cards": collect}).prepare(Snapshot(node="n"), 0.0)
    return [line for line in page.text.plain.decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("metric", NOTABLE, ids=str)
def test_a_page_tells_again_what_it_tells_and_no_more(path: Path, metric: Metric) -> None:
    """Same labels, same values; whatever is left out is as on a well card."""
    told, again = _rows(path, metric), _rows(path, NOTABLE[metric].metric)
    assert again <= told
    left_out = {value for labels, value in told - again if NOTABLE[metric].state not in dict(labels).values()}
    assert left_out <= {NOTABLE[metric].usual}


@pytest.mark.parametrize("metric", NOTABLE, ids=str)
def test_each_is_seen_on_a_golden_page(metric: Metric) -> None:
    """No family is told again in vain: somewhere it is not as usual."""
    assert any(_rows(path, NOTABLE[metric].metric) for path in GOLDEN)


def test_a_well_card_is_not_told_of_again() -> None:
    """Of a thousand such cards nothing is to be looked at."""
    card = {"node": "n", "gpu_uuid": "GPU-1"}
    page = _page(
        c.GPU_UP.of([c.GPU_UP.sample(1, **card)]),
        c.GPU_NVLINK_UP.of([c.GPU_NVLINK_UP.sample(1, **card, link="0")]),
        c.GPU_RECOVERY_ACTION.of(
            [c.GPU_RECOVERY_ACTION.sample(action == "none", **card, action=action) for action in ("none", "reset_gpu")]
        ),
    )
    assert [line for line in page if "notable" in line] == []
    assert len(page) == 4


def test_what_is_wrong_is_told_right_after_the_whole() -> None:
    """And what is no number is told nowhere."""
    card = {"node": "n", "gpu_uuid": "GPU-1"}
    links = [c.GPU_NVLINK_UP.sample(value, **card, link=str(link)) for link, value in enumerate((1, 0, math.nan))]
    wanted = [c.GPU_RECOVERY_ACTION.sample(action != "none", **card, action=action) for action in ("none", "reset_gpu")]
    assert _page(c.GPU_NVLINK_UP.of(links), c.GPU_RECOVERY_ACTION.of(wanted)) == [
        'lanewatch_gpu_nvlink_up{gpu_uuid="GPU-1",link="0",node="n"} 1.0',
        'lanewatch_gpu_nvlink_up{gpu_uuid="GPU-1",link="1",node="n"} 0.0',
        'lanewatch_notable_gpu_nvlink_up{gpu_uuid="GPU-1",link="1",node="n"} 0.0',
        'lanewatch_gpu_recovery_action{action="none",gpu_uuid="GPU-1",node="n"} 0.0',
        'lanewatch_gpu_recovery_action{action="reset_gpu",gpu_uuid="GPU-1",node="n"} 1.0',
        'lanewatch_notable_gpu_recovery_action{action="reset_gpu",gpu_uuid="GPU-1",node="n"} 1.0',
    ]

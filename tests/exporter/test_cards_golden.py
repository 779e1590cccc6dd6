"""What four kinds of machine look like on the page, from the driver's functions to the text."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.collectors import devices
from exporter.exposition import Exposition
from exporter.snapshot import Gpus, Snapshot
from fakes import ailing_node
from fakes.nvml.build import build, library
from fakes.nvml.rig import reading, timeless
from fakes.nvml.scenario import OLD_LIBRARY_LACKS, Value, h100_mig, h100_node, machine, old_card, reference_node
from fakes.reference_node import AT

_GOLDEN = Path(__file__).parent / "golden"


def _all_answer(gpus: Gpus) -> bool:
    return all(device.unavailable is None for device in gpus.devices)


def _have_gpm(gpus: Gpus) -> bool:
    return _all_answer(gpus) and all(device.gpm_ratio for device in gpus.devices)


_MACHINES = [
    pytest.param("rtx-pro-4000", reference_node(), (), _all_answer, id="the reference card"),
    pytest.param("h100-8", h100_node(8), (), _have_gpm, id="eight H100"),
    pytest.param("h100-mig", machine(h100_mig()), (), _all_answer, id="an H100 with two MIG instances"),
    pytest.param("old-card", machine(old_card()), OLD_LIBRARY_LACKS, _all_answer, id="an old card with an old library"),
]


@pytest.mark.parametrize(("name", "values", "without", "is_complete"), _MACHINES)
def test_a_machine_has_its_golden_page(
    tmp_path: Path,
    name: str,
    values: Mapping[str, Value],
    without: tuple[str, ...],
    is_complete: Callable[[Gpus], bool],
) -> None:
    """LANEWATCH_WRITE_GOLDEN=1 writes it anew; what depends on when one looks is not in it."""
    path = build(tmp_path / "library", without=without) if without else library()

    async def main() -> Gpus:
        async with reading(tmp_path, values, path=str(path)) as rig:
            await rig.reader.read()
            return await rig.until(is_complete)

    gpus = asyncio.run(main())
    fixed = dataclasses.replace(gpus, calls=0, devices=tuple(timeless(device) for device in gpus.devices))
    page = Exposition({"devices": devices.collect}).prepare(Snapshot(node="gpu-worker-1", gpus=fixed), AT)
    made = page.text.plain.decode("utf-8")
    golden = _GOLDEN / f"{name}.prom"
    if os.environ.get("LANEWATCH_WRITE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8")


def test_an_ailing_node_has_its_golden_page() -> None:
    """Everything that only shows while something is wrong: reasons, violators, codes, views that disagree."""
    made = ailing_node.page().text.plain.decode("utf-8")
    golden = _GOLDEN / "ailing-node.prom"
    if os.environ.get("LANEWATCH_WRITE_GOLDEN"):
        golden.write_text(made, encoding="utf-8")
    assert made == golden.read_text(encoding="utf-8")

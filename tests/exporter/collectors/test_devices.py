"""What a device says becomes series, and METRICS.md tells the truth about who gives them."""

import dataclasses

import pytest

from exporter.catalogue import METRICS
from exporter.collectors import devices
from exporter.metric import Family
from exporter.snapshot import Device, Gpus, NvLink, Snapshot
from exporter.sources.dcgm_fields import ROWS
from exporter.sources.device_values import nest
from exporter.sources.xpum import _ROWS as XPUM_ROWS

_CARD = Device(uuid="GPU-a", index=0)
_OF_DCGM_INSTANCES = {"lanewatch_gpu_mig_info", "lanewatch_gpu_sharing_mode"}


def _families(device: Device) -> dict[str, Family]:
    """Return the families of a node with this one device, those that have samples."""
    found = devices.collect(Snapshot(node="n", gpus=Gpus(source="nvml", devices=(device,))), 0.0)
    return {family.metric.name: family for family in found if family.samples}


def _samples(device: Device, name: str) -> dict[tuple[str, ...], float]:
    return {sample.labels[2:]: sample.value for sample in _families(device)[name].samples}


_SOURCES = [
    pytest.param("dcgm", [row.field for row in ROWS], _OF_DCGM_INSTANCES, id="dcgm-exporter"),
    pytest.param("xpum", [row.field for row in XPUM_ROWS], set(), id="xpumanager"),
]


@pytest.mark.parametrize(("source", "fields", "others"), _SOURCES)
def test_a_metric_names_the_sources_that_give_it(source: str, fields: list[str], others: set[str]) -> None:
    """What a source's table can fill has its name, and nothing else has."""
    filled = _families(dataclasses.replace(_CARD, **nest(dict.fromkeys(fields, 1.0))))
    named = {metric.name for metric in METRICS if source in metric.sources}

    assert named - others == {name for name, family in filled.items() if family.metric.sources != ("lanewatch",)}


def test_links_are_told_one_by_one() -> None:
    """A link of which the state is unknown has no series of its state."""
    links = (NvLink(index=0, is_up=False, errors={"crc": 3}), NvLink(index=1))

    device = dataclasses.replace(_CARD, nvlinks=links)
    assert _samples(device, "lanewatch_gpu_nvlink_up") == {("0",): 0.0}
    assert _samples(device, "lanewatch_gpu_nvlink_errors_total") == {("0", "crc"): 3.0}


def test_an_action_that_is_wanted_is_the_only_one() -> None:
    """One of a closed list; a card that does not say has no series."""
    wanted = _samples(dataclasses.replace(_CARD, recovery_action="reboot_node"), "lanewatch_gpu_recovery_action")

    assert [labels for labels, value in wanted.items() if value] == [("reboot_node",)]
    assert len(wanted) == len(devices.RECOVERY_ACTIONS)
    assert "lanewatch_gpu_recovery_action" not in _families(_CARD)


def test_an_instance_names_its_card() -> None:
    """The way back to what only the whole card knows."""
    instance = Device(uuid="MIG-a", index=0, parent_uuid="GPU-a", mig_profile="1g.10gb")

    assert _samples(instance, "lanewatch_gpu_mig_info") == {("GPU-a", "1g.10gb"): 1.0}


@pytest.mark.parametrize(
    ("limits", "own", "expected"),
    [
        pytest.param({"slowdown": 92.0}, 8.0, 8.0, id="the card's own word"),
        pytest.param({"slowdown": 92.0}, None, 2.0, id="by its limit"),
        pytest.param({"shutdown": 97.0}, None, None, id="without a limit to slow down at"),
    ],
)
def test_a_margin_is_what_the_card_says_or_what_its_limit_leaves(
    limits: dict[str, float], own: float | None, expected: float | None
) -> None:
    """Some cards count from where they begin to slow down, which is below the limit that they tell."""
    card = dataclasses.replace(
        _CARD,
        temperatures_celsius={"gpu": 90.0},
        temperature_limits_celsius=limits,
        temperature_margin_celsius=own,
    )
    family = _families(card).get("lanewatch_gpu_temperature_margin_celsius")
    assert (family.samples[0].value if family else None) == expected

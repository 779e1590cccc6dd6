"""A dcgm-exporter: three schemas, one card, one set of values."""

import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SourceError
from exporter.snapshot import Device, Gpus, XidCount
from exporter.sources.dcgm import is_blank, prove_units, read_gpus
from exporter.sources.dcgm_xids import UNKNOWN_TIME, XidMemory
from exporter.sources.exposition_text import TextSample, parse

_FIXTURES = Path(__file__).parents[2] / "fixtures/dcgm"
_SCHEMAS = ("4.8", "4.8.3", "4.9")
_CARD = "GPU-00000000-0000-4000-8000-000000000010"
_CUT = "GPU-00000000-0000-4000-8000-000000000011"
_MIB = 1 << 20


def _samples(name: str) -> tuple[TextSample, ...]:
    return parse((_FIXTURES / f"{name}.prom").read_bytes(), prefixes=("DCGM_",))


def _read(name: str) -> Gpus:
    samples = _samples(name)
    return read_gpus(samples, XidMemory().note(samples, 0.0))


def _made(name: str, value: float, **labels: str) -> TextSample:
    return TextSample(f"DCGM_{name}", {"UUID": "GPU-1", "gpu": "0", **labels}, value)


def _one(*samples: TextSample) -> Device:
    return read_gpus(samples, {}).devices[-1]


def _without_known_differences(device: Device) -> Device:
    """Leave out what the fixtures' README names: fractions of a joule, throttle reasons, counted Xids."""
    return dataclasses.replace(
        device,
        energy_joules=None if device.energy_joules is None else float(int(device.energy_joules)),
        throttle_seconds={key: value for key, value in device.throttle_seconds.items() if key == "power_cap"},
        xids=None if device.xids is None else (),
    )


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_the_reference_card_is_read_in_base_units(schema: str) -> None:
    (card,) = _read(f"{schema}-rtxpro4000").devices
    expected = Device(
        uuid="GPU-00000000-0000-4000-8000-000000000001",
        index=0,
        model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
        pci_bus_id="00000000:01:00.0",
        driver_version="610.43.02",
        memory_total_bytes=24467 * _MIB,
        memory_used_bytes=21642 * _MIB,
        memory_free_bytes=2386 * _MIB,
        memory_reserved_bytes=439 * _MIB,
        utilization_ratio=0.0,
        memory_copy_utilization_ratio=0.0,
        engine_utilization_ratio={"encoder": 0.0, "decoder": 0.0},
        power_watts=9.0,
        energy_joules=48211.0,
        temperatures_celsius={"gpu": 37.0},
        clocks_hertz={"sm": 180e6, "memory": 405e6},
        pcie_replays=0,
        xids=(),
    )
    assert _without_known_differences(card) == expected


@pytest.mark.parametrize("model", ["rtxpro4000", "h100"])
@pytest.mark.parametrize("schema", ["4.8.3", "4.9"])
def test_equal_readings_give_equal_devices_in_every_schema(schema: str, model: str) -> None:
    first, other = _read(f"4.8-{model}"), _read(f"{schema}-{model}")
    assert [_without_known_differences(one) for one in other.devices] == [
        _without_known_differences(one) for one in first.devices
    ]
    assert other.allocations == first.allocations


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_mig_instances_are_devices_and_the_board_is_told_once(schema: str) -> None:
    devices = {device.uuid: device for device in _read(f"{schema}-h100").devices}
    instances = [devices[f"MIG-{_CUT}/{number}"] for number in (1, 2)]
    assert [(one.parent_uuid, one.mig_profile, one.memory_used_bytes) for one in instances] == [
        (_CUT, "3g.40gb", 31210 * _MIB),
        (_CUT, "3g.40gb", 5332 * _MIB),
    ]
    assert [one.power_watts for one in devices.values() if one.power_watts is not None] == [612.345, 188.02]
    assert devices[_CUT].memory_used_bytes is None
    assert sum(one.energy_joules is not None for one in devices.values()) == 2


def test_an_index_names_the_card_and_not_its_instances() -> None:
    assert {str(one.index): one.uuid for one in _read("4.8-h100").devices} == {"0": _CARD, "1": _CUT}


def test_whole_and_cut_cards_name_their_pods() -> None:
    assert [(one.pod, one.resource, one.device_ids) for one in _read("4.9-h100").allocations] == [
        ("embed-mig-6f8b5d7c9-q9xkd", "nvidia.com/mig-3g.40gb", (f"MIG-{_CUT}/2",)),
        ("llm-h100-7d5c8f6b9d-kq7mn", "nvidia.com/gpu", (_CARD,)),
        ("llm-mig-a-5b7d9c6f4-7h2wz", "nvidia.com/mig-3g.40gb", (f"MIG-{_CUT}/1",)),
    ]


def test_a_prometheus_in_between_does_not_make_the_exporter_the_owner() -> None:
    pods = {"pod": "dcgm-exporter-x", "namespace": "gpu", "exported_pod": "llm", "exported_namespace": "vllm"}
    (owner,) = read_gpus([_made("FI_DEV_GPU_TEMP", 40, **pods)], {}).allocations
    assert (owner.namespace, owner.pod) == ("vllm", "llm")


_BLANKS = [0x7FFFFFF0, 0x7FFFFFF3, 0x7FFFFFFFFFFFFFF0, 140737488355328.0, 140737488355330.0, -1.0, math.nan, math.inf]


@pytest.mark.parametrize("blank", _BLANKS)
def test_a_blank_is_absent(blank: float) -> None:
    assert _one(_made("FI_DEV_GPU_TEMP", blank)).temperatures_celsius == {}


@given(st.floats())
def test_no_float_makes_a_value_that_cannot_be_exported(value: float) -> None:
    device = _one(_made("FI_DEV_FB_USED", value), _made("FI_DEV_POWER_USAGE", value))
    assert is_blank(value) == (device.memory_used_bytes is None) == (device.power_watts is None)


_LABEL = {"DCGM_FI_SYSTEM_DRIVER_VERSION": "610.43.02"}


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([_made("FI_DEV_GPU_UTIL_RATIO", 97)], 0.97, id="a ratio above 1 is a percentage"),
        pytest.param([_made("FI_DEV_GPU_UTIL_RATIO", 0.97, **_LABEL)], 0.97, id="the label of 4.9 proves ratios"),
        pytest.param([_made("FI_DEV_GPU_UTIL_RATIO", 1)], None, id="1 alone may be 1 percent: absent"),
        pytest.param([_made("FI_DEV_GPU_UTIL_RATIO", 0)], 0.0, id="0 is 0 in all units"),
        pytest.param(
            [_made("FI_DEV_GPU_UTIL_RATIO", 1, **_LABEL), _made("FI_DEV_SM_CLOCK_HERTZ", 1980)],
            0.01,
            id="a clock of 1980 under the name hertz is in MHz, and its neighbours are of that kind",
        ),
        pytest.param(
            [_made("FI_DEV_GPU_UTIL_RATIO", 1), _made("FI_DEV_SM_CLOCK_HERTZ", 1.98e9)], 1.0, id="a clock in hertz"
        ),
        pytest.param([_made("FI_DEV_GPU_UTIL", 1), _made("FI_DEV_SM_CLOCK_HERTZ", 1.98e9)], 0.01, id="an old name"),
    ],
)
def test_a_name_alone_does_not_prove_its_scale(samples: list[TextSample], expected: float | None) -> None:
    assert _one(*samples).utilization_ratio == expected


def test_units_of_the_fixtures() -> None:
    assert [prove_units(_samples(f"{schema}-h100")) for schema in _SCHEMAS] == ["unknown", "unknown", "new"]


def test_there_is_no_total_of_what_is_not_complete() -> None:
    assert _one(_made("FI_DEV_FB_USED", 5), _made("FI_DEV_FB_FREE", 5)).memory_total_bytes is None


def test_an_answer_without_cards_is_refused() -> None:
    with pytest.raises(SourceError, match="label UUID"):
        read_gpus([TextSample("DCGM_FI_DEV_GPU_TEMP", {"nvswitch": "nvswitch0"}, 40)], {})


def test_more_cards_than_a_node_can_have_are_refused() -> None:
    rows = [TextSample("DCGM_FI_DEV_GPU_TEMP", {"UUID": f"GPU-{number}"}, 40) for number in range(513)]
    with pytest.raises(SourceError, match="at most 512 cards and instances, found 513") as caught:
        read_gpus(rows, {})
    assert caught.value.kind == "too_large"


def _last(code: float) -> list[TextSample]:
    return [_made("FI_DEV_XID_ERRORS", code)]


def _total(code: int, count: float, **labels: str) -> TextSample:
    return _made("EXP_XID_ERRORS_TOTAL", count, xid=str(code), **labels)


def test_a_change_of_the_last_xid_is_an_event_and_what_stood_there_first_is_none() -> None:
    memory = XidMemory()
    seen = [memory.note(_last(code), at)["GPU-1"] for at, code in enumerate([94, 94, 31, 31, 0, 31])]
    first, second = XidCount(code=31, count=1, last_at=2), XidCount(code=31, count=2, last_at=5)
    assert seen == [(), (), (first,), (first,), (first,), (second,)]


def test_a_blank_between_two_readings_is_no_event() -> None:
    memory = XidMemory()
    assert [memory.note(_last(code), 0.0)["GPU-1"] for code in (94, 0x7FFFFFF0, 94)] == [(), (), ()]


def test_the_exporters_own_count_is_taken_and_its_time_told_once_it_rises() -> None:
    memory = XidMemory()
    seen = [memory.note([*_last(0), _total(79, count)], at)["GPU-1"] for at, count in enumerate([3, 3, 4])]
    expected = [(3, UNKNOWN_TIME), (3, UNKNOWN_TIME), (4, 2)]
    assert seen == [(XidCount(code=79, count=count, last_at=at),) for count, at in expected]


def test_the_first_xid_of_all_is_an_event_of_now() -> None:
    memory = XidMemory()
    memory.note(_last(0), 0.0)
    assert memory.note([*_last(79), _total(79, 1)], 5.0)["GPU-1"] == (XidCount(code=79, count=1, last_at=5.0),)


def test_counts_of_instances_add_up_and_those_of_pods_do_not() -> None:
    rows = [_total(31, 2, GPU_I_ID="1"), _total(31, 3, GPU_I_ID="2"), _total(31, 3, GPU_I_ID="2", pod="b")]
    assert XidMemory().note(rows, 0.0)["GPU-1"] == (XidCount(code=31, count=5, last_at=UNKNOWN_TIME),)


@pytest.mark.parametrize("code", ["", "x", "0", "-1", "1e9", "٣", "9" * 99])
def test_a_code_that_is_none_is_left_out(code: str) -> None:
    row = TextSample("DCGM_EXP_XID_ERRORS_TOTAL", {"UUID": "GPU-1", "xid": code}, 1.0)
    assert XidMemory().note([row], 0.0)["GPU-1"] == ()

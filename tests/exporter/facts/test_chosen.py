"""One source speaks for a card; no card is there twice."""

import dataclasses

import pytest

from exporter.config_exporters import GpuSource
from exporter.exposition import Exposition
from exporter.facts import ownership
from exporter.facts.chosen import choose
from exporter.snapshot import Allocation, Allocations, Device, Gpus, Snapshot

_OWNER = Allocation(namespace="vllm", pod="llm", container="server", resource="nvidia.com/gpu", device_ids=("GPU-1",))
_NVML = Gpus(source="nvml", devices=(Device(uuid="GPU-1", index=0),))
_LOST = Gpus(source="nvml", devices=(Device(uuid="GPU-1", index=0, unavailable="hung"),))
_DCGM = Gpus(source="dcgm", devices=(Device(uuid="GPU-1", index=0, power_watts=9.0),), allocations=(_OWNER,))
_XPUM = Gpus(source="xpum", devices=(Device(uuid="intel", index=0),))
_NO_CARD = Gpus(source="nvml")


@pytest.mark.parametrize(
    ("source", "gpus", "expected"),
    [
        pytest.param("auto", (_NVML, None, None), _NVML, id="nvml alone"),
        pytest.param("auto", (_NVML, _DCGM, None), _NVML, id="nvml before dcgm"),
        pytest.param("auto", (None, _DCGM, None), _DCGM, id="dcgm where nvml is not"),
        pytest.param("auto", (_LOST, _DCGM, None), _DCGM, id="dcgm where nvml does not answer"),
        pytest.param("auto", (_LOST, None, None), _LOST, id="the names of lost cards where nobody else knows more"),
        pytest.param("auto", (_LOST, Gpus(source="dcgm"), None), _LOST, id="a dcgm without cards knows no more"),
        pytest.param("auto", (None, None, _XPUM), _XPUM, id="xpum alone"),
        pytest.param("auto", (None, None, None), None, id="nobody"),
        pytest.param("dcgm", (_NVML, _DCGM, _XPUM), _DCGM, id="dcgm as told"),
        pytest.param("dcgm", (_NVML, None, None), None, id="dcgm as told, and it does not answer"),
        pytest.param("nvml", (_LOST, _DCGM, _XPUM), _LOST, id="nvml as told"),
        pytest.param("xpum", (_NVML, _DCGM, _XPUM), _XPUM, id="xpum as told"),
    ],
)
def test_one_source_speaks(
    source: GpuSource, gpus: tuple[Gpus | None, Gpus | None, Gpus | None], expected: Gpus | None
) -> None:
    nvml, dcgm, xpum = gpus
    chosen = choose(Snapshot(node="n", gpus=nvml, dcgm=dcgm, xpum=xpum), source)
    assert (chosen.gpus, chosen.nvml) == (expected, nvml)


@pytest.mark.parametrize("nvidia", [_NVML, _NO_CARD], ids=["an NVIDIA card", "no NVIDIA card"])
def test_cards_of_intel_stand_beside_and_say_who_tells_of_them(nvidia: Gpus) -> None:
    gpus = choose(Snapshot(node="n", gpus=nvidia, xpum=_XPUM), "auto").gpus
    assert gpus is not None
    assert gpus.devices == (*nvidia.devices, Device(uuid="intel", index=0, source="xpum"))


def test_dcgm_tells_the_owner_where_the_kubelet_cannot_be_asked() -> None:
    chosen = choose(Snapshot(node="n", dcgm=_DCGM), "auto")
    assert [(owner.gpu_uuid, owner.pod) for owner in ownership.owners(chosen)] == [("GPU-1", "llm")]


def test_the_kubelets_word_stands_before_that_of_dcgm() -> None:
    asked = Allocations()
    assert choose(Snapshot(node="n", dcgm=_DCGM, allocations=asked), "auto").allocations is asked


def test_dcgm_tells_the_owner_of_an_instance_whose_uuid_it_does_not_know() -> None:
    instance = Device(uuid="MIG-GPU-1/1", index=0, parent_uuid="GPU-1")
    mine = dataclasses.replace(_OWNER, device_ids=(instance.uuid,))
    kubelets = Allocations(containers=(dataclasses.replace(_OWNER, device_ids=("MIG-7f",)),))
    dcgm = Gpus(source="dcgm", devices=(instance,), allocations=(mine,))
    chosen = choose(Snapshot(node="n", dcgm=dcgm, allocations=kubelets), "auto")
    assert ownership.states(chosen) == {instance.uuid: "owned"}


def test_the_page_is_made_of_what_was_chosen() -> None:
    page = Exposition({}, lambda snapshot: choose(snapshot, "auto")).prepare(Snapshot(node="n", dcgm=_DCGM), 0.0)
    assert page.snapshot.gpus == _DCGM

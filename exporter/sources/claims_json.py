"""From the JSON of a ResourceClaim or a ResourceSlice (DRA) to the slim record of it, in each version since v1beta1.

Only devices of GPU drivers are kept. An attribute is `{string: ..}`, `{version: ..}` and so on; a name without a prefix
is of the driver's domain. In v1beta1 a device has its attributes one level deeper, below `basic`.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import field

from exporter.cluster import Claim, ClaimedDevice, OfferedDevice
from exporter.facts.pci_address import normalise
from exporter.gpu_resource import is_gpu_driver
from exporter.sources.object_json import Json, MetadataJson
from exporter.sources.quantity import read_quantity

_ADDRESS: Final = ("resource.kubernetes.io/pciBusID", "pciBusID", "pciAddress")
_MODEL: Final = ("productName", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of what one driver offers in one pool; parts of an older generation do not count any more."""

    driver: str
    pool: str
    generation: int
    devices: tuple[OfferedDevice, ...]


class AttributeJson(Json, frozen=True):
    """One attribute, in the form that its type has."""

    string: str | None = None
    version: str | None = None

    @property
    def text(self) -> str:
        """What it says; numbers and booleans are of no use here."""
        return self.string or self.version or ""


class CapacityJson(Json, frozen=True):
    """How much of something a device has, as a quantity of Kubernetes."""

    value: str = ""


class BasicJson(Json, frozen=True):
    """What is said of a device."""

    attributes: dict[str, AttributeJson] | None = None
    capacity: dict[str, CapacityJson] | None = None
    node_name: str = ""


class DeviceJson(BasicJson, frozen=True):
    """One device of a slice."""

    name: str = ""
    basic: BasicJson | None = None


class PoolJson(Json, frozen=True):
    """Which pool, and how often its slices were written anew."""

    name: str = ""
    generation: int = 0


class SliceSpecJson(Json, frozen=True):
    """What a slice offers, and on which node."""

    driver: str
    pool: PoolJson
    node_name: str = ""
    devices: list[DeviceJson] | None = None


class SliceJson(Json, frozen=True):
    """One ResourceSlice."""

    spec: SliceSpecJson


class ResultJson(Json, frozen=True):
    """One device that a claim was given."""

    driver: str = ""
    pool: str = ""
    device: str = ""
    admin_access: bool | None = None


class ResultsJson(Json, frozen=True):
    """All of them."""

    results: list[ResultJson] | None = None


class AllocationJson(Json, frozen=True):
    """What a claim was given."""

    devices: ResultsJson = ResultsJson()


class ConsumerJson(Json, frozen=True):
    """Whom a claim is kept for; of the core's `pods`, or of something else."""

    resource: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = field(default="", name="apiGroup")


class ClaimStatusJson(Json, frozen=True):
    """How a claim stands."""

    allocation: AllocationJson | None = None
    reserved_for: list[ConsumerJson] | None = None


class ClaimJson(Json, frozen=True):
    """One ResourceClaim."""

    metadata: MetadataJson
    status: ClaimStatusJson = ClaimStatusJson()


def read_slice(raw: bytes | msgspec.Raw) -> Slice | None:
    """Return the record of the ResourceSlice whose JSON is `raw`, None where it offers no GPUs."""
    spec = msgspec.json.decode(raw, type=SliceJson).spec
    if not is_gpu_driver(spec.driver):
        return None
    return Slice(
        driver=spec.driver,
        pool=spec.pool.name,
        generation=spec.pool.generation,
        devices=tuple(_offer(spec, device) for device in spec.devices or ()),
    )


def read_claim(raw: bytes | msgspec.Raw) -> Claim | None:
    """Return the record of the ResourceClaim whose JSON is `raw`, None where it was given no GPU."""
    claim = msgspec.json.decode(raw, type=ClaimJson)
    given = claim.status.allocation.devices.results if claim.status.allocation else None
    devices = tuple(
        ClaimedDevice(driver=one.driver, pool=one.pool, device=one.device, is_admin=bool(one.admin_access))
        for one in given or ()
        if is_gpu_driver(one.driver)
    )
    if not devices:
        return None
    return Claim(
        namespace=claim.metadata.namespace,
        name=claim.metadata.name,
        devices=devices,
        pods=tuple(
            (one.name, one.uid)
            for one in claim.status.reserved_for or ()
            if one.resource == "pods" and not one.api_group
        ),
    )


def _offer(spec: SliceSpecJson, device: DeviceJson) -> OfferedDevice:
    told = device.basic or device

    def say(*names: str) -> str:
        attributes = told.attributes or {}
        found = (attributes.get(key) for name in names for key in (name, f"{spec.driver}/{name}"))
        return next((one.text for one in found if one is not None and one.text), "")

    return OfferedDevice(
        driver=spec.driver,
        pool=spec.pool.name,
        device=device.name,
        node=spec.node_name or told.node_name,
        uuid=say("uuid"),
        pci_address=normalise(say(*_ADDRESS)),
        model=say(*_MODEL),
        memory_bytes=_memory(spec.driver, told),
        driver_version=say("driverVersion"),
        cuda_version=say("cudaDriverVersion"),
        kind=say("type"),
    )


def _memory(driver: str, told: BasicJson) -> int | None:
    capacity = told.capacity or {}
    memory = capacity.get("memory") or capacity.get(f"{driver}/memory")
    return int(read_quantity(memory.value)) if memory and memory.value else None

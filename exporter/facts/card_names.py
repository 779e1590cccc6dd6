"""Which card a name means: ids of device plugins, names of CDI, devices of claims (DRA).

Pure. A name that fits no card for certain means none: a row on the wrong card is worse than no row.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.cluster import Dra, OfferedDevice
from exporter.facts.pci_address import normalise
from exporter.snapshot import ClaimDevice, Device, Snapshot

_UNIQUE_PREFIXES: Final = ("GPU-", "MIG-")
_UUID: Final = re.compile(r"(gpu|mig)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
# `0000-03-00-0-0x56a0` of Intel's driver, `0000:03:00.0` of its CDI names
_ADDRESS: Final = re.compile(r"(?<![0-9a-f])([0-9a-f]{4})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[.-]([0-7])(?![0-9a-f])")
_NVIDIA: Final = "gpu.nvidia.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNames:
    """The cards of one node by everything that they are called; every value is a UUID as the driver spells it."""

    uuids: Mapping[str, str]  # by UUID in small letters
    indexes: Mapping[str, str]
    addresses: Mapping[str, str]  # by PCI address; a MIG instance shares its card's and is left out
    offered: Mapping[tuple[str, str, str], OfferedDevice]  # by driver, pool and device
    only: str = ""  # the name that NVIDIA's DRA driver gives to the only card, where there is one

    def of_plugin(self, device_id: str) -> str:
        """Return the UUID that a device plugin's id means; empty: it means no card.

        `GPU-a::3` is the fourth replica of a shared card: https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus
        """
        bare = device_id.rpartition("=")[2].partition("::")[0]
        known = self.uuids.get(bare.lower()) or self.indexes.get(bare) or self.addresses.get(normalise(bare))
        if known:
            return known
        if bare.startswith(_UNIQUE_PREFIXES):
            # A part of a card of which the driver lists only the whole: `MIG-GPU-<uuid>/<gi>/<ci>` of old drivers.
            return self.uuids.get(bare.removeprefix("MIG-").partition("/")[0].lower(), bare)
        return self.indexes.get(bare.partition(":")[0], "")  # `0:1`: the second instance of the first card

    def of_claim(self, device: ClaimDevice) -> str:
        """Return the UUID of a device that the kubelet gave by a claim, by the surest of its names."""
        said = (device.device, *device.cdi_names)
        return (
            next(self._by_uuid(said), "")
            or self.of_offer(device.driver, device.pool, device.device)
            or next(self._by_address(said), "")
            or (self.indexes.get("0", "") if device.driver == _NVIDIA and device.device == self.only else "")
        )

    def of_offer(self, driver: str, pool: str, device: str) -> str:
        """Return the UUID of a device of a ResourceSlice; empty where the slice is not known or names no card."""
        offer = self.offered.get((driver, pool, device))
        if offer is None:
            return ""
        if offer.uuid:
            return self.uuids.get(offer.uuid.lower(), offer.uuid)
        return self.addresses.get(normalise(offer.pci_address), "")

    def _by_uuid(self, said: Iterable[str]) -> Iterator[str]:
        for text in said:
            bare = text.rpartition("=")[2]
            if self.uuids.get(bare.lower()) == bare:
                yield bare
            elif found := _UUID.search(text):
                spelt = f"{found[1].upper()}-{found[2].lower()}"
                yield self.uuids.get(spelt.lower(), spelt)

    def _by_address(self, said: Iterable[str]) -> Iterator[str]:
        for text in said:
            for domain, bus, slot, function in _ADDRESS.findall(text.lower()):
                if uuid := self.addresses.get(f"{domain}:{bus}:{slot}.{function}"):
                    yield uuid


def card_names(snapshot: Snapshot) -> CardNames:
    """Return what the cards of this node are called."""
    devices = snapshot.gpus.devices if snapshot.gpus else ()
    return names_of(devices, offers(snapshot.dra), only=_only(snapshot, devices))


def names_of(
    devices: Iterable[Device], offered: Mapping[tuple[str, str, str], OfferedDevice], *, only: str = ""
) -> CardNames:
    """Return what these cards of one node are called."""
    devices = tuple(devices)
    whole = [device for device in devices if not device.parent_uuid]
    return CardNames(
        uuids={device.uuid.lower(): device.uuid for device in devices},
        # cards of a second list, beside the first, are counted anew from 0
        indexes={str(device.index): device.uuid for device in whole if not device.source},
        addresses={address: device.uuid for device in whole if (address := normalise(device.pci_bus_id))},
        offered=offered,
        only=only,
    )


def offers(dra: Dra | None) -> Mapping[tuple[str, str, str], OfferedDevice]:
    """Return the devices that ResourceSlices offer, by what identifies them."""
    return {(one.driver, one.pool, one.device): one for one in dra.offered} if dra else {}


def _only(snapshot: Snapshot, devices: Iterable[Device]) -> str:
    """Return `gpu-0` where nothing but the first card can be meant by it.

    The number is the driver's minor, which is no index: with two cards, or one that the bus shows and the driver does
    not list, it may be either's.
    """
    cards = [device for device in devices if not device.parent_uuid and not device.source]
    on_bus = sum(one.vendor == "nvidia" for one in snapshot.pci.devices) if snapshot.pci else 1
    return "gpu-0" if len(cards) == 1 and cards[0].index == 0 and on_bus == 1 else ""

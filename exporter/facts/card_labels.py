"""What feature discovery's labels and the kubelet's resources say of a node's cards.

Names after https://github.com/NVIDIA/k8s-device-plugin/blob/main/docs/gpu-feature-discovery/README.md. Under MIG
strategy `single` the labels describe the instances as if they were the cards: then they say nothing of the cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.facts.card_facts import MIB, Said, read_number, say, say_memory

_NVIDIA: Final = "nvidia.com/"
_MIG: Final = "nvidia.com/mig-"
_WHOLE: Final = ("nvidia.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe", "amd.com/gpu")
_RENAMED: Final = "nvidia.com/gpu.shared"  # what the device plugin calls replicas where it is told to rename
_SHARED_SUFFIX: Final = "-SHARED"
_CUT_INFIX: Final = "-MIG-"
_NO_INSTANCES: Final = "mig without instances"


@dataclass(frozen=True, slots=True)
class Labels:
    """Feature discovery's labels of one node."""

    all: Mapping[str, str]

    @property
    def is_of_instances(self) -> bool:
        """Whether they describe MIG instances as if they were cards."""
        return _CUT_INFIX in self._text("gpu.product")

    @property
    def count(self) -> float | None:
        """Number of what they describe."""
        return read_number(self._text("gpu.count"))

    @property
    def replicas(self) -> float | None:
        """How often each card is given away; None where nobody says, which 0 means too."""
        return read_number(self._text("gpu.replicas")) or None

    @property
    def knows_resources_of_mig(self) -> bool:
        """Whether a cut card would show as resources of its profiles."""
        return self._text("mig.strategy") in {"none", "mixed"} or self._text("mig.capable") == "false"

    def sayings(self) -> dict[str, Said | None]:
        """Return what they say, by fact."""
        cards = {} if self.is_of_instances else self._of_cards()
        return cards | {
            "product": say("product", self._product()),
            "driver": say("driver", self._version("cuda.driver-version.full", "cuda.driver")),
            "cuda": say("cuda", self._version("cuda.runtime-version.full", "cuda.runtime")),
            "sharing": say("sharing", self._text("gpu.sharing-strategy")),
            "replicas": say("replicas", f"{self.replicas:g}" if self.replicas else ""),
            "mig": say("mig", self._instances()),
        }

    def _of_cards(self) -> dict[str, Said | None]:
        size = read_number(self._text("gpu.memory"))
        return {
            "count": say("count", self._text("gpu.count")),
            "memory": say_memory({int(size) * MIB: 0}) if size else None,
        }

    def _product(self) -> str:
        return self._text("gpu.product").removesuffix(_SHARED_SUFFIX).partition(_CUT_INFIX)[0]

    def _version(self, whole: str, parts: str) -> str:
        """Return a version; feature discovery before 0.16 told it in parts."""
        told = [self._text(f"{parts}.{part}") for part in ("major", "minor", "rev")]
        return self._text(whole) or ".".join(part for part in told if part)

    def _instances(self) -> str:
        if self.is_of_instances:
            profile = self._text("gpu.product").removesuffix(_SHARED_SUFFIX).partition(_CUT_INFIX)[2]
            return tell_instances({profile: self.count or 0})
        counts = {
            name.removeprefix(_MIG).removesuffix(".count"): read_number(text) or 0
            for name, text in self.all.items()
            if name.startswith(_MIG) and name.endswith(".count")
        }
        if counts:
            return tell_instances(counts)
        is_uncut = self._text("mig.capable") == "false" or self._text("mig.strategy") in {"single", "mixed"}
        return "none" if is_uncut else ""

    def _text(self, name: str) -> str:
        return self.all.get(_NVIDIA + name, "")


def tell_instances(counts: Mapping[str, float]) -> str:
    """Return `1g.10gb x2, 3g.40gb x1` for MIG instances by profile; Kubernetes writes the `+` of one as a dot."""
    told = sorted((profile.replace("+", "."), count) for profile, count in counts.items() if count)
    return ", ".join(f"{profile} x{count:g}" for profile, count in told) or _NO_INSTANCES


def resource_sayings(
    resources: Mapping[str, float], labels: Labels, cards: float | None, *, is_cut: bool
) -> dict[str, Said | None]:
    """Return what the kubelet's resources say; `cards` is how many the driver lists, `is_cut` that it has instances.

    A resource counts replicas. Where no label tells how many of them a card makes, a whole multiple of the driver's
    cards may be replicas as well as cards: it says nothing.
    """
    told = {name: amount for name, amount in resources.items() if name in {*_WHOLE, _RENAMED}}
    return {"mig": say("mig", _instances(resources, labels, told))} | (
        _whole_sayings(told, labels, cards) if told and not is_cut and not labels.is_of_instances else {}
    )


def _whole_sayings(told: Mapping[str, float], labels: Labels, cards: float | None) -> dict[str, Said | None]:
    amount = sum(told.values())
    is_ambiguous = labels.replicas is None and (_RENAMED in told or _is_multiple(amount, cards))
    copies = amount / labels.count if labels.count and amount else None
    return {
        "count": None if is_ambiguous else say("count", f"{amount / (labels.replicas or 1):g}"),
        "replicas": say("replicas", f"{copies:g}" if copies else ""),
        "sharing": say("sharing", "shared" if _RENAMED in told else _sharing(copies)),
    }


def _sharing(copies: float | None) -> str:
    if copies is None or copies < 1:
        return ""
    return "shared" if copies > 1 else "none"


def _is_multiple(amount: float, cards: float | None) -> bool:
    return bool(cards) and amount > (cards or 0) and amount % (cards or 1) == 0


def _instances(resources: Mapping[str, float], labels: Labels, whole: Mapping[str, float]) -> str:
    counts = {
        name.removeprefix(_MIG): amount / (_replicas_of(name, labels) or 1)
        for name, amount in resources.items()
        if name.startswith(_MIG)
    }
    if counts:
        return tell_instances({name.removesuffix(".shared"): count for name, count in counts.items()})
    return "none" if whole and labels.knows_resources_of_mig else ""


def _replicas_of(resource: str, labels: Labels) -> float | None:
    return read_number(labels.all.get(f"{resource.removesuffix('.shared')}.replicas", ""))

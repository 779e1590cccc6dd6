"""Which names of resources and of DRA drivers mean a GPU: one table for the kubelet's answers and the scheduler's."""

from fnmatch import fnmatchcase
from typing import Final

_GPU: Final = ("nvidia.com/*", "gpu.intel.com/*", "amd.com/gpu*")
# No card is owned through these: a network function of the same vendor, and Intel's look at every card of the node.
_NOT_A_GPU: Final = ("nvidia.com/hostdev*", "gpu.intel.com/*_monitoring")
_GPU_DRIVERS: Final = ("gpu.*",)  # gpu.nvidia.com, gpu.intel.com, gpu.amd.com; not compute-domain.nvidia.com


def is_gpu_driver(name: str) -> bool:
    """Whether devices of this driver (DRA) are GPUs or parts of them."""
    return _is_like(name, _GPU_DRIVERS)


def is_gpu_resource(name: str) -> bool:
    """Whether a container that holds this resource holds a GPU or a part of one."""
    return _is_like(name, _GPU) and not _is_like(name, _NOT_A_GPU)


def _is_like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)

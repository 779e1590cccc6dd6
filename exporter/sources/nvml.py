"""The border to the NVIDIA driver: the only file that imports its binding, `pynvml`, and knows its errors.

Runs only in the child process (`nvml_child.py`), where a call that never returns costs one thread. What that process
imports is memory on every GPU node, so it imports little (`dataclasses` alone would be 1.6 MiB, `msgspec` 3 MiB).
"""

import ctypes
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import pynvml

Values = dict[str, Any]  # fields of `snapshot.Device`, by their names there

MEMORY_V2: Final[int] = pynvml.nvmlMemory_v2
XID_EVENTS: Final[int] = pynvml.nvmlEventTypeXidCriticalError


class DriverGoneError(Exception):
    """The driver as a whole cannot be used; `kind` is a `SourceErrorKind`, the text is for people."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CallFailedError(Exception):
    """The call failed, this time."""


class TimedOutError(CallFailedError):
    """The driver itself gave up waiting."""


class CardLostError(Exception):
    """The card fell off the bus."""


class UnsupportedError(Exception):
    """This card or this driver does not have what was asked for, and will not have it at the next call."""


FAILURES: Final = (CallFailedError, CardLostError, UnsupportedError)  # all that one call can come to but no driver


_NO_LIBRARY: Final = (
    "libnvidia-ml.so.1 was not found: GPU metrics are off. Install the NVIDIA driver, start the pod with the runtime "
    "class nvidia, or say where the library is in nvml.library; nvml.enabled: false where there is no card"
)
_NO_DRIVER: Final = (
    "libnvidia-ml.so.1 is there, the kernel driver is not: GPU metrics are off until it is loaded (modprobe nvidia)"
)
_MISMATCH: Final = (
    "libnvidia-ml.so.1 and the kernel driver have different versions, as after an upgrade: reboot the node or reload "
    "the driver"
)
_GONE: Final = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: ("absent", _NO_LIBRARY),
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: ("absent", _NO_DRIVER),
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: ("failed", _MISMATCH),
    pynvml.NVML_ERROR_UNINITIALIZED: ("failed", "the driver was unloaded or reloaded; the reader starts again"),
}
_UNSUPPORTED: Final = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_INVALID_ARGUMENT,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        pynvml.NVML_ERROR_DEPRECATED,
    }
)
_NOT_AVAILABLE: Final = frozenset({(1 << 32) - 1, (1 << 64) - 1})  # what the driver writes for N/A, by width
_VALUE_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")  # by the type of a field value


class Driver:
    """The library; counts the calls into it, because each may take a lock that the workload needs too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0

    def open(self, library: str) -> None:
        """Load the library, from this path where one is given, and open the driver."""
        if library:
            pynvml.nvmlLib = _load(library)  # the binding sets the same from the one name that it knows
        try:
            self.call("nvmlInitWithFlags", 0)
        except FAILURES as error:
            raise DriverGoneError("failed", f"the driver cannot be opened: {error}") from error

    def call(self, name: str, *arguments: object) -> Any:  # noqa: ANN401  # pynvml ships no types
        """Call one function of the binding; its errors and its N/A become ours."""
        self._count()
        try:
            answer = getattr(pynvml, name)(*arguments)
        except pynvml.NVMLError as error:
            raise _translated(name, error.value) from error
        except pynvml.NVMLLibraryMismatchError as error:  # the binding's word for some missing symbols
            raise UnsupportedError(name) from error
        except UnicodeDecodeError as error:
            raise CallFailedError(f"{name} returned text that is not UTF-8") from error
        if isinstance(answer, list) and answer:
            self._count()  # the binding asked for the length of the list first
        if isinstance(answer, int) and answer in _NOT_AVAILABLE:
            raise CallFailedError(f"{name} returned N/A")
        return answer

    def take_calls(self) -> int:
        """Return the number of calls since the last time that somebody asked."""
        with self._lock:
            calls, self._calls = self._calls, 0
        return calls

    def _count(self) -> None:
        with self._lock:
            self._calls += 1


class Card:
    """One device: its handle, and what it turned out not to support, which is never asked for again."""

    def __init__(self, driver: Driver, index: int) -> None:
        self.driver = driver
        self.index = index
        self.handle: Any = driver.call("nvmlDeviceGetHandleByIndex", index)
        self.uuid: str = self.call("nvmlDeviceGetUUID")
        self.unsupported: set[object] = set()

    def call(self, name: str, *arguments: object) -> Any:  # noqa: ANN401  # pynvml ships no types
        """Call one function of the binding on this device."""
        return self.driver.call(name, self.handle, *arguments)

    def resolve(self) -> None:
        """Find the device anew, by UUID: its index may belong to another one now."""
        self.handle = self.driver.call("nvmlDeviceGetHandleByUUID", self.uuid)
        self.unsupported.clear()

    def read(self, readers: "Iterable[Reader]") -> Values:
        """Return what the first of these readers says that the card supports; nothing where it supports none."""
        for reader in readers:
            if reader in self.unsupported:
                continue
            try:
                return reader(self)
            except UnsupportedError:
                self.unsupported.add(reader)
        return {}

    def field_values(self, numbers: Iterable[int]) -> dict[int, float]:
        """Return those of these field values that the card has, read in one call."""
        wanted = [number for number in numbers if number not in self.unsupported]
        if not wanted:
            raise UnsupportedError("nvmlDeviceGetFieldValues")
        return dict(self._good(self.call("nvmlDeviceGetFieldValues", wanted)))

    def _good(self, answers: Any) -> Iterator[tuple[int, float]]:  # noqa: ANN401  # pynvml ships no types
        for answer in answers:
            if answer.nvmlReturn in _UNSUPPORTED:
                self.unsupported.add(answer.fieldId)
            if answer.nvmlReturn == pynvml.NVML_ERROR_GPU_IS_LOST:
                raise CardLostError(self.uuid)
            if answer.nvmlReturn != pynvml.NVML_SUCCESS or answer.valueType >= len(_VALUE_MEMBERS):
                continue
            value = getattr(answer.value, _VALUE_MEMBERS[answer.valueType])
            if math.isfinite(value) and value not in _NOT_AVAILABLE:
                yield answer.fieldId, value


Reader = Callable[[Card], Values]


def address(handle: Any) -> int | None:  # noqa: ANN401  # pynvml ships no types
    """Return what makes two handles the same device: the binding makes a new object for each."""
    return ctypes.cast(handle, ctypes.c_void_p).value


def _load(library: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(library)
    except OSError as error:
        raise DriverGoneError("absent", f"nvml.library cannot be loaded, GPU metrics are off: {error}") from error


def _translated(name: str, code: int) -> Exception:
    if code in _GONE:
        return DriverGoneError(*_GONE[code])
    if code == pynvml.NVML_ERROR_GPU_IS_LOST:
        return CardLostError(name)
    if code == pynvml.NVML_ERROR_TIMEOUT:
        return TimedOutError(name)
    if code in _UNSUPPORTED:
        return UnsupportedError(name)
    return CallFailedError(f"{name} returned {code}")

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
XID_EVENT: Final[int] = pynvml.nvmlEventTypeXidCriticalError
# By the numbers of nvml.h: an older binding knows not all of their names, the driver says which ones it reports.
OTHER_EVENTS: Final = {
    0x100: "mig_change",
    0x200: "ecc_storm",
    0x400: "memory_retirement",
    0x800: "memory_retirement_failed",
    0x1000: "memory_poison",
    0x2000: "memory_poison_fatal",
    0x4000: "gpu_unavailable",
    0x8000: "recovery_action_change",
}
POWER_SAMPLES: Final[int] = pynvml.NVML_TOTAL_POWER_SAMPLES
BUSY_SAMPLES: Final[int] = pynvml.NVML_GPU_UTILIZATION_SAMPLES

FieldKey = int | tuple[int, int]  # the number of a field value, or that and its scope: the number of a link


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
NOT_AVAILABLE: Final = frozenset({(1 << 32) - 1, (1 << 64) - 1})  # what the driver writes for N/A, by width
_ROUNDED_UP: Final = 101.0  # percent: what is above is no rounding any more, and NaN compares with nothing
_VALUE_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")  # by the type of a field value


class Driver:
    """The library; counts the calls into it, because each may take a lock that the workload needs too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._answers: dict[str, Any] = {}

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
        self.count()
        try:
            answer = getattr(pynvml, name)(*arguments)
        except pynvml.NVMLError as error:
            raise _translated(name, error.value) from error
        except pynvml.NVMLLibraryMismatchError as error:  # the binding's word for some missing symbols
            raise UnsupportedError(name) from error
        except UnicodeDecodeError as error:
            raise CallFailedError(f"{name} returned text that is not UTF-8") from error
        if "RunningProcesses" in name and answer:
            self.count()  # the binding asked for the length of the list first
        numbers = answer if isinstance(answer, list) else (answer,)
        if any(isinstance(number, int) and number in NOT_AVAILABLE for number in numbers):
            raise CallFailedError(f"{name} returned N/A")
        return answer

    def call_once(self, name: str) -> Any:  # noqa: ANN401  # pynvml ships no types
        """Return what `call` says, asked once for all cards: no driver changes its version while it is open."""
        if name not in self._answers:
            self._answers[name] = self.call(name)
        return self._answers[name]

    def take_calls(self) -> int:
        """Return the number of calls since the last time that somebody asked."""
        with self._lock:
            calls, self._calls = self._calls, 0
        return calls

    def count(self) -> None:
        """Count one call that is made without `call`."""
        with self._lock:
            self._calls += 1


class Card:
    """One device: its handle, and what it turned out not to support, which is never asked for again."""

    def __init__(self, driver: Driver, index: int, handle: Any) -> None:  # noqa: ANN401  # pynvml ships no types
        self.driver = driver
        self.index = index
        self.handle = handle
        self.uuid: str = self.call("nvmlDeviceGetUUID")
        self.unsupported: set[object] = set()
        self._room: dict[int, int] = {}  # samples that the driver's buffer of each kind holds

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

    def field_values(self, keys: "Iterable[FieldKey]") -> dict[FieldKey, float]:
        """Return those of these field values that the card has, read in one call."""
        wanted = [key for key in keys if key not in self.unsupported]
        if not wanted:
            raise UnsupportedError("nvmlDeviceGetFieldValues")
        try:
            answers = self.call("nvmlDeviceGetFieldValues", wanted)
        except UnsupportedError:
            self.unsupported.update(wanted)
            raise
        return dict(self._good(zip(wanted, answers, strict=True)))

    def _good(self, answers: Iterable[tuple[FieldKey, Any]]) -> Iterator[tuple[FieldKey, float]]:
        for key, answer in answers:
            if answer.nvmlReturn in _UNSUPPORTED or answer.nvmlReturn == pynvml.NVML_ERROR_NOT_FOUND:
                self.unsupported.add(key)
            if answer.nvmlReturn == pynvml.NVML_ERROR_GPU_IS_LOST:
                raise CardLostError(self.uuid)
            value = _value_of(answer.value, answer.valueType) if answer.nvmlReturn == pynvml.NVML_SUCCESS else None
            if value is not None:
                yield key, value

    def samples(self, kind: int) -> list[tuple[float, float]]:
        """Return what is in the driver's buffer of this kind, oldest first: Unix time in seconds, and the value.

        Past the binding, which asks for the length of the buffer each time: that never changes.
        """
        room = self._room.get(kind) or self._fill(kind, None, 0)[1]
        if room == 0:
            return []
        self._room[kind] = room
        buffer = (pynvml.c_nvmlSample_t * room)()
        value_type, count = self._fill(kind, buffer, room)
        found = [(one.timeStamp / 1e6, _value_of(one.sampleValue, value_type)) for one in buffer[:count]]
        return sorted((at, value) for at, value in found if value is not None)

    def _fill(self, kind: int, buffer: Any, room: int) -> tuple[int, int]:  # noqa: ANN401  # pynvml ships no types
        """Let the driver fill the buffer; the type of the values, and how many there are."""
        value_type, count = ctypes.c_uint(0), ctypes.c_uint(room)
        function = getattr(pynvml.nvmlLib, "nvmlDeviceGetSamples", None)
        if function is None:
            raise UnsupportedError("nvmlDeviceGetSamples")
        self.driver.count()
        code = function(
            self.handle,
            ctypes.c_uint(kind),
            ctypes.c_ulonglong(0),
            ctypes.byref(value_type),
            ctypes.byref(count),
            buffer,
        )
        if code == pynvml.NVML_ERROR_NOT_FOUND:
            return 0, 0  # there is a buffer and nothing in it yet
        if code != pynvml.NVML_SUCCESS:
            self._room.pop(kind, None)
            raise _translated("nvmlDeviceGetSamples", code)
        return value_type.value, count.value

    def gpm_ratios(self, samples: tuple[Any, Any], numbers: Iterable[int]) -> dict[int, float]:
        """Return those of these GPM metrics that the driver can make of two samples, as ratios."""
        asked = pynvml.c_nvmlGpmMetricsGet_t(version=pynvml.NVML_GPM_METRICS_GET_VERSION)
        asked.sample1, asked.sample2 = samples
        for place, number in enumerate(numbers):
            asked.metrics[place].metricId = number
            asked.numMetrics = place + 1
        answers = self.driver.call("nvmlGpmMetricsGet", asked).metrics[: asked.numMetrics]
        good = [one for one in answers if one.nvmlReturn == pynvml.NVML_SUCCESS and 0 <= one.value <= _ROUNDED_UP]
        return {one.metricId: min(one.value / 100, 1.0) for one in good}


def find_card(driver: Driver, index: int) -> Card:
    """Return the card that the driver gives this number."""
    return Card(driver, index, driver.call("nvmlDeviceGetHandleByIndex", index))


Reader = Callable[[Card], Values]


def address(handle: Any) -> int | None:  # noqa: ANN401  # pynvml ships no types
    """Return what makes two handles the same device: the binding makes a new object for each."""
    return ctypes.cast(handle, ctypes.c_void_p).value


def _value_of(union: Any, value_type: int) -> float | None:  # noqa: ANN401  # pynvml ships no types
    """Return the number in one of the driver's unions, None where it is none."""
    if value_type >= len(_VALUE_MEMBERS):
        return None
    value: float = getattr(union, _VALUE_MEMBERS[value_type])
    return value if math.isfinite(value) and value not in NOT_AVAILABLE else None


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

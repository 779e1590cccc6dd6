"""The records of one collection, as the last list and the events since then left them."""

import threading
from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")
Key = tuple[str, str]  # namespace and name


class LocalCopy(Generic[T]):
    """Records by namespace and name; one thread writes, any thread reads."""

    def __init__(self) -> None:
        self.revision = 0  # rises with each change; read it before the records
        self._records: dict[Key, T] = {}
        self._lock = threading.Lock()

    def records(self) -> tuple[T, ...]:
        """Return the records as they are now."""
        with self._lock:
            return tuple(self._records.values())

    def replace(self, found: Mapping[Key, T]) -> None:
        """Make the records those of a new list."""
        with self._lock:
            if found != self._records:
                self._records = dict(found)
                self.revision += 1

    def put(self, key: Key, record: T | None) -> None:
        """Set one record; None takes it away."""
        with self._lock:
            if record == self._records.get(key):
                return
            if record is None:
                del self._records[key]
            else:
                self._records[key] = record
            self.revision += 1

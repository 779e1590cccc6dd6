"""The NVML reader as a process of its own: `python -m exporter.sources.nvml_child <options>`.

A call into the driver may never return. So each card has its own thread here, and the main thread, which makes no call,
writes what they read to the parent and leaves when the parent closes stdin. One line of JSON a message:

    {"type": "opened", "cards": 8}                       the driver answers
    {"type": "named", "uuid": "GPU-…", "index": 0}       a card was found
    {"type": "read", "device": {…}, "watches_xids": …}   it was read; the keys are those of `snapshot.Device`;
                                                         `instances` are the UUIDs of all its MIG instances
    {"type": "xid", "uuid": "GPU-…", "code": 79}         the driver reported an Xid
    {"type": "event", "uuid": "GPU-…", "event": "…"}     the driver reported something else
    {"type": "fault", "kind": "absent", "message": "…"}  the last line: the driver cannot be used

and in each line `calls`: how many calls into the driver were made since the line before.
"""

import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from exporter.sources.nvml import FAILURES, Card, Driver, DriverGoneError, TimedOutError, Values, find_card
from exporter.sources.nvml_card import CardReader
from exporter.sources.nvml_events import EventWatch
from exporter.sources.nvml_fields import ONCE, TWELFTH, Field, Options, fields_of_a_card
from exporter.sources.nvml_mig import Instances

_LONGEST_WAIT: Final = 1.0  # seconds in one call for events: it cannot be interrupted, and stopping waits for it
_PATIENCE: Final = 1.2  # seconds that threads have to come back from the driver when the process shall end
_LONGEST_QUEUE: Final = 256  # messages: a parent that does not listen makes the threads wait, not the memory grow


class Child:
    """The threads of this process and the queue from which the main thread writes."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._interval = options.interval_seconds
        self._driver = Driver()
        self._messages: queue.Queue[Values | None] = queue.Queue(_LONGEST_QUEUE)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self, output: int) -> None:
        """Write messages to `output` until the parent closes stdin or the driver is gone, then leave the driver."""
        threading.excepthook = self._report_crash
        threading.Thread(target=self._watch_stdin, daemon=True).start()
        self._spawn(self._open)
        with contextlib.suppress(BrokenPipeError):  # the parent is gone: the same as being told to stop
            self._write(output)
        self._leave()

    def _write(self, output: int) -> None:
        while (message := self._messages.get()) is not None:
            message["calls"] = self._driver.take_calls()
            line = json.dumps(message, allow_nan=False).encode() + b"\n"
            while line:
                line = line[os.write(output, line) :]
            if message["type"] == "fault":
                return

    def _watch_stdin(self) -> None:
        while os.read(0, 4096):
            pass
        self._messages.put(None)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        """Start a thread; a daemon, because one that hangs in the driver must not hold up the end of the process."""
        thread = threading.Thread(target=self._work, args=(work, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except DriverGoneError as error:
            self._say("fault", kind=error.kind, message=str(error))

    def _report_crash(self, crash: threading.ExceptHookArgs) -> None:
        sys.__excepthook__(crash.exc_type, crash.exc_value or crash.exc_type(), crash.exc_traceback)
        self._say("fault", kind="failed", message=f"the reader met {crash.exc_type.__name__}; see the log")

    def _say(self, what: str, /, **values: object) -> None:
        self._messages.put({"type": what, **values})

    def _leave(self) -> None:
        """Close the driver, but only if no thread is in it: it would wait for that one for ever."""
        self._stopping.set()
        deadline = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            return
        with contextlib.suppress(DriverGoneError, *FAILURES):
            self._driver.call("nvmlShutdown")

    # --- threads ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the driver and start a thread for each card, also for those that appear later."""
        self._driver.open(self._options.library)
        watch = EventWatch(self._driver)
        self._spawn(self._watch_events, watch)
        watch.is_decided.wait(_LONGEST_WAIT)  # so that the first reading of a card can say what is watched
        events = Field("events", ONCE, (watch.add,))
        started = -1
        while not self._stopping.is_set():
            cards = self._count_cards()
            if cards > started:
                self._say("opened", cards=cards)
            for index in range(max(started, 0), cards):
                self._spawn(self._follow, index, events)
            started = max(started, cards)
            self._stopping.wait(self._interval * TWELFTH)

    def _count_cards(self) -> int:
        try:
            return int(self._driver.call("nvmlDeviceGetCount"))
        except FAILURES:
            return -1

    def _follow(self, index: int, events: Field) -> None:
        """Read one card and its instances for ever, at fixed times: what takes too long loses readings."""
        card = self._find(index)
        if card is None:
            return
        self._say("named", uuid=card.uuid, index=index)
        window = self._options.peak_window_seconds
        reader = CardReader(card, (*fields_of_a_card(self._options), events), peak_window_seconds=window)
        instances = Instances(card, peak_window_seconds=window)
        started = time.monotonic()
        while not self._stopping.is_set():
            self._say_reading(reader, instances)
            late = time.monotonic() - started
            started += (late // self._interval + 1) * self._interval
            self._stopping.wait(max(0.0, started - time.monotonic()))

    def _say_reading(self, reader: CardReader, instances: Instances) -> None:
        now = time.monotonic()
        device = reader.read(now)
        found = instances.read(device, now)
        for instance in found:
            self._say("read", device=instance)
        watched = {name: device.pop(name) for name in ("watches_xids", "watches_events") if name in device}
        self._say("read", device=device, instances=[one["uuid"] for one in found], **watched)

    def _find(self, index: int) -> Card | None:
        """Return the card, however long it takes until the driver has a handle for it."""
        while not self._stopping.is_set():
            try:
                return find_card(self._driver, index)
            except FAILURES:
                self._stopping.wait(self._interval)
        return None

    def _watch_events(self, watch: EventWatch) -> None:
        try:
            watch.open()
        except FAILURES:
            return
        while not self._stopping.is_set():
            try:
                what, values = watch.wait(min(_LONGEST_WAIT, self._interval))
            except TimedOutError:
                continue
            except FAILURES:
                self._stopping.wait(self._interval)  # a lost card makes the call fail at once, each time
            else:
                self._say(what, **values)


def _take_stdout() -> int:
    """Return a descriptor of our own to the parent; whoever prints to stdout from now on prints to nowhere."""
    output = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return output


def main(arguments: list[str]) -> None:
    """Read until told to stop."""
    Child(Options(**json.loads(arguments[0]))).run(_take_stdout())


if __name__ == "__main__":
    main(sys.argv[1:])

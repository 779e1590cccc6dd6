"""The page of all outages: what their clusters' exporters say from scrape to scrape, and who serves it.

Probes are asked when they are due, however late a scrape comes, so that counters rise as a real exporter's do.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from e2e.outages import OUTAGES, Outage, State, well
from e2e.processes import LOOPBACK
from exporter import catalogue as c
from probes.layers import CAUSES
from probes.outcome import OUTCOMES

_OBJECTIVES: Final = {"availability": 0.99, "first_token": 0.95}
INTERVAL: Final = 30


@dataclass(slots=True)
class Played:
    """One outage in its cluster, probe by probe; the counters go on from where they are."""

    outage: Outage
    probes: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    row: dict[str, int] = field(default_factory=dict)

    def page(self, now: float, *, is_ill: bool) -> str:
        """Return the cluster's part of the page at this instant."""
        state = State(self.outage.cluster)
        well(state, now)
        for alias in self._names():
            self._probed(state, alias, now, is_ill=is_ill and alias.split("-of-")[0] in self.outage.aliases)
        for change in self.outage.changes if is_ill else ():
            change(state)
        return "".join(f"{line}\n" for line in state.lines())

    def probe(self, *, is_ill: bool) -> None:
        """Ask each alias once."""
        self.probes += 1
        for alias in self._names():
            fails = is_ill and self.outage.outcome != "ok" and alias.split("-of-")[0] in self.outage.aliases
            self.bad[alias] = self.bad.get(alias, 0) + fails
            self.row[alias] = self.row.get(alias, 0) + 1 if fails else 0

    def _names(self) -> Sequence[str]:
        return [f"{alias}-of-{self.outage.cluster}" for alias in ("fast", "chat")]

    def _probed(self, state: State, alias: str, now: float, *, is_ill: bool) -> None:
        outcome = self.outage.outcome if is_ill else "ok"
        bad = self.bad.get(alias, 0)
        state.set(c.ALIAS_INFO, 1, alias=alias, kind="chat", lane=state.lane)
        state.set(c.PROBE_INTERVAL, INTERVAL, alias=alias)
        state.set(c.PROBE_LAST_TURN, now, alias=alias)
        state.set(c.PROBE_LAST_ATTEMPT, now, alias=alias)
        state.set(c.PROBE_CONSECUTIVE_FAILURES, self.row.get(alias, 0), alias=alias)
        state.choose(c.PROBE_LAST_OUTCOME, outcome, OUTCOMES, alias=alias)
        state.choose(c.ALIAS_ROOT_CAUSE, self.outage.cause if is_ill else "none", CAUSES, alias=alias)
        state.set(c.PROBES, self.probes, alias=alias)
        for one in OUTCOMES:
            count = {"ok": self.probes - bad, self.outage.outcome: bad}.get(one, 0)
            state.set(c.PROBE_ATTEMPTS, count, alias=alias, kind="chat", outcome=one)
        for slo, objective in _OBJECTIVES.items():
            missed = bad if slo == "availability" else 0
            state.set(c.PROBE_SLO_OBJECTIVE, objective, alias=alias, slo=slo)
            state.set(c.PROBE_SLO_EVENTS, self.probes - (bad - missed), alias=alias, slo=slo)
            state.set(c.PROBE_SLO_BAD_EVENTS, missed, alias=alias, slo=slo)


class Stage:
    """All outages on one page: well until `fail`, ill until `heal`."""

    def __init__(self, clock: Callable[[], float], probe_seconds: float) -> None:
        self._clock = clock
        self._probe_seconds = probe_seconds
        self._played = [Played(outage) for outage in OUTAGES]
        self._lock = threading.Lock()
        self._is_ill = False
        self._asked = clock()

    def fail(self) -> None:
        """Begin every outage."""
        self._turn(is_ill=True)

    def heal(self) -> None:
        """End every outage."""
        self._turn(is_ill=False)

    def page(self) -> str:
        """Return the page now, after the probes that were due by now."""
        with self._lock:
            self._ask()
            now = time.time()
            return "".join(one.page(now, is_ill=self._is_ill) for one in self._played)

    def _turn(self, *, is_ill: bool) -> None:
        with self._lock:
            self._ask()
            self._is_ill = is_ill

    def _ask(self) -> None:
        while self._clock() - self._asked >= self._probe_seconds:
            self._asked += self._probe_seconds
            for one in self._played:
                one.probe(is_ill=self._is_ill)


@contextmanager
def serving(stage: Stage) -> Iterator[str]:
    """Serve the page on loopback while the context is open; gives host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(stage.page().encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

"""What stands behind Alertmanager: a webhook receiver that remembers what it was told."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from e2e.processes import LOOPBACK
from e2e.waiting import eventually


class Receiver:
    """The alerts that arrived, in order; `status` of each is `firing` or `resolved`. And the notifications, whole."""

    def __init__(self) -> None:
        self.alerts: list[Mapping[str, Any]] = []
        self.notifications: list[Mapping[str, Any]] = []
        self.url = ""

    def last(self, alertname: str) -> Mapping[str, Any]:
        """Return what was said last about the alert of this name; empty: nothing."""
        return next((alert for alert in reversed(self.alerts) if alert["labels"]["alertname"] == alertname), {})

    def wait_for(self, alertname: str, status: str, *, within: float) -> Mapping[str, Any]:
        """Wait until the alert of this name was last said to have this status, and return it."""
        eventually(
            lambda: str(self.last(alertname).get("status", "")), status, within=within, what=f"received {alertname}"
        )
        return self.last(alertname)

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Listen on loopback while the context is open."""
        with ThreadingHTTPServer((LOOPBACK, 0), _handler(self)) as server:
            self.url = f"http://{LOOPBACK}:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            notification = json.loads(body)
            receiver.notifications.append(notification)
            receiver.alerts.extend(notification["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler

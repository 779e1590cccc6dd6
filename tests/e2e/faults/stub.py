"""A server that says what it is told to: in a lane's place, or in the gateway's; for what no real one does on demand.

What it plays can be changed while it runs. It lets go of whoever it keeps waiting when it plays something else.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from e2e.processes import LOOPBACK

_JSON: Final = "application/json"
_LONGEST_WAIT: Final = 30.0


class Visit(BaseHTTPRequestHandler):
    """One request and the words to answer it with."""

    protocol_version = "HTTP/1.1"
    stub: "Stub"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Play what is played now; alone the liveliness of a lane is always well."""
        self._play(b"")

    def do_POST(self) -> None:
        """Play what is played now."""
        self._play(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def _play(self, body: bytes) -> None:
        self.body = body
        with suppress(ConnectionError):
            self.stub.play(self)

    def say(self, status: int, body: object, kind: str = _JSON, **headers: str) -> None:
        """Answer as a whole; `body` is bytes, or becomes JSON."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def begin_stream(self) -> None:
        """Say that a stream begins."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, **choice: Any) -> None:  # noqa: ANN401  # as JSON has it
        """Send one event of a chat."""
        whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
        self.piece(f"data: {json.dumps({**whole, 'choices': [{'index': 0, **choice}]})}\n\n".encode())

    def piece(self, text: bytes) -> None:
        """Send one piece of a stream; an empty one ends it."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def hang_up(self) -> None:
        """Close, whatever was promised."""
        self.close_connection = True

    def wait(self, seconds: float = _LONGEST_WAIT) -> bool:
        """Wait so long, or until something else is played; return whether it is."""
        return self.stub.changed.wait(seconds)


Play = Callable[[Visit], None]


class Stub:
    """A server on a port of its own; `play` answers each request."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.changed = threading.Event()
        handler = type("Handler", (Visit,), {"stub": self})
        self._server = _Server((LOOPBACK, 0), handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{LOOPBACK}:{self.port}"

    @contextmanager
    def listening(self) -> Iterator["Stub"]:
        """Answer on a thread of its own while the context is open."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.changed.set()
            self._server.shutdown()
            self._server.server_close()

    @contextmanager
    def playing(self, play: Play) -> Iterator[None]:
        """Play something else while the context is open."""
        usual = self._set(play)
        try:
            yield
        finally:
            self._set(usual)

    def _set(self, play: Play) -> Play:
        before, self.play = self.play, play
        self.changed.set()  # who waits goes on
        self.changed = threading.Event()
        return before


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever asks may give up in the midst of an answer."""

"""An API server on loopback: collections without rights, selectors or history, and faults as data."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
FORBIDDEN = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": 'User "x" cannot list resource "pods"'}


def pod(name: str, version: int = 1, **labels: str) -> dict[str, Any]:
    """Return the JSON of a running pod."""
    metadata = {"namespace": "vllm", "name": name, "uid": name, "resourceVersion": str(version), "labels": labels}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}


def lane(name: str, replicas: int, **labels: str) -> dict[str, Any]:
    """Return the JSON of a Deployment whose pods carry `labels`."""
    spec = {"replicas": replicas, "template": {"metadata": {"labels": labels}}}
    return {"kind": "Deployment", "metadata": {"namespace": "vllm", "name": name}, "spec": spec}


def event(kind: str, thing: dict[str, Any]) -> bytes:
    """Return one line of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


@dataclass
class Request:
    """One request that came in."""

    path: str
    query: dict[str, str]
    authorization: str

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query

    @property
    def resource(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass
class Reply:
    """What to answer: a status with a body, or a stream of chunks that is closed, or held open for `hold`."""

    status: int = 200
    body: bytes = b"{}"
    chunks: tuple[bytes, ...] | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    hold: bool = False


def refuse(status: dict[str, Any], **headers: str) -> Reply:
    """Return the answer that says no as Kubernetes does."""
    return Reply(status=status["code"], body=json.dumps(status).encode(), headers=headers)


HTML = Reply(body=b"<html>sign in</html>", content_type="text/html")
SILENT = Reply(chunks=(), hold=True)
CLOSED = Reply(chunks=())


class FakeApiServer:
    """Lists `pods`, `lanes` and `others` in pages, answers watches with `watch`; `lists` replaces the answer to lists.

    `others` are by the last part of the path; where one of `refusals` stands there, it is the answer to everything.
    """

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = list(pods)
        self.lanes: list[dict[str, Any]] = []
        self.others: dict[str, list[dict[str, Any]]] = {}
        self.refusals: dict[str, Reply] = {}
        self.version = 100
        self.lists: Reply | None = None
        self.watch: Callable[[Request], Reply] = lambda _: CLOSED
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.url = ""

    @property
    def lists_asked(self) -> list[Request]:
        """The first page of every list."""
        return [one for one in self.requests if not one.is_watch and "continue" not in one.query]

    @property
    def watches_asked(self) -> list[Request]:
        """Every watch."""
        return [one for one in self.requests if one.is_watch]

    def answer(self, request: Request) -> Reply:
        """Return what this server says to `request`."""
        self.requests.append(request)
        if refusal := self.refusals.get(request.resource):
            return refusal
        return self.watch(request) if request.is_watch else self.lists or self._page(request)

    def _page(self, request: Request) -> Reply:
        things = {"pods": self.pods, "deployments": self.lanes, **self.others}.get(request.resource, [])
        start, size = int(request.query.get("continue", 0)), int(request.query["limit"])
        rest = str(start + size) if start + size < len(things) else ""
        metadata = {"resourceVersion": str(self.version), "continue": rest}
        page = {"kind": "List", "metadata": metadata, "items": things[start : start + size] or None}
        return Reply(body=json.dumps(page).encode())


@contextmanager
def serving(fake: FakeApiServer) -> Iterator[FakeApiServer]:
    """Serve `fake` on a free port of loopback until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(fake: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"fake": fake})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two wait 40 ms for one another
    fake: FakeApiServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self._send(self.fake.answer(Request(address.path, query, self.headers.get("Authorization", ""))))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if reply.chunks is None:
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        else:
            self._send_chunks(reply.chunks, reply)

    def _send_chunks(self, chunks: tuple[bytes, ...], reply: Reply) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if reply.hold:
            self.wfile.flush()
            self.fake.released.wait(30)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the client may go
            super().handle()

    def finish(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the same, seen late: the output is buffered
            super().finish()

"""A local server that answers queries as Prometheus does, from a set of series that it has."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """What was asked, and by whom."""

    url: str
    queries: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


class _Quiet(ThreadingHTTPServer):
    """A client that has heard enough closes: that is no error."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(has: Callable[[str], bool], status: int = 200, body: bytes | None = None) -> Iterator[Asked]:
    """Serve while the context is open; `has` says whether a selector finds anything."""

    def answer(_what: str, query: str) -> tuple[int, bytes]:
        selector = re.fullmatch(r"group\(last_over_time\((.*)\[15m\]\)\)", query)
        found = [{"metric": {}, "value": [0, "1"]}] if selector and has(selector[1]) else []
        return status, vector(found) if body is None else body

    with serving(answer) as asked:
        yield asked


def vector(found: list[dict[str, Any]]) -> bytes:
    """Return an answer of these series."""
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": found}}).encode()


@contextmanager
def serving(answer: Callable[[str, str], tuple[int, bytes]]) -> Iterator[Asked]:
    """Serve while the context is open: status and body by the call of the API and its query, or its selector."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            parameters = parse_qs(address.query)
            query = (parameters.get("query") or parameters["match[]"])[0]
            asked.queries.append(query)
            asked.tokens.add(self.headers.get("authorization", ""))
            status, body = answer(address.path.removeprefix("/api/v1/"), query)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    asked = Asked(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

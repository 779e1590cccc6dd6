"""The floor: ten lines of asyncio that answer every request with the same prepared bytes.

Nothing in Python that speaks HTTP can be much faster, so it is what our server is measured against.
"""

import asyncio
import sys
from pathlib import Path


class _Floor(asyncio.Protocol):
    answer: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self._transport, asyncio.Transport)
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(self.answer)


async def _serve(body: bytes) -> None:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _Floor.answer = head.encode() + body
    server = await asyncio.get_running_loop().create_server(_Floor, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]).read_bytes()))

"""What can break between the question and the end of the answer, in our own closed list of words."""

from typing import Literal

from exporter.errors import LanewatchError

Failure = Literal[
    "dns",
    "connect",
    "tls",
    "timeout",  # our own limit, once the connection stood
    "closed",  # the other side closed before its answer was whole
    "protocol",  # the other side does not speak HTTP
    "encoding",  # compressed, although we asked for plain bytes
    "not_a_stream",
    "not_json",
    "bad_chunk",
    "too_large",
    "error",  # on our side: no more files, no memory, a key file that cannot be read
]


class WireError(LanewatchError):
    """An exchange broke; the text is ours and holds nothing that was sent or received."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure: Failure = failure

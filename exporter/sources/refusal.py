"""What an answer that is no list and no watch means: whose fault it is, and for how long to stay away."""

from collections.abc import Mapping
from typing import Final

from exporter.errors import SourceError, SourceErrorKind
from exporter.sources.kube_json import Status, said

_KINDS: Final[Mapping[int, SourceErrorKind]] = {
    401: "forbidden",
    403: "forbidden",
    404: "absent",
    429: "refused",
    503: "refused",
}


class ExpiredError(Exception):
    """The version that the watch should resume from is gone: list again."""


class RefusalError(Exception):
    """The server said no; `reason` is for the outside."""

    def __init__(self, reason: SourceError, pause_seconds: float = 0.0) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.pause_seconds = pause_seconds


class OwnMatterError(RefusalError):
    """It said no to this collection only: others are not to wait for it."""


class ForbiddenError(OwnMatterError):
    """A right is missing."""


class NotServedError(OwnMatterError):
    """There is no such collection."""


class IllError(RefusalError):
    """It said what it would say to any collection."""


class UnauthorizedError(IllError):
    """It does not know the credential, which may have been replaced on disk."""


_CLASSES: Final[Mapping[int, type[RefusalError]]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotServedError,
    429: IllError,
}


def explain_content(path: str, content_type: str) -> IllError:
    """Return why an answer of status 200 is of no use: something else answers in the server's place."""
    found = content_type or "none"
    return IllError(SourceError("bad_answer", f"{path}: expected content of type application/json, found {found}"))


def explain_status(path: str, status: int, body: bytes, pause_seconds: float) -> Exception:
    """Return what a status other than 200 means."""
    if status == 410:
        return ExpiredError()
    message = f"{path}: expected status 200, found {status}: {said(body)}"
    return _class_of(status)(SourceError(_KINDS.get(status, "failed"), message), pause_seconds)


def explain_event(path: str, status: Status) -> Exception:
    """Return what an ERROR in place of an event means."""
    if status.code == 410:
        return ExpiredError()
    message = f"{path}: expected an event, found {status.code}: {status.message[:300]}"
    return _class_of(status.code)(SourceError(_KINDS.get(status.code, "failed"), message))


def _class_of(status: int) -> type[RefusalError]:
    default = OwnMatterError if 400 <= status < 500 else IllError
    return _CLASSES.get(status, default)

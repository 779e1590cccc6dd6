"""The API server: which credential to use and how to reach it, by the `kubernetes` package; it is imported only here.

Takes the package's loaders and its connection pool and none of its models, which cost 919 MiB for 10,000 pods. Refuses
to follow redirects, to try again by itself, and to wait without end.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import config
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.utils.keepalive import tcp_keepalive_socket_options
from urllib3 import exceptions

from exporter.errors import SourceError, SourceErrorKind

_CONNECT_SECONDS: Final = 4.0  # the first packet is sent three times in it
_BODY_SECONDS: Final = 60.0
_LARGEST_BODY: Final = 64 << 20  # bytes of one page of a list
_LARGEST_LINE: Final = 8 << 20  # bytes of one event; etcd holds no object above 1.5 MiB
_LONGEST_RETRY_AFTER: Final = 300.0
_CHUNK: Final = 1 << 16
_KINDS: Final[tuple[tuple[type[Exception], SourceErrorKind], ...]] = (
    (exceptions.NewConnectionError, "refused"),  # before the time-outs: it is one of them
    (exceptions.ProxyError, "refused"),
    (exceptions.TimeoutError, "timeout"),
)
_ADVICE: Final = (
    "give the cluster watcher's pod a service account with automountServiceAccountToken: true, set KUBECONFIG or "
    "kubernetes.kubeconfig, or say kubernetes.enabled: false"
)


class ApiAnswer:
    """One answer, read within limits of bytes and time."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.content_type = response.headers.get("content-type", "")
        self.retry_after_seconds = _seconds(response.headers.get("retry-after", ""))
        self._response = response

    def read(self) -> bytes:
        """Return the whole body."""
        deadline = time.monotonic() + _BODY_SECONDS
        body = bytearray()
        for chunk in self._chunks():
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise SourceError("too_large", f"expected at most {_LARGEST_BODY} bytes of an answer, found more")
            if time.monotonic() > deadline:
                raise SourceError("timeout", f"expected the end of an answer within {_BODY_SECONDS:g} s, found none")
        return bytes(body)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the body as they come."""
        rest = b""
        for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from filter(None, lines)
            if len(rest) > _LARGEST_LINE:
                raise SourceError("too_large", f"expected at most {_LARGEST_LINE} bytes of an event, found more")

    def expect_within(self, seconds: float) -> None:
        """From now on, let the socket be silent for so long and no longer."""
        sock = getattr(self._response.connection, "sock", None)
        if sock is not None:  # None: the whole answer is here already
            sock.settimeout(seconds)

    def cut(self) -> None:
        """Shut the socket, so that a thread which waits for bytes gets none."""
        with suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
            self._response.shutdown()

    def close(self) -> None:
        """Close the connection: half an answer may still be in it."""
        self._response.close()

    def _chunks(self) -> Iterator[bytes]:
        with _translated():
            yield from self._response.stream(_CHUNK, decode_content=False)


class ApiServer:
    """The API server over one credential."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.retries = False
        configuration.socket_options = tcp_keepalive_socket_options(idle=30, interval=10, count=3)
        self._configuration = configuration
        self._host: str = configuration.host
        self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager

    def get(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> ApiAnswer:
        """Ask for `path`; the answer may be silent for so long and no longer."""
        with _translated():
            response = self._pool.request(
                "GET",
                f"{self._host}{path}?{urlencode(query)}",
                headers={"Accept": "application/json", "User-Agent": "lanewatch", **self._authorization()},
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=silence_seconds),
                preload_content=False,
                redirect=False,  # a redirect would carry the token to another host
                retries=False,
            )
        return ApiAnswer(response)

    def post(self, path: str, body: bytes, *, silence_seconds: float) -> ApiAnswer:
        """Hand `body` in at `path`; connected and answered within so long each."""
        with _translated():
            response = self._pool.request(
                "POST",
                f"{self._host}{path}",
                body=body,
                headers={"Content-Type": "application/json", "User-Agent": "lanewatch", **self._authorization()},
                timeout=urllib3.Timeout(connect=silence_seconds, read=silence_seconds),
                preload_content=False,
                redirect=False,
                retries=False,
            )
        return ApiAnswer(response)

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()

    def _authorization(self) -> dict[str, str]:
        """Return the header of the credential; the package reads a rotated token anew, at most a minute late."""
        bearer = self._configuration.auth_settings().get("BearerToken")
        return {"Authorization": bearer["value"]} if bearer and bearer["value"] else {}


def connect(kubeconfig: str) -> ApiServer:
    """Return the API server, by this kubeconfig, or else the pod's service account, KUBECONFIG or ~/.kube/config."""
    configuration = Configuration()
    try:
        _load(configuration, kubeconfig)
    except config.ConfigException as error:
        raise SourceError("absent", f"expected a usable credential, found: {str(error)[:300]}; {_ADVICE}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SourceError("failed", f"expected a usable credential, found: {str(error)[:300]}") from error
    return ApiServer(configuration)


def _load(configuration: Configuration, kubeconfig: str) -> None:
    if not kubeconfig and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # only its models have types
        return
    places = kubeconfig or os.environ.get("KUBECONFIG", "~/.kube/config")
    if not any(Path(place).expanduser().is_file() for place in places.split(os.pathsep)):
        raise SourceError("absent", f"expected a service account or a kubeconfig at {places}, found neither; {_ADVICE}")
    config.load_kube_config(places, client_configuration=configuration)  # type: ignore[no-untyped-call]  # as above


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: a TLS socket that was shut meanwhile
        kind: SourceErrorKind = next((kind for known, kind in _KINDS if isinstance(error, known)), "failed")
        found = f"{type(error).__name__}: {str(error)[:300]}"
        raise SourceError(kind, f"expected an answer of the API server, found {found}") from error


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), _LONGEST_RETRY_AFTER) if retry_after.isdecimal() else 0.0

"""What a request must pass before it is answered, as one frozen whole: a changed web configuration swaps all of it."""

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.reload import Reloader
from exporter.web_config import RateLimit, TlsServer, WebConfig, headers_of, interval_seconds, read_web_config
from exporter.web_tls import context_of, files_of
from exporter.web_users import Users

_log = logging.getLogger(__name__)


class Rate:
    """A bucket of `burst` requests that fills by one each `interval` seconds; it begins full."""

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    def admits(self, now: float) -> bool:
        """Take one request out of the bucket at monotonic time `now`; False where it is empty."""
        self._left = min(float(self._burst), self._left + (now - self._at) / self._interval)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """TLS, the names that a client's certificate must carry one of, users, headers of each answer, and the rate."""

    tls: ssl.SSLContext | None = None
    client_names: tuple[str, ...] = ()
    users: Users | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rate: Rate | None = None
    files: tuple[Path, ...] = ()  # that it is made of: where one changes, it is made anew


OPEN = Door()


def build_door(path: str) -> Door:
    """Return the door that the web configuration at `path` asks for, or raise `ConfigError`."""
    config, where = read_web_config(path), Path(path)
    tls = config.tls_server_config or TlsServer()
    context = context_of(tls, where)
    if context and config.http_server_config and config.http_server_config.http2:
        _log.info("%s: $.http_server_config.http2: HTTP/1.1 is spoken, as every scraper can", path)
    return Door(
        tls=context,
        client_names=tls.client_allowed_sans,
        users=Users(config.basic_auth_users) if config.basic_auth_users else None,
        headers=headers_of(config),
        rate=_rate(config, path),
        files=(where, *files_of(tls, where)),
    )


def _rate(config: WebConfig, path: str) -> Rate | None:
    limit = config.rate_limit or RateLimit()
    seconds = interval_seconds(limit, path)
    return Rate(seconds, limit.burst) if seconds else None


class WebFile:
    """The web configuration at `path`, read again when it or a file that it names changes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.door = Door(files=(Path(path),))
        self.reloader = Reloader("web", lambda: self.door.files, self._load)
        self.door = build_door(path)
        self.reloader.settle()

    async def _load(self) -> None:
        self.door = build_door(self._path)

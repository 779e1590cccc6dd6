"""The file of `--web.config.file`, in the format of exporter-toolkit: TLS, passwords, headers, a limit of the rate.

Read into frozen structs that refuse what they do not know. What the toolkit accepts and this TLS library cannot do is
refused too: a door that is less shut than its file says is worse than none.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from exporter.config import load_mapping, read_text
from exporter.config_problem import explain
from exporter.errors import ConfigError

_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {  # those that may be set, and to what; empty: to anything
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_BCRYPT: Final = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One mapping of the file."""


class TlsServer(_Part, frozen=True):
    """What the server shows and whom it lets in; relative paths start at the file that names them."""

    cert: str = ""
    cert_file: str = ""
    key: str = ""
    key_file: str = ""
    client_ca: str = ""
    client_ca_file: str = ""
    client_auth_type: str = ""
    client_allowed_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()


class HttpServer(_Part, frozen=True):
    """Headers that every answer carries; `http2` is understood, and HTTP/1.1 is spoken."""

    http2: bool = True
    headers: dict[str, str | int | float | bool] = {}


class RateLimit(_Part, frozen=True):
    """One request each `interval`, and `burst` at once."""

    interval: str | int = 0
    burst: Annotated[int, Meta(ge=0)] = 0


class WebConfig(_Part, frozen=True):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer | None = None
    basic_auth_users: dict[str, str] | None = None
    rate_limit: RateLimit | None = None


def read_web_config(path: str) -> WebConfig:
    """Return what the file at `path` says; certificates are not looked at."""
    document = load_mapping(read_text(path), path)
    try:
        config = msgspec.convert(document, WebConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {explain(str(error), _without_secrets(document), WebConfig)}") from error
    _refuse_headers(config, path)
    _refuse_users(config, path)
    interval_seconds(config.rate_limit or RateLimit(), path)
    return config


def headers_of(config: WebConfig) -> dict[str, str]:
    """Return the headers that every answer carries."""
    given = config.http_server_config.headers if config.http_server_config else {}
    return {name: str(value) for name, value in given.items()}


def interval_seconds(limit: RateLimit, where: str) -> float:
    """Return the seconds between two requests as a limit of the rate lets them in; 0: there is no limit."""
    said = str(limit.interval)
    if said == "0":
        return 0.0
    if not _DURATION.fullmatch(said):
        raise ConfigError(f"{where}: $.rate_limit.interval: expected a duration such as `1s`, found `{said[:60]}`")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(said))


def _refuse_headers(config: WebConfig, where: str) -> None:
    for name, value in headers_of(config).items():
        at = f"{where}: $.http_server_config.headers"
        if name not in _HEADERS:
            raise ConfigError(f"{at}: expected headers out of {sorted(_HEADERS)}, found `{name}`")
        if _HEADERS[name] and value not in _HEADERS[name]:
            raise ConfigError(f"{at}.{name}: expected one of {list(_HEADERS[name])}, found `{value}`")
        if not value.isprintable():
            raise ConfigError(f"{at}.{name}: expected one line of text, found other characters")


def _refuse_users(config: WebConfig, where: str) -> None:
    for name, hashed in (config.basic_auth_users or {}).items():
        if not _BCRYPT.fullmatch(hashed):  # what was found may be the password itself
            raise ConfigError(
                f"{where}: $.basic_auth_users.{name}: expected a bcrypt hash ($2y$...), found another text"
            )


def _without_secrets(document: Mapping[str, object]) -> dict[str, object]:
    """Return the document as a message may show it: without keys and hashes."""
    shown = dict(document)
    if isinstance(tls := shown.get("tls_server_config"), Mapping):
        shown["tls_server_config"] = {**tls, "key": "(not shown)"} if "key" in tls else tls
    if isinstance(users := shown.get("basic_auth_users"), Mapping):
        shown["basic_auth_users"] = dict.fromkeys(users, "(not shown)")
    return shown

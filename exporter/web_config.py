"""The file of `--web.config.file`: so far certificate and key of exporter-toolkit's format; the rest is refused."""

import ssl
from pathlib import Path

import msgspec
import yaml

from exporter.errors import ConfigError


class TlsServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Certificate and key that the server shows; relative paths start at the file that names them."""

    cert_file: str
    key_file: str


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    tls_server_config: TlsServer | None = None


def read_tls(path: str | None) -> ssl.SSLContext | None:
    """Return the TLS context that the file at `path` asks for, or None for plain HTTP."""
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
        config = msgspec.convert(yaml.safe_load(text) or {}, WebConfig)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: expected a web configuration file, found: {error}") from error
    return _context(config.tls_server_config, Path(path)) if config.tls_server_config else None


def _context(tls: TlsServer, where: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(where.parent / tls.cert_file, where.parent / tls.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{where}: expected a certificate and its key, found: {error.strerror or error.reason} - "  # type: ignore[attr-defined]  # SSLError has it
            "at `$.tls_server_config`"
        ) from error
    return context

"""What opens the doors of the agents: certificates, a password or a token, read again when one of their files changes.

What cannot be read opens nothing: no agent is asked without what its configuration says, and the reason names the file.
"""

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from exporter.config_agents import AgentsOf
from exporter.errors import ConfigError, SourceError
from exporter.prints import Print, prints
from exporter.secret import NOTHING, Secret, read_password, read_secret
from exporter.sources.fetch import Access

_FILES: Final = ("ca_file", "client_certificate_file", "client_key_file", "password_file", "bearer_token_file")


class AgentAccess:
    """Gives what is shown to agents, as its files say now."""

    def __init__(self, settings: AgentsOf) -> None:
        self._settings = settings
        self._files = [Path(name) for key in _FILES if (name := getattr(settings, key))]
        self._seen: Mapping[Path, Print] = {}
        self._access: Access | None = None

    def now(self) -> Access:
        """Return it, or raise the `SourceError` that says which file cannot be used."""
        found = prints(self._files)
        if self._access is None or found != self._seen:
            self._access = None
            self._access = _load(self._settings)
            self._seen = found
        return self._access


def _load(settings: AgentsOf) -> Access:
    try:
        shown, secrets = _authorization(settings)
        tls = _context(settings) if settings.speaks_tls else None
    except ConfigError as error:
        raise SourceError("failed", str(error)) from None
    return Access(tls=tls, server_name=settings.server_name, authorization=shown, secrets=secrets)


def _authorization(settings: AgentsOf) -> tuple[Secret, tuple[Secret, ...]]:
    """Return the header that is shown, and whatever of it must not come back."""
    if settings.username:
        password = read_password(settings.password_file, settings.password_variable)
        pair = base64.b64encode(f"{settings.username}:{password.reveal()}".encode()).decode()
        return Secret(f"Basic {pair}"), (Secret(pair), password)
    if settings.bearer_token_file:
        token = read_secret(settings.bearer_token_file, "")
        if not token:
            raise ConfigError(f"{settings.bearer_token_file}: expected a file that holds a token, found an empty one")
        return Secret(f"Bearer {token.reveal()}"), (token,)
    return NOTHING, ()


def _context(settings: AgentsOf) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file:
        with _explaining(f"{settings.ca_file}: expected certificates in PEM"):
            context.load_verify_locations(settings.ca_file)
    else:
        context.load_default_certs()
    if settings.client_certificate_file:
        certificate, key = settings.client_certificate_file, settings.client_key_file
        with _explaining(f"{certificate}, {key}: expected a certificate and its key, in PEM"):
            context.load_cert_chain(certificate, key, password="")  # so that nobody is asked at a terminal
    return context


@contextmanager
def _explaining(expected: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # those of the TLS library are among them
        found = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigError(f"{expected}, found: {found}") from None

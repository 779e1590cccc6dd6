"""The TLS context that a web configuration asks for: Go's names in the words of OpenSSL, nothing written to a disk."""

import contextlib
import os
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from exporter.errors import ConfigError
from exporter.web_config import TlsServer

T = TypeVar("T")
_AT: Final = "$.tls_server_config"
_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
# RequestClientCert looks at no certificate: to ask for none comes to the same
_CLIENTS: Final = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED: Final = ("RequireAnyClientCert", "RequireClientCert")
_CIPHERS: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
_CIPHERS_OF_TLS13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


def context_of(tls: TlsServer, where: Path) -> ssl.SSLContext | None:
    """Return the context that the file at `where` asks for, or None where it asks for no TLS."""
    if tls == TlsServer():
        return None
    at = f"{where}: {_AT}"
    for part in ("cert", "key"):
        if not (getattr(tls, part) or getattr(tls, f"{part}_file")):
            raise ConfigError(f"{at}: expected `{part}` or `{part}_file`, found neither")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _bound_versions(context, tls, at)
    _choose_ciphers(context, tls.cipher_suites, at)
    _choose_curve(context, tls.curve_preferences, at)
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, tls, where)
    _require_clients(context, tls, where)
    return context


def files_of(tls: TlsServer, where: Path) -> tuple[Path, ...]:
    """Return the files that the context is made of, beside the one at `where`."""
    names = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(where.parent / name for name in names if name)


def is_allowed(certificate: Mapping[str, object] | None, allowed: Iterable[str]) -> bool:
    """Whether a certificate that was verified carries one of the allowed names."""
    names = (certificate or {}).get("subjectAltName", ())
    found = {str(value) for kind, value in names if kind in {"DNS", "email", "URI", "IP Address"}}  # type: ignore[attr-defined]  # pairs, as the library documents
    return bool(found & set(allowed))


def _bound_versions(context: ssl.SSLContext, tls: TlsServer, at: str) -> None:
    lowest = _pick(_VERSIONS, tls.min_version, f"{at}.min_version")
    highest = _pick(_VERSIONS, tls.max_version, f"{at}.max_version")
    if lowest > highest:
        raise ConfigError(f"{at}.max_version: expected {tls.min_version} or above, found `{tls.max_version}`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the file asks for it
        context.minimum_version, context.maximum_version = lowest, highest


def _choose_ciphers(context: ssl.SSLContext, names: tuple[str, ...], at: str) -> None:
    """Set the ciphers up to TLS 1.2; as in Go, those of TLS 1.3 cannot be chosen."""
    known = {**_CIPHERS, **dict.fromkeys(_CIPHERS_OF_TLS13, "")}
    chosen = [_pick(known, name, f"{at}.cipher_suites") for name in names]
    if any(chosen):
        context.set_ciphers(":".join(filter(None, chosen)))
    elif chosen:  # only such as TLS 1.3 has
        if context.maximum_version < ssl.TLSVersion.TLSv1_3:
            raise ConfigError(f"{at}.cipher_suites: expected one for TLS 1.2, found only those of TLS 1.3")
        context.minimum_version = ssl.TLSVersion.TLSv1_3


def _choose_curve(context: ssl.SSLContext, names: tuple[str, ...], at: str) -> None:
    chosen = {_pick(_CURVES, name, f"{at}.curve_preferences") for name in names}
    if len(chosen) == 1:
        context.set_ecdh_curve(chosen.pop())
    elif chosen and chosen != set(_CURVES.values()):
        raise ConfigError(
            f"{at}.curve_preferences: expected one curve, or all of {list(_CURVES)}: Python's ssl sets one or leaves "
            f"OpenSSL's own, found {list(names)}"
        )


def _load_certificate(context: ssl.SSLContext, tls: TlsServer, where: Path) -> None:
    at = f"{where}: {_AT}"
    with contextlib.ExitStack() as stack:
        certificate, key = (
            where.parent / name if name else Path(stack.enter_context(_in_memory(text)))
            for name, text in ((tls.cert_file, tls.cert), (tls.key_file, tls.key))
        )
        for path in (certificate, key):
            _refuse_unreadable(path, at)
        try:
            context.load_cert_chain(certificate, key, password="")  # so that nobody is asked at a terminal
        except (ssl.SSLError, ValueError) as error:
            found = getattr(error, "reason", None) or error
            raise ConfigError(f"{at}: expected a certificate and its key, in PEM, found: {found}") from error


def _refuse_unreadable(path: Path, at: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{at}: expected a readable file {path}, found: {error.strerror}") from error


def _require_clients(context: ssl.SSLContext, tls: TlsServer, where: Path) -> None:
    at = f"{where}: {_AT}"
    if tls.client_auth_type in _UNVERIFIED:
        raise ConfigError(
            f"{at}.client_auth_type: expected RequireAndVerifyClientCert: Python's ssl cannot ask for a certificate "
            f"without verifying it, found `{tls.client_auth_type}`"
        )
    mode = _pick(_CLIENTS, tls.client_auth_type, f"{at}.client_auth_type")
    if mode is ssl.CERT_NONE and (tls.client_ca or tls.client_ca_file):
        raise ConfigError(f"{at}.client_auth_type: expected one beside a client CA that verifies, found none")
    if mode is not ssl.CERT_REQUIRED and tls.client_allowed_sans:
        raise ConfigError(
            f"{at}.client_auth_type: expected RequireAndVerifyClientCert beside client_allowed_sans, "
            f"found `{tls.client_auth_type}`"
        )
    context.verify_mode = mode
    if mode is not ssl.CERT_NONE:
        _trust(context, tls, where)


def _trust(context: ssl.SSLContext, tls: TlsServer, where: Path) -> None:
    """Trust the given authorities, or, as Go does where none are given, those of the system."""
    if not (tls.client_ca or tls.client_ca_file):
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    path = where.parent / tls.client_ca_file if tls.client_ca_file else None
    if path:
        _refuse_unreadable(path, f"{where}: {_AT}.client_ca_file")
    try:
        context.load_verify_locations(path, cadata=None if path else tls.client_ca)
    except (ssl.SSLError, ValueError) as error:
        found = getattr(error, "reason", None) or error
        raise ConfigError(f"{where}: {_AT}: expected a client CA in PEM, found: {found}") from error


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Give the path of a file that is in memory only: the TLS library loads from paths."""
    descriptor = os.memfd_create("lanewatch-tls")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _pick(known: Mapping[str, T], name: str, at: str) -> T:
    if name not in known:
        raise ConfigError(f"{at}: expected one of {[one for one in known if one]}, found `{name}`")
    return known[name]

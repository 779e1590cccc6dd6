"""The doors of agents: who shows what they ask for is let in, who does not is told why, and no secret leaves."""

import asyncio
import base64
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from exporter.config_agents import AgentsOf
from exporter.errors import SourceError
from exporter.snapshot import NodeView
from exporter.sources.agent_access import AgentAccess
from exporter.sources.agents import asking
from exporter.web_door import build_door
from fakes.doors import TLS, behind

_NODE: Final = "gpu-worker-1"
_CAROL: Final = "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"  # carol123
_SERVER: Final = {"cert_file": str(TLS / "localhost.crt"), "key_file": str(TLS / "localhost.key")}
_CLIENTS: Final = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(TLS / "client-one.crt")}
_TRUST: Final = {"ca_file": str(TLS / "localhost.crt")}
_BY_ADDRESS: Final = {**_TRUST, "server_name": "localhost"}
_CLIENT: Final = {
    "client_certificate_file": str(TLS / "client-one.crt"),
    "client_key_file": str(TLS / "client-one.key"),
}
_OTHER: Final = {name: path.replace("client-one", "client-two") for name, path in _CLIENT.items()}
_PASSWORD_FILE: Final = {"username": "u", "password_file": "{at}/password"}
_USER: Final = {"username": "carol", "password_variable": "PASSWORD_OF_THIS_TEST"}


def agents_of(**settings: Any) -> AgentsOf:  # noqa: ANN401  # of YAML
    return msgspec.convert(settings, AgentsOf)


def asked(web: dict[str, Any], directory: Path, host: str = "localhost", **settings: Any) -> NodeView:  # noqa: ANN401  # of YAML
    """Ask an agent behind this web configuration, as these settings say."""
    path = directory / "web.yaml"
    path.write_text(yaml.safe_dump(web))
    door = build_door(str(path))

    async def go() -> NodeView:
        async with behind(lambda: door) as url:
            address = f"{url.replace('localhost', host)}/metrics"
            return await asking(agents_of(urls={_NODE: address}, **settings))(_NODE, address)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("web", "host", "settings"),
    [
        pytest.param({}, "127.0.0.1", {}, id="no door"),
        pytest.param({}, "127.0.0.1", _USER, id="a password that nobody asks for"),
        pytest.param({"tls_server_config": _SERVER}, "localhost", _TRUST, id="TLS"),
        pytest.param({"tls_server_config": _SERVER}, "127.0.0.1", _BY_ADDRESS, id="TLS, by an address"),
        pytest.param(
            {"tls_server_config": _SERVER}, "127.0.0.1", {"insecure_skip_verify": True}, id="TLS that is not verified"
        ),
        pytest.param(
            {"tls_server_config": _SERVER | _CLIENTS}, "localhost", _TRUST | _CLIENT, id="a client's certificate"
        ),
        pytest.param({"basic_auth_users": {"carol": _CAROL}}, "127.0.0.1", _USER, id="a password"),
        pytest.param(
            {"tls_server_config": _SERVER | _CLIENTS, "basic_auth_users": {"carol": _CAROL}},
            "127.0.0.1",
            _BY_ADDRESS | _CLIENT | _USER,
            id="all of them",
        ),
    ],
)
def test_who_shows_what_is_asked_for_is_let_in(
    web: dict[str, Any], host: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_OF_THIS_TEST", "carol123")
    assert asked(web, tmp_path, host, **settings).node == _NODE


@pytest.mark.parametrize(
    ("web", "settings", "said"),
    [
        pytest.param(
            {"tls_server_config": _SERVER},
            {"server_name": "localhost"},
            "can be trusted, found: self-signed certificate",
            id="nobody vouches for the certificate",
        ),
        pytest.param({"tls_server_config": _SERVER}, _TRUST, "found: IP address mismatch", id="no name to go by"),
        pytest.param(
            {"tls_server_config": _SERVER},
            _TRUST | {"server_name": "agents"},
            "Hostname mismatch, certificate is not valid for 'agents'",
            id="a name that it does not carry",
        ),
        pytest.param(
            {"tls_server_config": _SERVER | _CLIENTS},
            _BY_ADDRESS,
            "it may ask for TLS or a certificate",
            id="no certificate is shown",
        ),
        pytest.param(
            {"tls_server_config": _SERVER | _CLIENTS},
            _BY_ADDRESS | _OTHER,
            "bad_answer: ",
            id="the certificate of somebody else",
        ),
        pytest.param({"basic_auth_users": {"carol": _CAROL}}, {}, "forbidden: ", id="no password"),
        pytest.param({"basic_auth_users": {"carol": _CAROL}}, _USER, "forbidden: ", id="a wrong password"),
    ],
)
def test_who_does_not_is_told_why(
    web: dict[str, Any], settings: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_OF_THIS_TEST", "carol124")
    with pytest.raises(SourceError) as refused:
        asked(web, tmp_path, "127.0.0.1", **settings)
    assert said in f"{refused.value.kind}: {refused.value}"
    assert "carol124" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "settings", "said"),
    [
        pytest.param(
            {},
            _PASSWORD_FILE,
            "{at}/password: expected a file that holds the password, found: No such file or directory",
            id="no password file",
        ),
        pytest.param(
            {"password": b" \n"},
            _PASSWORD_FILE,
            "{at}/password: expected a password of 1 to 8192 characters, found 0",
            id="an empty password",
        ),
        pytest.param(
            {"password": b"sesame\nsesame"},
            _PASSWORD_FILE,
            "{at}/password: expected a password in UTF-8 on one line, found another text (not shown)",
            id="two lines",
        ),
        pytest.param(
            {"password": b"sesame\xff"},
            _PASSWORD_FILE,
            "{at}/password: expected a password in UTF-8 on one line, found another text (not shown)",
            id="no UTF-8",
        ),
        pytest.param(
            {},
            {"username": "u", "password_variable": "NOT_SET_IN_THIS_TEST"},
            "$NOT_SET_IN_THIS_TEST: expected a password of 1 to 8192 characters, found 0",
            id="a variable that is not set",
        ),
        pytest.param(
            {"token": b""},
            {"bearer_token_file": "{at}/token"},
            "{at}/token: expected a file that holds a token, found an empty one",
            id="an empty token",
        ),
        pytest.param(
            {},
            {"scheme": "https", "ca_file": "{at}/ca.crt"},
            "{at}/ca.crt: expected certificates in PEM, found: No such file or directory",
            id="no authorities",
        ),
        pytest.param(
            {"ca.crt": b"none"},
            {"scheme": "https", "ca_file": "{at}/ca.crt"},
            "{at}/ca.crt: expected certificates in PEM, found: NO_CERTIFICATE_OR_CRL_FOUND",
            id="authorities that are none",
        ),
        pytest.param(
            {"a.crt": (TLS / "client-one.crt").read_bytes(), "a.key": (TLS / "client-two.key").read_bytes()},
            {
                "scheme": "https",
                "insecure_skip_verify": True,
                "client_certificate_file": "{at}/a.crt",
                "client_key_file": "{at}/a.key",
            },
            "{at}/a.crt, {at}/a.key: expected a certificate and its key, in PEM, found: KEY_VALUES_MISMATCH",
            id="the key of another certificate",
        ),
    ],
)
def test_nobody_is_asked_without_what_the_configuration_says(
    files: dict[str, bytes], settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    placed = {key: value.format(at=tmp_path) if isinstance(value, str) else value for key, value in settings.items()}
    with pytest.raises(SourceError) as refused:
        AgentAccess(agents_of(**placed)).now()
    assert (refused.value.kind, str(refused.value)) == ("failed", said.format(at=tmp_path))
    assert "sesame" not in repr(refused.value.__cause__)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """A token is renewed each hour."""
    path = tmp_path / "token"
    access = AgentAccess(agents_of(bearer_token_file=str(path)))

    def shown(token: str) -> str:
        path.write_text(token)
        return access.now().authorization.reveal()

    assert [shown("first\n"), shown("the-second")] == ["Bearer first", "Bearer the-second"]


def test_a_password_is_sent_as_browsers_send_it(tmp_path: Path) -> None:
    """In UTF-8, white space around it left out, a colon in it kept."""
    (tmp_path / "password").write_text(" pä:ss wörd\n", encoding="utf-8")
    access = AgentAccess(agents_of(username="carol", password_file=str(tmp_path / "password"))).now()
    pair = access.authorization.reveal().removeprefix("Basic ")
    assert base64.b64decode(pair).decode() == "carol:pä:ss wörd"


def test_tls_is_made_anew_only_where_a_file_changed(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.crt"
    authorities.write_bytes((TLS / "localhost.crt").read_bytes())
    access = AgentAccess(agents_of(scheme="https", ca_file=str(authorities)))
    first = access.now()
    assert access.now() is first
    authorities.unlink()
    with pytest.raises(SourceError, match="No such file"):
        access.now()
    authorities.write_bytes((TLS / "client-one.crt").read_bytes())
    assert access.now().tls is not first.tls

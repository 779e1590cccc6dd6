"""The web configuration: the cases of exporter-toolkit in our own files, and what a door made of each lets in."""

import asyncio
import logging
import shutil
import ssl
import warnings
from pathlib import Path

import httpx
import pytest

from exporter.errors import ConfigError
from exporter.web_door import Door, Rate, WebFile, build_door
from fakes.doors import TLS, behind, trusting

_FILES = Path(__file__).parent / "web_config"
_BAD = sorted(_FILES.glob("*.bad.yml"))
_GOOD = sorted(_FILES.glob("*.good.yml"))
_REFUSED = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)


def _door(name: str) -> Door:
    return build_door(str(_FILES / f"{name}.good.yml"))


def _ask(
    door: Door, *paths: str, client: ssl.SSLContext | None = None, auth: tuple[str, str] | None = None
) -> list[int]:
    """Return the status of each answer; the door is asked by one client, over one connection where it can."""

    async def go() -> list[int]:
        verify = client or trusting()
        async with behind(lambda: door) as url, httpx.AsyncClient(verify=verify, auth=auth, trust_env=False) as asking:
            return [(await asking.get(url + path)).status_code for path in paths or ("/metrics",)]

    return asyncio.run(go())


@pytest.mark.parametrize("path", _BAD, ids=[path.stem for path in _BAD])
def test_a_bad_file_is_refused_with_its_message(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for a door gets that one or an error, never a door that is less shut."""
    monkeypatch.chdir(_FILES)
    with pytest.raises(ConfigError) as refused:
        build_door(path.name)
    assert str(refused.value) == f"{path.name}: {path.with_suffix('.txt').read_text(encoding='utf-8').rstrip()}"


@pytest.mark.parametrize("path", _GOOD, ids=[path.stem for path in _GOOD])
def test_a_good_file_makes_a_door(path: Path) -> None:
    assert build_door(str(path)).files[0] == path


def test_the_cases_of_the_toolkit_are_all_here() -> None:
    assert (len(_BAD), len(_GOOD)) >= (30, 20)


def test_a_message_shows_neither_key_nor_password(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    for text in (
        "tls_server_config: {key: [s3cret]}",
        "basic_auth_users: {a: s3cret}",
        "basic_auth_users: {a: [s3cret]}",
    ):
        path.write_text(text)
        with pytest.raises(ConfigError) as refused:
            build_door(str(path))
        assert "s3cret" not in str(refused.value)


def test_http2_is_accepted_and_said_once_to_be_spoken_by_nobody(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "web.yml"
    pair = f"cert_file: {TLS / 'localhost.crt'}, key_file: {TLS / 'localhost.key'}"
    path.write_text(f"tls_server_config: {{{pair}}}\nhttp_server_config: {{http2: true}}\n")
    with caplog.at_level(logging.INFO):
        build_door(str(path))
    assert [record.message for record in caplog.records] == [
        f"{path}: $.http_server_config.http2: HTTP/1.1 is spoken, as every scraper can"
    ]


def _client(*, highest: ssl.TLSVersion | None = None, ciphers: str = "", curve: str = "") -> ssl.SSLContext:
    context = trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tried
        if highest:
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, highest
    if ciphers:
        context.set_ciphers(ciphers)
    if curve:
        context.set_ecdh_curve(curve)
    return context


_LETS_IN = [
    pytest.param("certificate", trusting(), id="a client that trusts the certificate"),
    pytest.param("certificate_inline", trusting(), id="certificate and key in the file itself"),
    pytest.param("key_inline", trusting(), id="a key in the file itself"),
    pytest.param("every_cipher", trusting(), id="all ciphers"),
    pytest.param("some_ciphers", _client(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"), id="a common cipher"),
    pytest.param("cipher_without_http2", trusting(), id="a cipher that HTTP/2 would not do with"),
    pytest.param("cipher_that_http2_lacks", trusting(), id="the same where HTTP/2 is not refused"),
    pytest.param("every_curve", trusting(), id="all curves"),
    pytest.param("one_curve", _client(curve="secp521r1"), id="a common curve"),
    pytest.param("client_verified", trusting("client-one"), id="a client whose certificate is verified"),
    pytest.param("client_ca_inline", trusting("client-one"), id="a client CA in the file itself"),
    pytest.param("client_asked_only", trusting(), id="a client that shows no certificate and need not"),
    pytest.param("client_name", trusting("client-one"), id="a client whose certificate carries an allowed name"),
    pytest.param("empty", trusting(), id="anybody, where the file is empty"),
]
_KEEPS_OUT = [
    pytest.param("certificate", _client(highest=ssl.TLSVersion.TLSv1_1), id="a client of TLS 1.1"),
    pytest.param("certificate", ssl.create_default_context(), id="a client that does not trust the certificate"),
    pytest.param(
        "ciphers_of_tls13_only", _client(highest=ssl.TLSVersion.TLSv1_2), id="TLS 1.2 without a cipher for it"
    ),
    pytest.param("some_ciphers", _client(ciphers="ECDHE-ECDSA-AES256-SHA"), id="no common cipher"),
    pytest.param("one_curve", _client(curve="secp384r1"), id="no common curve"),
    pytest.param("client_verified", trusting(), id="a client without a certificate"),
    pytest.param("client_verified", trusting("client-two"), id="a client whose certificate nobody vouches for"),
    pytest.param("client_of_the_system", trusting("client-one"), id="a client that the system's CAs do not know"),
    pytest.param("client_name_of_others", trusting("client-one"), id="a client whose certificate carries another name"),
]


@pytest.mark.parametrize(("name", "client"), _LETS_IN)
def test_the_door_lets_in(name: str, client: ssl.SSLContext) -> None:
    assert _ask(_door(name), client=client) == [200]


@pytest.mark.parametrize(("name", "client"), _KEEPS_OUT)
def test_the_door_keeps_out(name: str, client: ssl.SSLContext) -> None:
    with pytest.raises(_REFUSED):
        _ask(_door(name), client=client)


def test_plain_http_is_kept_out_where_tls_is_asked_for() -> None:
    async def go() -> None:
        async with behind(lambda: _door("certificate")) as url, httpx.AsyncClient(trust_env=False) as asking:
            await asking.get(url.replace("https", "http") + "/metrics")

    with pytest.raises(_REFUSED):
        asyncio.run(go())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("some_ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", id="the server's first"),
        pytest.param("some_ciphers_client_prefers", "ECDHE-ECDSA-AES128-GCM-SHA256", id="the client's first"),
    ],
)
def test_who_prefers_chooses_the_cipher(name: str, expected: str) -> None:
    """Both files name the two ciphers in opposite order; the client here prefers the first of the first file."""
    client = _client(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")

    async def go() -> str:
        async with behind(lambda: _door(name)) as url:
            port = int(url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("localhost", port, ssl=client)
            cipher: str = writer.get_extra_info("cipher")[0]
            writer.close()
            return cipher

    assert asyncio.run(go()) == expected


def test_every_answer_carries_the_headers_whatever_it_is() -> None:
    async def go() -> list[tuple[int, str, str]]:
        async with behind(lambda: _door("headers")) as url, httpx.AsyncClient(trust_env=False) as asking:
            answers = [await asking.get(url + path) for path in ("/", "/metrics", "/healthz", "/none")]
            answers.append(await asking.post(url + "/metrics"))
            return [(a.status_code, a.headers["x-frame-options"], a.headers["x-xss-protection"]) for a in answers]

    assert asyncio.run(go()) == [(status, "deny", "1") for status in (200, 200, 200, 404, 405)]


@pytest.mark.parametrize(
    ("auth", "status"),
    [
        pytest.param(("carol", "carol123"), 200, id="the right password"),
        pytest.param(("carol", "carol124"), 401, id="a wrong password"),
        pytest.param(("carol", ""), 401, id="no password"),
        pytest.param(("eve", "carol123"), 401, id="a name that nobody has"),
        pytest.param(None, 401, id="nothing"),
    ],
)
def test_a_password_is_asked_for_on_every_page_but_those_of_a_kubelet(
    auth: tuple[str, str] | None, status: int
) -> None:
    paths = ("/metrics", "/", "/status.json", "/none", "/healthz", "/readyz")
    expected = [status, status, status, status if status == 401 else 404, 200, 200]
    assert _ask(_door("users"), *paths, auth=auth) == expected


def test_who_is_not_let_in_is_told_how_to_ask() -> None:
    async def go() -> str:
        async with behind(lambda: _door("users_without_tls")) as url, httpx.AsyncClient(trust_env=False) as asking:
            return (await asking.get(url + "/metrics")).headers["www-authenticate"]

    assert asyncio.run(go()) == "Basic"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("no_rate", [200] * 10, id="no limit"),
        pytest.param("rate", [200] * 3 + [429] * 7, id="three at once"),
        pytest.param("rate_without_burst", [429] * 10, id="none at once"),
    ],
)
def test_the_rate_is_limited(name: str, expected: list[int]) -> None:
    assert _ask(_door(name), *["/metrics"] * 10) == expected


def test_a_limit_of_the_rate_restarts_no_pod() -> None:
    assert _ask(_door("rate_without_burst"), "/metrics", "/healthz", "/readyz") == [429, 200, 200]


def test_a_bucket_fills_as_time_goes_by() -> None:
    rate = Rate(2.0, 1)
    begin = rate._at  # noqa: SLF001  # the clock it began by
    assert [rate.admits(begin + second) for second in (0, 1, 2.5, 3, 5)] == [True, False, True, False, True]


def test_a_changed_file_is_taken_whole_and_a_broken_one_is_not(tmp_path: Path) -> None:
    """A certificate that was renewed is shown to the next connection; what cannot be used leaves the old one."""
    for end in ("crt", "key"):
        shutil.copy(TLS / f"localhost.{end}", tmp_path / f"a.{end}")
    path = tmp_path / "web.yml"
    path.write_text("tls_server_config: {cert_file: a.crt, key_file: a.key}\n")
    renewed = ssl.create_default_context(cafile=str(TLS / "client-one.crt"))
    renewed.check_hostname = False

    async def status(url: str, client: ssl.SSLContext) -> int:
        async with httpx.AsyncClient(verify=client, trust_env=False) as asking:
            return (await asking.get(url + "/metrics")).status_code

    async def go() -> None:
        file = WebFile(str(path))
        async with behind(lambda: file.door) as url:
            assert await status(url, trusting()) == 200
            shutil.copy(TLS / "client-one.crt", tmp_path / "a.crt")  # its key has not come yet
            await file.reloader.look()
            assert (file.reloader.is_well, await status(url, trusting())) == (False, 200)
            shutil.copy(TLS / "client-one.key", tmp_path / "a.key")
            await file.reloader.look()
            assert (file.reloader.is_well, await status(url, renewed)) == (True, 200)
            with pytest.raises(_REFUSED):
                await status(url, trusting())

    asyncio.run(go())

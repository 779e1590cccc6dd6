"""TLS: the certificate is checked against the name although the connection goes to an address."""

import asyncio
import dataclasses
import ssl
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from fakes.gateway import HEALTHY, fake_gateway, question_to
from probes.attempt import Attempt, ask

PAIR = Path(__file__).parents[1] / "fixtures" / "tls"
CA = str(PAIR / "localhost.crt")


def attempt_at(host: str, ca_file: str) -> Attempt:
    async def attempt() -> Attempt:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(PAIR / "localhost.crt", PAIR / "localhost.key")
        async with fake_gateway(HEALTHY, tls=context) as fake:
            question = question_to(f"https://{host}:{fake.port}")
            return await ask(dataclasses.replace(question, ca_file=ca_file))

    return asyncio.run(attempt())


def test_trusted_name() -> None:
    """A certificate for the name is good, and the handshake is a phase of its own."""
    attempt = attempt_at("localhost", CA)
    assert (attempt.failure, attempt.is_done) == (None, True)
    assert attempt.phases["connect"] < attempt.phases["tls"] < attempt.phases["first_chunk"]


@pytest.mark.parametrize(
    ("host", "ca_file", "words"),
    [
        pytest.param("localhost", "", "self-signed certificate", id="nobody vouches for it"),
        pytest.param("127.0.0.1", CA, "IP address mismatch", id="it is for another name"),
    ],
)
def test_untrusted(host: str, ca_file: str, words: str) -> None:
    """What is not trusted is not talked to."""
    attempt = attempt_at(host, ca_file)
    assert attempt.failure == "tls"
    assert words in attempt.failure_words


@pytest.mark.parametrize("greeting", [b"220 ready\r\n", b""], ids=["another protocol", "silence"])
def test_no_handshake(greeting: bytes) -> None:
    """A server that takes the connection but never encrypts it fails at TLS, not at the connection."""

    async def attempt() -> Attempt:
        left = asyncio.Event()

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(greeting)
            await reader.read()
            writer.close()
            left.set()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            attempt = await ask(question_to(url, timeout=0.3))
            await left.wait()  # the probe hung up, at once
            return attempt

    assert asyncio.run(attempt()).failure == "tls"


def test_missing_ca_file() -> None:
    """A CA file that is not there is a mistake in the configuration."""
    with pytest.raises(ConfigError, match=r"^/nowhere: expected a PEM file of certificates, found: No such file"):
        attempt_at("localhost", "/nowhere")

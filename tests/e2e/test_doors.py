"""Before the door: a real Prometheus, the watcher, by TLS, password and certificate; and a crowd of bad clients."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from benchmarks.client_crowd import Crowd
from benchmarks.doors import burden, server, trusting
from benchmarks.soak import soak
from e2e.monitoring import prometheus_scraping
from e2e.node import LANEWATCH, exporter, serve_command
from e2e.processes import LOOPBACK, Command, free_port, running
from exporter import catalogue as c
from fakes.doors import TLS
from fakes.doors import trusting as trusting_as

pytestmark = pytest.mark.real

_CAROL: Final = "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"
_SOON: Final = 20.0


@contextmanager
def _exporter(directory: Path, web: dict[str, Any]) -> Iterator[int]:
    """Run the node role behind this door; gives its port."""
    port = free_port()
    directory.mkdir(parents=True)
    path = directory / "web.yaml"
    path.write_text(yaml.safe_dump(web))
    address = f"{LOOPBACK}:{port}"
    line: list[str | Path] = [LANEWATCH, "serve", "--role", "node", "--web.listen-address", address]
    line += ["--web.config.file", path]
    node = {"NODE_NAME": "gpu-worker-1"}
    with running(Command(name="lanewatch", line=line, directory=directory, environment=node)) as program:
        program.wait_until(lambda: "serving https" in program.log.read_text(), within=_SOON)
        yield port


def _scrape(job: str, port: int, **more: object) -> dict[str, Any]:
    tls = {"ca_file": str(TLS / "localhost.crt"), "server_name": "localhost"}
    targets = [{"targets": [f"{LOOPBACK}:{port}"]}]
    return {"job_name": job, "scheme": "https", "tls_config": tls, "static_configs": targets, **more}


def _tls(**more: object) -> dict[str, Any]:
    return {"cert_file": str(TLS / "localhost.crt"), "key_file": str(TLS / "localhost.key"), **more}


def test_prometheus_scrapes_over_tls_with_a_password_and_not_without(tmp_path: Path) -> None:
    """The right password is up; a wrong one, none, and a certificate that is not trusted are down."""
    web = {"tls_server_config": _tls(), "basic_auth_users": {"carol": _CAROL}}
    right = {"basic_auth": {"username": "carol", "password": "carol123"}}
    wrong = {"basic_auth": {"username": "carol", "password": "carol124"}}
    with _exporter(tmp_path / "lanewatch", web) as port:
        scrapes = [
            _scrape("right", port, **right),
            _scrape("wrong", port, **wrong),
            _scrape("none", port),
            _scrape("distrust", port, **right) | {"tls_config": {"server_name": "localhost"}},
        ]
        with prometheus_scraping(scrapes, tmp_path / "prometheus") as prometheus:
            prometheus.eventually('lanewatch_build_info{job="right"}', [1], within=_SOON)
            prometheus.eventually("count(up)", [4], within=_SOON)
            assert prometheus.values('up{job!="right"}') == [0, 0, 0]
            assert prometheus.values('lanewatch_build_info{job!="right"}') == []
        wrong_password = ("carol", "carol124")
        answer = httpx.get(f"https://localhost:{port}/metrics", verify=trusting_as(), auth=wrong_password)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")


def test_prometheus_shows_a_certificate_whose_name_is_allowed(tmp_path: Path) -> None:
    client = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(TLS / "client-one.crt")}
    web = {"tls_server_config": _tls(**client, client_allowed_sans=["test3"])}
    shown = {"cert_file": str(TLS / "client-one.crt"), "key_file": str(TLS / "client-one.key")}
    with _exporter(tmp_path / "lanewatch", web) as port:
        named = _scrape("named", port)
        named["tls_config"] |= shown
        with prometheus_scraping([named, _scrape("nameless", port)], tmp_path / "prometheus") as prometheus:
            prometheus.eventually('lanewatch_build_info{job="named"}', [1], within=_SOON)
            prometheus.eventually('up{job="nameless"}', [0], within=_SOON)


def test_the_watcher_is_let_in_with_what_its_files_say_now(tmp_path: Path) -> None:
    """An agent behind TLS, a certificate and a password is heard; a wrong password is not, until it is mended."""
    client = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(TLS / "client-one.crt")}
    web = {"tls_server_config": _tls(**client), "basic_auth_users": {"carol": _CAROL}}
    password = tmp_path / "password"
    password.write_text("carol123\n")
    with _exporter(tmp_path / "agent", web) as port:
        agents = {
            "urls": {"gpu-worker-1": f"https://{LOOPBACK}:{port}/metrics"},
            "interval_seconds": 1,
            "ca_file": str(TLS / "localhost.crt"),
            "server_name": "localhost",
            "client_certificate_file": str(TLS / "client-one.crt"),
            "client_key_file": str(TLS / "client-one.key"),
            "username": "carol",
            "password_file": str(password),
        }
        line = serve_command({"kubernetes": {"enabled": False}, "agents": agents}, tmp_path, "--role", "cluster")
        with exporter([*line, "--log.level", "debug"], tmp_path, {}) as watcher:
            for now, is_heard in (("carol123", 1), ("carol124", 0), ("carol123", 1)):
                password.write_text(now)
                watcher.eventually(c.AGENT_UP, is_heard, node="gpu-worker-1")
            shown = watcher.program.log.read_text() + watcher.page()
        assert [secret for secret in ("carol123", "carol124") if secret in shown] == []


def test_a_crowd_of_bad_clients_holds_nothing_for_long(tmp_path: Path) -> None:
    """The short form of `benchmarks.doors`, by counts: who is half open is cut, and everything is given back."""
    with server(tmp_path) as (pid, port):
        crowd = Crowd(port, trusting())
        found = asyncio.run(burden(pid, crowd, {"half": 60, "silent": 4, "slow": 4}, seconds=7, scrapers=5))
    assert found.cut >= 60
    assert found.lost == 0
    assert len(found.seconds) > 5
    assert found.most.threads < 20
    assert found.after.descriptors <= found.before.descriptors + 2
    assert found.most.rss_bytes - found.before.rss_bytes < 40 << 20


def test_what_everybody_does_at_once_leaves_nothing_behind() -> None:
    """The short form of `benchmarks.soak`, by counts: scraped, probing, told of pods, it holds no more than before."""
    counted = asyncio.run(soak(seconds=8, rate=100))
    half = len(counted.states) // 2
    before, after = ({state for _, state in states} for states in (counted.states[:half], counted.states[half:]))
    assert counted.failed == 0
    assert min(counted.scrapes, counted.probes, counted.events) > 50
    assert max(state.threads for state in after) <= max(state.threads for state in before) + 2
    assert max(state.descriptors for state in after) <= max(state.descriptors for state in before) + 20
    assert max(state.rss_bytes for state in after) <= max(state.rss_bytes for state in before) + (8 << 20)


def test_the_crowd_is_a_crowd() -> None:
    """A burden that is never cut would make the test above say nothing."""

    async def go() -> int:
        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        listening = await asyncio.start_server(hold, LOOPBACK, 0)
        crowd = Crowd(listening.sockets[0].getsockname()[1])
        await crowd.come({"half": 5, "silent": 5}, 0, until=time.monotonic() + 3)
        listening.close()
        return crowd.cut

    assert asyncio.run(go()) == 0

"""The command `lanewatch`, as a process: its exit codes, its words, and that it starts and stops."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

_ROOT = Path(__file__).parents[1]
_COMMAND = [sys.executable, "-m", "lanewatch"]
_LIMIT = 20.0  # seconds that a busy machine may take for what takes one


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *arguments],
        cwd=_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def _running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run until the block ends; gives the process and the address that it says it serves on."""
    process = subprocess.Popen(
        [*_COMMAND, *arguments, "--web.listen-address", "127.0.0.1:0"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.search(r"https?://127\.0\.0\.1:\d+(?=/metrics|\")", line):
                yield process, match.group()
                break
        else:
            pytest.fail(f"it ended with {process.wait()} before it served")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _eventually(url: str, pattern: str) -> str:
    """Return the first page that matches `pattern`."""
    deadline = time.monotonic() + _LIMIT
    while True:
        text = httpx.get(f"{url}/metrics").text
        if re.search(pattern, text, re.MULTILINE):
            return text
        assert time.monotonic() < deadline, f"expected {pattern} on the page, found:\n{text}"
        time.sleep(0.05)


def test_a_bad_configuration_stops_the_start_with_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("nvml: {interval: 3}\n", encoding="utf-8")
    for command in (("serve", "--config", str(path)), ("config", "check", str(path))):
        done = _run(*command)
        assert done.returncode == 2
        assert done.stderr.startswith(f"lanewatch: {path}: $.nvml: expected keys out of [")
        assert "Traceback" not in done.stderr


def test_a_good_configuration_is_said_to_be_valid(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(_run("config", "reference").stdout, encoding="utf-8")
    done = _run("config", "check", str(path))
    assert (done.returncode, done.stdout) == (0, f"{path}: valid: pools 1, lanes 0, aliases 0\n")


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1"])
def test_a_bad_address_is_a_usage_error(address: str) -> None:
    done = _run("serve", "--web.listen-address", address)
    assert done.returncode == 2
    assert f"expected HOST:PORT with a port of 0 to 65535, found {address!r}" in done.stderr


def test_flags_are_variables_too(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("- 1\n", encoding="utf-8")
    done = _run("serve", LANEWATCH_CONFIG=str(path))
    assert done.returncode == 2
    assert "expected a mapping of keys, found a list" in done.stderr


def test_a_web_configuration_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    """Better no server than one that was asked for a password and does not ask for it."""
    path = tmp_path / "web.yaml"
    path.write_text("basic_auth_users: {a: b}\n", encoding="utf-8")
    done = _run("serve", "--web.config.file", str(path))
    assert done.returncode == 2
    assert "basic_auth_users" in done.stderr


def test_it_serves_over_tls_where_it_is_asked_to() -> None:
    """Relative names start at the file that holds them, as in exporter-toolkit."""
    web = _ROOT / "tests/fixtures/tls/web.yaml"
    with _running("serve", "--role", "node", "--web.config.file", str(web)) as (_, url):
        trust = ssl.create_default_context(cafile=str(web.with_name("localhost.crt")))
        answer = httpx.get(url.replace("127.0.0.1", "localhost") + "/healthz", verify=trust)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url.replace("https", "http") + "/healthz")
    assert answer.text == "ok\n"


def test_a_certificate_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("tls_server_config: {cert_file: none.crt, key_file: none.key}\n", encoding="utf-8")
    done = _run("serve", "--web.config.file", str(path))
    assert done.returncode == 2
    assert (
        f"lanewatch: {path}: $.tls_server_config: expected a readable file {tmp_path}/none.crt, found: No such"
        in done.stderr
    )


@pytest.mark.parametrize("role", ["cluster", "all"])
def test_a_changed_configuration_is_taken_while_it_runs_and_a_bad_one_is_not(tmp_path: Path, role: str) -> None:
    """By itself within seconds, or at SIGHUP; a file that is half written leaves the one before."""
    path = tmp_path / "lanewatch.yaml"
    rest = "kubernetes: {enabled: false}\nagents: {enabled: false}\nnvml: {enabled: false}\nkubelet: {enabled: false}\n"
    pools = "pools: [{name: %s, labels: {a: b}}]\n"
    path.write_text(rest + pools % "first")
    with _running("serve", "--role", role, "--config", str(path)) as (process, url):
        before = _eventually(url, r'^lanewatch_pool_switch_deadline_seconds\{pool="first"')
        path.write_text(rest + pools % "second")
        after = _eventually(url, r'^lanewatch_pool_switch_deadline_seconds\{pool="second"')
        assert _hash_on(before) != _hash_on(after)
        path.write_text(rest + pools[:9])
        process.send_signal(signal.SIGHUP)
        assert 'pool="second"' in _eventually(url, r'^lanewatch_config_last_reload_successful\{file="config"\} 0')


def _hash_on(page: str) -> str:
    found = re.search(r'^lanewatch_config_info\{hash="([0-9a-f]{12})"\} 1', page, re.MULTILINE)
    assert found
    return found[1]


def test_it_needs_nothing_to_write_to(tmp_path: Path) -> None:
    """No file takes a byte, there is no home and no place for temporary files: it serves all the same."""
    nowhere = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"), "/nonexistent")
    line = ["prlimit", "--fsize=0:0", *_COMMAND, "serve", "--role", "all", "--web.listen-address", "127.0.0.1:0"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1", **nowhere}
    with subprocess.Popen(
        line, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            said = next(line for line in process.stderr if "serving http" in line)
            _eventually(json.loads(said)["message"].removeprefix("serving "), r'^lanewatch_source_up\{source="pci"\} 1')
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_it_serves_without_any_configuration_and_says_what_is_off() -> None:
    with _running("serve", "--role", "node") as (_, url):
        text = _eventually(url, r'^lanewatch_source_errors_total\{kind="absent",source="podresources"\} [1-9]')
        page = httpx.get(url).text
    assert 'lanewatch_source_up{source="podresources"} 0.0' in text
    assert "expected the kubelet&#x27;s socket, found no file" in page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to(number: signal.Signals) -> None:
    with _running("demo") as (process, _):
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=_LIMIT) == 0
        assert time.monotonic() - started < 5


def test_the_demo_shows_the_reference_node_and_says_that_it_is_simulated() -> None:
    with _running("demo") as (_, url):
        text = _eventually(url, r'^lanewatch_probe_last_outcome\{alias="fast",outcome="ok"\} 1\.0')
        page = httpx.get(url).text
    assert 'simulated="yes"' in text
    assert 'lanewatch_pool_invariant_ok{pool="gpu-llm",unit=""} 1.0' in text
    assert 'lanewatch_alias_root_cause{alias="fast",cause="none"} 1.0' in text
    assert "lanewatch_gpu_memory_used_bytes{" in text
    assert "simulated: no card" in page


def test_the_logs_are_one_json_object_a_line() -> None:
    with _running("serve", "--role", "node") as (process, _):
        process.terminate()
        lines = process.communicate(timeout=_LIMIT)[0].splitlines()
    assert lines
    assert all({"time", "level", "logger", "message"} <= set(json.loads(line)) for line in lines)


def test_an_address_that_is_taken_is_said_in_one_line() -> None:
    with _running("serve", "--role", "node") as (_, url):
        done = _run("serve", "--role", "node", "--web.listen-address", url.removeprefix("http://"))
    assert done.returncode == 1
    assert f"lanewatch: expected to listen on {url.removeprefix('http://')}, found: " in done.stderr
    assert "Traceback" not in done.stderr

"""`lanewatch snapshot`: what it writes, what it sends, what it says, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakes.answering_prometheus import serving, vector
from lanewatch import main

_BAD = b'{"status":"error","errorType":"bad_data","error":"no node named db-1.corp.example"}'


def _run(out: Path, url: str, *options: str, **environment: str) -> Result:
    line = ["snapshot", "--prometheus", url, "--dashboard", "exporter", "--out", str(out), *options]
    return CliRunner().invoke(main, line, env=environment)


def _told(what: str, query: str) -> tuple[int, bytes]:
    if what.startswith("label/"):
        return 200, json.dumps({"status": "success", "data": ["worker-1.corp.example"]}).encode()
    labels = {"node": "worker-1.corp.example", "instance": "10.0.0.1:19840", "source": "nvml", "alias": "fast"}
    if "simulated" in query and "group(" in query:
        return 200, vector([])
    return 200, vector([{"metric": labels, "values": [[1_800_000_000, "1"]], "value": [1_800_000_000, "1"]}])


def test_it_writes_a_picture_and_its_data(tmp_path: Path) -> None:
    """It prints both names, and what was told of names stays where it was."""
    out = tmp_path / "a.png"
    with serving(_told) as asked:
        done = _run(out, asked.url, "--to", "2027-01-15T08:00:00Z", "--range", "1h", "--allow", "fast")
    assert (done.exit_code, done.output) == (0, f"{out}\n{tmp_path / 'a.json'}\n")
    told = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["from"], told["to"], told["step"], told["simulated"]) == (1799996400, 1800000000, 15, False)
    text = json.dumps(told)
    assert "corp.example" not in text
    assert "10.0.0.1" not in text
    assert "fast" in text
    assert out.read_bytes().startswith(b"\x89PNG")


def test_what_is_chosen_is_asked_for_as_grafana_does(tmp_path: Path) -> None:
    """Several values as an expression, escaped; a page about one card takes the first where none is chosen."""
    with serving(_told) as asked:
        _run(tmp_path / "a.png", asked.url, "--var", "node=a.b", "--var", "node=c")
        _run(tmp_path / "a.png", asked.url, "--dashboard", "gpu-node")
    sent = "\n".join(asked.queries)
    assert 'node=~"(a\\\\.b|c)"' in sent
    assert 'node=~"worker-1\\\\.corp\\\\.example"' in sent
    assert "$" not in sent


def test_a_refused_query_costs_its_panel(tmp_path: Path) -> None:
    """Exit 10; the server's own words may hold names, so nobody hears them."""
    with serving(lambda what, query: (400, _BAD) if "source_errors" in query else _told(what, query)) as asked:
        done = _run(tmp_path / "a.png", asked.url)
    assert done.exit_code == 10
    assert f"lanewatch: {asked.url}: 1 panels are not drawn: a query was refused" in done.output
    assert "db-1" not in done.output + (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(401, b"", "the server refused to answer: HTTP 401", id="it asks for a token"),
        pytest.param(200, b"<html>", "expected the answer of a Prometheus, found something else", id="a page"),
        pytest.param(
            200, b'{"data":{"result":[{"metric":7}]}}', "expected the answer of a Prometheus", id="other JSON"
        ),
    ],
)
def test_a_server_that_does_not_answer_ends_it(tmp_path: Path, status: int, body: bytes, words: str) -> None:
    """Exit 20, one line, and no picture."""
    with serving(lambda *_: (status, body)) as asked:
        done = _run(tmp_path / "a.png", asked.url)
    assert done.exit_code == 20
    assert done.output.startswith(f"lanewatch: {asked.url}: {words}")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_not_read_to_its_end(tmp_path: Path) -> None:
    """It is refused as a query is, and where every one is, there is nothing to draw."""
    with serving(lambda *_: (200, b" " * (9 << 20))) as asked:
        done = _run(tmp_path / "a.png", asked.url)
    assert (done.exit_code, done.output) == (20, f"lanewatch: {asked.url}: the server refused every query\n")


def test_secrets_come_from_variables_or_files_and_are_never_shown(tmp_path: Path) -> None:
    """A bearer token, or a user and a password."""
    file = tmp_path / "basic"
    file.write_text("grace:from-a-file\n", encoding="utf-8")
    with serving(_told) as asked:
        bearer = _run(tmp_path / "a.png", asked.url, LANEWATCH_PROMETHEUS_TOKEN="from-a-variable")  # noqa: S106
        basic = _run(tmp_path / "a.png", asked.url, "--basic-auth-file", str(file))
    assert asked.tokens == {"Bearer from-a-variable", "Basic Z3JhY2U6ZnJvbS1hLWZpbGU="}
    assert "from-a-" not in bearer.output + basic.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(
            ["--dashboard", "x"], "--dashboard: expected one out of ['alias', 'exporter', ", id="no such page"
        ),
        pytest.param(["--out", "a.jpg"], "--out: expected a name that ends in .png, found 'a.jpg'", id="another form"),
        pytest.param(["--var", "pod=x"], "--var: expected a variable out of ['cluster', ", id="no such variable"),
        pytest.param(["--var", "pod"], "expected NAME=VALUE, found 'pod'", id="no value"),
        pytest.param(["--range", "1y"], "expected a duration such as 30m, 3h or 7d", id="no duration"),
        pytest.param(["--from", "noon"], "expected a time such as 2026-01-31T14:00:00Z", id="no time"),
        pytest.param(["--from", "9", "--to", "5"], "--from: expected a time before --to", id="the end first"),
        pytest.param(["--from", "9", "--range", "1h"], "--range: expected it without --from", id="two beginnings"),
        pytest.param(["--prometheus", "http://u:p@h"], "URL without user and password", id="a password in the URL"),
        pytest.param(["--out", "/gone/a.png"], "/gone/a.png: expected a place to write to", id="no such folder"),
    ],
)
def test_what_cannot_be_is_refused_with_2(tmp_path: Path, options: list[str], words: str) -> None:
    with serving(_told) as asked:
        done = _run(tmp_path / "a.png", asked.url, *options)
    assert done.exit_code == 2
    assert words in done.output


def test_every_option_is_in_the_document() -> None:
    document = Path(__file__).parents[2].joinpath("docs/pictures.md").read_text(encoding="utf-8")
    options = [option for parameter in main.commands["snapshot"].params for option in parameter.opts]
    assert len(options) == 11
    assert [option for option in options if f"`{option}" not in document and f" {option} " not in document] == []


def test_two_secrets_are_one_too_many(tmp_path: Path) -> None:
    given = {"LANEWATCH_PROMETHEUS_TOKEN": "a", "LANEWATCH_PROMETHEUS_BASIC_AUTH": "b:c"}
    done = _run(tmp_path / "a.png", "http://127.0.0.1:1", **given)
    assert done.exit_code == 2
    assert "expected a bearer token ($LANEWATCH_PROMETHEUS_TOKEN) or user:password" in done.output


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Matplotlib is loaded by this command only."""
    line = ["snapshot", "--prometheus", "http://127.0.0.1:1", "--dashboard", "fleet", "--out", str(tmp_path / "a.png")]
    code = f"import sys; sys.modules['matplotlib'] = None; from lanewatch import main; main({line!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected the extra `pictures` (pip install 'lanewatch[pictures]')" in done.stderr

"""The documents: commands in them run, files in them are valid, links in them lead somewhere."""

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
import yaml

import lanewatch
from documents import DOCUMENTS, ROOT, Block, blocks, steps
from exporter.chart.documents import rows
from exporter.chart.values import Values
from exporter.config import parse_config
from exporter.rights import REVIEWS, RIGHTS
from probes.command import main as probe

_EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
_OTHERS = (
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "chart/README.md",
    ROOT / "docs/autoscaling/README.md",
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SETTING = re.compile(r"`([a-z][A-Za-z_]*(?:\.[A-Za-z_]+)+)(?=[`:=])")
_OF_THEIR_CHART = "alertmanager.alertmanagerSpec."  # kube-prometheus-stack's
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ENDS = frozenset({">", "|", "||", "&&"})  # of a command within its line
_SAID = re.compile(r"`(expected [a-z ]+)")
_INDENTED = re.compile(r"^    (?:\.venv/bin/)?(make|lanewatch|probe|helm|kubectl|curl|docker|promtool) ", re.MULTILINE)


def _commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of each command of ours in a script, runnable here or not."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = list(itertools.takewhile(lambda word: word not in _ENDS, shlex.split(line, comments=True)))
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words = words[1:]
        if words and words[0].removeprefix(".venv/bin/") in {"lanewatch", "probe", "make"}:
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def _all_commands() -> list[Any]:
    found = [
        (path.name, command)
        for path in DOCUMENTS
        for block in blocks(path)
        if block.language == "sh"
        for command in _commands(block)
    ]
    return [pytest.param(command, id=f"{name}: {' '.join(command)}") for name, command in found]


def _parse(command: click.Command, name: str, words: list[str]) -> None:
    """Let click read the words as it would, down to the subcommand, and run nothing."""
    if isinstance(command, click.Group) and words and words[0] in command.commands:
        _parse(command.commands[words[0]], words[0], words[1:])
    else:
        command.make_context(name, words).close()


@_EACH
def test_every_script_runs_or_says_why_not(path: Path, tmp_path: Path) -> None:
    """In the order of the document, in one folder, with the files that it shows."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for files, script in steps(path, are_real=False):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), script


@_EACH
def test_a_note_excuses_with_a_reason_or_asks_for_the_real_tools(path: Path) -> None:
    notes = {block.note for block in blocks(path) if block.language == "sh" and block.note}
    assert {note for note in notes if not re.fullmatch(r"run by make verify|not run here: .{10,}", note)} == set()


@_EACH
def test_no_command_stands_where_no_test_sees_it(path: Path) -> None:
    """A command is in a block of shell, where the tests here find it."""
    assert _INDENTED.findall(_FENCED.sub("", path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("command", _all_commands())
def test_our_own_commands_are_understood(command: list[str]) -> None:
    """Also where a script cannot be run here: options and targets exist."""
    name, *words = command
    if name == "make":
        subprocess.run(["make", "-n", *words, f"PYTHON_DIGEST=sha256:{64 * '0'}"], cwd=ROOT, check=True)
    else:
        _parse({"lanewatch": lanewatch.main, "probe": probe}[name], name, words)


@_EACH
def test_files_that_are_shown_are_valid(path: Path) -> None:
    """Values are taken by the chart, configurations by the program."""
    shown = [block for block in blocks(path) if block.language == "yaml"]
    for block in shown:
        if block.file.startswith("values"):
            document = yaml.safe_load(block.text)
            assert msgspec.convert(document, Values)
            parse_config(yaml.safe_dump(document.get("config", {})), block.file)
        if block.file in {"lanewatch.yaml", "pools.yaml"}:
            assert parse_config(block.text, block.file)


def test_messages_that_are_quoted_are_said() -> None:
    """Who looks for what is on the screen finds it in the document, as long as it is what the program says."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "exporter").rglob("*.py"))
    quoted = _SAID.findall((ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8"))
    assert len(quoted) > 3
    assert [text for text in quoted if text not in sources] == []


def _slugs(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as the usual renderers make them."""
    headings = _HEADING.findall(_FENCED.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*DOCUMENTS, *_OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", path.read_text(encoding="utf-8"))):
        where, _, anchor = link.partition("#")
        target = (path.parent / where) if where else path
        assert link.startswith("https://") or target.exists(), link
        assert not anchor or anchor in _slugs(target), link


def test_the_readme_leads_to_every_document() -> None:
    links = set(_LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{path.name}" for path in DOCUMENTS[1:]} - links == set()


def _keys() -> set[str]:
    """Return the path of every key of the configuration, as its document has them."""
    found: set[str] = set()
    section = ""
    for line in (ROOT / "docs/configuration.md").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (?:`(.+)`|The whole file)", line):
            section = f"{heading[1]}." if heading[1] else ""
        elif row := re.match(r"\| `(\w+)` \|", line):
            found.add(f"{section}{row[1]}".replace("[]", ""))
    return found


@_EACH
def test_settings_that_are_named_exist(path: Path) -> None:
    """A value of the chart or a key of the configuration that a text names by its path is there, spelt so."""
    keys = _keys()
    known = {row.path for row in rows()} | keys | {f"config.{key}" for key in keys}
    roots = {name.partition(".")[0] for name in known}
    text = _FENCED.sub("", path.read_text(encoding="utf-8")).replace("[]", "")
    named = {name for name in _SETTING.findall(text) if name.partition(".")[0] in roots}
    assert {name for name in named - known if not name.startswith(_OF_THEIR_CHART)} == set()


def test_every_flag_of_the_exporter_is_told() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    flags = [name for one in lanewatch.serve.params for name in one.opts]
    assert len(flags) > 4
    assert [flag for flag in flags if f"`{flag}`" not in text] == []


def test_the_document_of_security_names_every_right() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    missing = [
        right
        for right in (*RIGHTS, *REVIEWS)
        if not any(f"`{right.resource}`" in row and f"`{right.setting}`" in row for row in rows)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("```sh\nfalse\n```\n", [({}, "false\n")], id="a script"),
        pytest.param("<!-- not run here: no cluster is here -->\n```sh\nfalse\n```\n", [], id="an excused one"),
        pytest.param("<!-- run by make verify -->\n```sh\nfalse\n```\n", [], id="one for the real tools"),
        pytest.param(
            "```yaml\n# a.yaml\nb: 1\n```\n\n```sh\ncat a.yaml\n```\n",
            [({"a.yaml": "# a.yaml\nb: 1\n"}, "cat a.yaml\n")],
            id="one with a file",
        ),
    ],
)
def test_scripts_are_found(text: str, expected: list[tuple[dict[str, str], str]], tmp_path: Path) -> None:
    """The tests above test something."""
    path = tmp_path / "x.md"
    path.write_text(text, encoding="utf-8")
    assert list(steps(path, are_real=False)) == expected

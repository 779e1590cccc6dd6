"""The image: what its Dockerfile says, and that its steps make a command that runs.

No container engine is needed: `make verify` runs the very RUN lines in a folder of their own, with this Python.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_LOCKED = re.compile(r"^(\S+==\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of the file, its continued lines joined."""

    word: str
    rest: str


def _parse(text: str) -> list[Step]:
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines()]


def _unpinned(text: str) -> list[str]:
    """Return what FROM names without a digest; a digest may come from an ARG that has no default to fall back on."""
    steps = _parse(text)
    demanded = {f"${{{step.rest}}}" for step in steps if step.word == "ARG" and "=" not in step.rest}
    stages = {step.rest.split()[2] for step in steps if step.word == "FROM" and " AS " in step.rest}
    images = [step.rest.split()[0] for step in steps if step.word == "FROM"]
    return [image for image in images if image not in stages and not _is_pinned(image.partition("@")[2], demanded)]


def _is_pinned(digest: str, demanded: set[str]) -> bool:
    return digest in demanded or re.fullmatch(r"sha256:[0-9a-f]{64}", digest) is not None


_TEXT = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
_STEPS = _parse(_TEXT)
_LAST_FROM = max(number for number, step in enumerate(_STEPS) if step.word == "FROM")
_BUILD, _FINAL = _STEPS[:_LAST_FROM], _STEPS[_LAST_FROM:]


def _final(word: str) -> list[str]:
    return [step.rest for step in _FINAL if step.word == word]


def _sources() -> list[str]:
    return [source for step in _BUILD if step.word == "COPY" for source in step.rest.split()[:-1]]


def test_each_base_is_pinned_by_its_digest() -> None:
    assert _unpinned(_TEXT) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("FROM python:3.11-slim\n", ["python:3.11-slim"], id="a tag alone"),
        pytest.param("FROM python@sha256:12\n", ["python@sha256:12"], id="half a digest"),
        pytest.param("ARG D=x\nFROM python@${D}\n", ["python@${D}"], id="a digest that has a default"),
        pytest.param("ARG D\nFROM python@${D} AS one\nFROM one\nFROM alpine\n", ["alpine"], id="a later stage"),
    ],
)
def test_a_base_without_a_digest_is_found(text: str, found: list[str]) -> None:
    """The test above tests something."""
    assert _unpinned(text) == found


@pytest.mark.parametrize("digest", ["", "latest", "sha256:12"])
def test_no_image_is_made_without_the_digest(digest: str) -> None:
    done = subprocess.run(
        ["make", "image", f"PYTHON_DIGEST={digest}"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"expected PYTHON_DIGEST=sha256:<64 hex digits> of python:3.11-slim, found '{digest}'" in done.stderr


def test_it_runs_as_nobody_in_particular_and_without_a_shell() -> None:
    """Kubernetes can only prove `runAsNonRoot` of a number; a shell would swallow SIGTERM."""
    (user,) = _final("USER")
    assert min(map(int, user.split(":"))) > 0
    assert json.loads(_final("ENTRYPOINT")[0])[0].startswith("/")
    assert json.loads(_final("CMD")[0]) == ["serve"]
    assert _final("STOPSIGNAL") == ["SIGTERM"]
    assert _final("RUN") == []


def test_the_chart_runs_what_the_image_has() -> None:
    """Its pods name the command without a path, and the watcher's user as a number."""
    pod = (_ROOT / "chart/templates/_pod.tpl").read_text(encoding="utf-8")
    (environment,) = _final("ENV")
    assert "command: [lanewatch, serve]" in pod
    assert "PATH=/opt/lanewatch/bin:$PATH" in environment.split()
    assert f"runAsUser: {_final('USER')[0].partition(':')[0]}\n" in pod


def test_it_says_what_it_is() -> None:
    (labels,) = _final("LABEL")
    said = {key.removeprefix("org.opencontainers.image.") for key, _ in (w.split("=", 1) for w in shlex.split(labels))}
    assert said == {"title", "description", "licenses", "version", "revision", "base.name", "base.digest"}


def test_what_it_copies_is_there_and_nothing_else_is_sent() -> None:
    kept = [line[1:] for line in (_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]
    assert sorted(kept) == sorted(_sources())
    assert [source for source in kept if not (_ROOT / source).exists()] == []


def test_what_builds_the_wheel_is_what_was_tested() -> None:
    """Each version of the build's lock stands in the development lock too, and each has a hash."""
    build = (_ROOT / "requirements-build.txt").read_text(encoding="utf-8")
    pins = set(_LOCKED.findall(build))
    assert pins
    assert pins <= set(_LOCKED.findall((_ROOT / "requirements-dev.txt").read_text(encoding="utf-8")))
    assert build.count("--hash=sha256:") >= len(pins)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the RUN lines of the build in a folder that plays the root; return that folder."""
    root = tmp_path_factory.mktemp("i")
    source = root / "src"
    source.mkdir()
    for name in _sources():
        copy = shutil.copytree if (_ROOT / name).is_dir() else shutil.copyfile
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(_ROOT / name, source / name)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for step in _BUILD:
        if step.word == "RUN":
            line = re.sub(r"(?<![\w.])/(build|opt/lanewatch)(?=[/ ]|$)", rf"{root}/\1", step.rest)
            subprocess.run(["bash", "-ec", line], cwd=source, env={**os.environ, "PATH": path}, check=True)
    return root


def _run(built: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what the last stage runs, with nothing in its environment: neither a PATH nor a HOME."""
    (entry,) = json.loads(_final("ENTRYPOINT")[0])
    command = [f"{built}{entry}", *arguments]
    return subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, check=False)


@pytest.mark.real
def test_its_steps_make_a_command_that_runs(built: Path) -> None:
    done = _run(built, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lanewatch, version ")
    assert (built / "opt/lanewatch/bin/lanewatch").read_bytes().startswith(f"#!{built}/opt".encode())


@pytest.mark.real
def test_it_finds_all_that_the_wheel_carries(built: Path) -> None:
    """The configuration's reference comes from the package, the rules from the files beside it."""
    assert _run(built, "config", "reference").returncode == 0
    carried = {path.name for path in (built / "opt/lanewatch/share/lanewatch/rules").glob("*.yaml")}
    assert carried == {path.name for path in (_ROOT / "chart/files/rules").glob("*.yaml")}


@pytest.mark.real
def test_every_module_is_compiled_and_the_code_is_not_compared_with_its_source(built: Path) -> None:
    """On a read-only root a module without byte code would be compiled at each start."""
    modules = list((built / "opt/lanewatch/lib").rglob("*.py"))
    codes = [path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc" for path in modules]
    unchecked = MAGIC_NUMBER + (0b01).to_bytes(4, "little")
    assert modules
    assert [code for code in codes if code.read_bytes()[:8] != unchecked] == []


@pytest.mark.real
def test_nothing_that_installs_is_left(built: Path) -> None:
    installed = {path.name for path in (built / "opt/lanewatch").glob("lib/*/site-packages/*")}
    assert "exporter" in installed
    assert not installed & {"pip", "setuptools", "wheel", "ensurepip"}
    assert not list((built / "opt/lanewatch/bin").glob("pip*"))


@pytest.mark.real
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_lock_has_wheels_of_the_python_and_machine_of_the_image(machine: str, tmp_path: Path) -> None:
    """arm64 cannot be run here; that each locked package has a wheel with a locked hash for it can be asked."""
    version = re.search(r"python:(\d+\.\d+)-slim", _TEXT)
    assert version
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check"]
    command += ["--target", str(tmp_path), "--python-version", version[1], "--implementation", "cp"]
    for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"):
        command += ["--platform", f"{tag}_{machine}"]
    command += [
        "--only-binary=:all:",
        "--require-hashes",
        "--no-deps",
        "--requirement",
        str(_ROOT / "requirements.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

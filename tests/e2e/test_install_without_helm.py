"""`docs/install-without-helm.md`: its commands are run as they stand there, and its unit starts what they installed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from e2e.processes import LOOPBACK, Command, answers, free_port, running

_ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = (_ROOT / "docs/install-without-helm.md").read_text()
_UNIT: Final = (_ROOT / "docs/systemd/lanewatch.service").read_text()
_BLOCKS: Final = re.findall(r"```sh\n(.*?)```", _PAGE, re.DOTALL)
_TESTED: Final = [block for block in _BLOCKS if block.startswith("# tested\n")]


def _unit(key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", _UNIT, re.MULTILINE)
    assert found, key
    return found[1]


def _run(block: str, **variables: str) -> str:
    """Run a block of the page in the checkout; each line must succeed."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_block_is_tested_or_it_is_said_why_not() -> None:
    """Who adds a block of commands says in the paragraph above it why no test runs it."""
    parts = re.split(r"```sh\n.*?```", _PAGE, flags=re.DOTALL)
    unsaid = [
        block
        for block, before in zip(_BLOCKS, parts, strict=False)
        if not block.startswith("# tested\n") and "Not tested:" not in before
    ]
    assert (unsaid, len(_TESTED)) == ([], 3)


def test_the_unit_gives_it_time_to_end_and_lets_it_be_reloaded() -> None:
    assert int(_unit("TimeoutStopSec")) > 5
    assert _unit("ExecReload") == "/bin/kill -HUP $MAINPID"


@pytest.mark.real
def test_the_page_installs_what_the_unit_starts(tmp_path: Path) -> None:
    """From nothing to a scrape: the blocks of the page in their order, and the unit's own command line."""
    prefix, etc, port = tmp_path / "opt", tmp_path / "etc", free_port()
    etc.mkdir()
    names = {"PREFIX": str(prefix), "ETC": str(etc), "URL": f"http://{LOOPBACK}:{port}"}
    python = tmp_path / "bin"
    python.mkdir()
    (python / "python3").symlink_to(Path(sys.base_prefix, "bin", "python3"))
    names["PATH"] = f"{python}:/usr/local/bin:/usr/bin:/bin"
    install, touch, look = _TESTED
    _run(install, **names)
    _run(touch, **names)
    line = _unit("ExecStart").replace("/opt/lanewatch", str(prefix)).replace("/etc/lanewatch", str(etc))
    command = Command(
        name="lanewatch",
        line=[*shlex.split(line), "--web.listen-address", f"{LOOPBACK}:{port}"],
        directory=tmp_path / "run",
    )
    with running(command) as program:
        program.wait_until(lambda: answers(f"{names['URL']}/readyz"), within=60)
        said = _run(look, **names)
    assert said.startswith("ok\n")

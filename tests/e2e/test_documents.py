"""The scripts of the documents that want real tools: Helm, kubectl and promtool, against a real API server."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import DOCUMENTS, ROOT, steps
from e2e.cluster import Cluster
from e2e.tools import tool

pytestmark = pytest.mark.real
_SCRIPTS = {path: list(steps(path, are_real=True)) for path in DOCUMENTS}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return an API server of their own: they end by deleting a namespace, which without controllers never goes."""
    made = Cluster(tmp_path_factory.mktemp("documents"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if _SCRIPTS[path]], ids=lambda path: path.name)
def test_scripts_run(path: Path, own: Cluster, tmp_path: Path) -> None:
    """In the order of the document, in one folder, with the files that it shows; a key is read from what is typed."""
    (tmp_path / "chart").symlink_to(ROOT / "chart")
    environment = {
        "PATH": f"{tool('helm').parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(own.kubeconfig),
    }
    for files, script in _SCRIPTS[path]:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            input="not-a-key",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

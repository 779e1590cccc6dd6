"""A file that is read again: seen whatever way it was swapped, taken only whole, and told."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.reload import Reloader


def _write(path: Path) -> None:
    path.write_text("changed\n")


def _replace(path: Path) -> None:
    path.with_suffix(".new").write_text("other\n")
    path.with_suffix(".new").rename(path)


def _remove(path: Path) -> None:
    path.unlink()


def _loads_after(change: Callable[[Path], None], path: Path) -> int:
    loads: list[int] = []

    async def load() -> None:
        loads.append(1)

    async def go() -> None:
        reloader = Reloader("config", lambda: [path], load)
        await reloader.look()
        change(path)
        await reloader.look()
        await reloader.look()

    asyncio.run(go())
    return len(loads)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_write, 1, id="written"),
        pytest.param(_replace, 1, id="replaced by another of the same size"),
        pytest.param(_remove, 1, id="removed"),
        pytest.param(lambda path: path.read_text(), 0, id="only read"),
    ],
)
def test_a_change_is_seen_once(change: Callable[[Path], None], expected: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("first\n")
    assert _loads_after(change, path) == expected


def test_a_config_map_that_is_swapped_by_its_link_is_seen(tmp_path: Path) -> None:
    """As the kubelet does it: the file is a link into `..data`, which is a link that is replaced."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "file").write_text(version)
    shutil.copystat(tmp_path / "v1" / "file", tmp_path / "v2" / "file")  # the same time and size
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "file").symlink_to("..data/file")

    def swap(_: Path) -> None:
        (tmp_path / "..new").symlink_to("v2")
        os.replace(tmp_path / "..new", tmp_path / "..data")  # noqa: PTH105  # as the kubelet does

    assert _loads_after(swap, tmp_path / "file") == 1


def test_what_fails_is_told_and_tried_again_only_when_it_changes_or_somebody_asks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("1")
    tried: list[int] = []

    async def load() -> None:
        tried.append(1)
        if path.read_text() != "good":
            raise ConfigError("expected good")

    async def go() -> list[tuple[bool, int]]:
        found = []
        reloader = Reloader("config", lambda: [path], load)
        for step in (lambda: path.write_text("bad!"), lambda: None, reloader.ask, lambda: path.write_text("good")):
            step()
            await reloader.look()
            found.append((reloader.is_well, len(tried)))
        return found

    assert asyncio.run(go()) == [(False, 1), (False, 1), (False, 2), (True, 3)]

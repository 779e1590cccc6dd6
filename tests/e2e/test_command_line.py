"""The command `probe` against a real llama-server, which speaks for itself and for the gateway."""

import asyncio
import json
from pathlib import Path

import pytest

from e2e.path import Lane
from fakes.program import Said, probe

pytestmark = pytest.mark.real

CONFIG = """
gateway: {{url: "{url}"}}
lanes: [{{name: tiny, url: "{url}/v1", engine: llamacpp}}]
aliases: [{{name: fast, lane: tiny}}]
"""


def ask(tmp_path: Path, *lines: tuple[str, ...]) -> list[Said]:
    """Run the command a few times while one lane serves."""

    async def run(config: str) -> list[Said]:
        return [await probe(*line, "--config", config) for line in lines]

    with Lane("tiny", "tiny-chat", tmp_path).serving() as lane:
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG.format(url=lane.url))
        return asyncio.run(run(str(config)))


def test_both_ways(tmp_path: Path) -> None:
    """Both ways are answered, and the lane counts its tokens itself."""
    (said,) = ask(tmp_path, ("--alias", "fast", "--direct", "--samples", "2", "--json"))
    shown = json.loads(said.out)
    assert (said.code, [way["outcomes"] for way in shown["ways"]]) == (0, [{"ok": 2}, {"ok": 2}])
    assert all(report["decode_tokens_per_second"] > 0 for report in shown["reports"])


def test_acceptance(tmp_path: Path) -> None:
    """Prompts have the size that was asked for by the lane's own count, and what does not fit is left out."""
    kept = tmp_path / "kept.json"
    sizes = ("--step", "short=1000", "--step", "prefill=4000", "--step", "long=40000")
    first, second = ask(
        tmp_path,
        ("acceptance", "--alias", "fast", *sizes, "--record", str(kept)),
        ("acceptance", "--alias", "fast", *sizes, "--compare", str(kept)),
    )
    results = {one["step"]: one for one in json.loads(kept.read_text())["results"]}
    assert first.code == 0, first
    assert results["decode_long"]["outcome"] == "left_out"
    assert results["cold_prefill"]["numbers"]["prompt_tokens"] == pytest.approx(4000, rel=0.05)
    assert results["decode_short"]["numbers"]["prompt_tokens"] == pytest.approx(1000, rel=0.15)
    assert "cold_prefill prefill_tokens_per_second: " in second.out

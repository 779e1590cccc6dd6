"""Probes what the command line names, in this process, and prints what each probe cost.

Arguments are `KIND URL` pairs after the limit in seconds. Each gives one line of JSON: outcome, failure, seconds, and
by how many bytes the resident memory peaked above what it was before the first.
"""

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from exporter.config_path import Alias
from fakes.gateway import HEALTHY, fake_gateway, question_to
from probes.attempt import ask
from probes.outcome import judge
from probes.question import Question

_STATUS = Path("/proc/self/status")


async def main(limit: float, pairs: list[str]) -> None:
    """Probe one after the other; the first, healthy one loads what is loaded once."""
    async with fake_gateway(HEALTHY) as fake:
        await ask(question_to(fake.url))
    gc.collect()
    before = _kilobytes("VmRSS")
    for kind, url in zip(pairs[::2], pairs[1::2], strict=True):
        question = question_to(url, kind, timeout=limit)  # type: ignore[arg-type]  # the parent names kinds
        print(json.dumps(await _measure(question, before)), flush=True)


async def _measure(question: Question, before: int) -> dict[str, Any]:
    _forget_peak()
    begun = time.monotonic()
    attempt = await ask(question)
    seconds, peak = time.monotonic() - begun, _kilobytes("VmHWM")
    outcome = judge(attempt, Alias(name="fast", kind=question.kind), ())
    return {"outcome": outcome, "failure": attempt.failure, "seconds": seconds, "bytes": (peak - before) * 1024}


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # see proc_pid_clear_refs(5)


def _kilobytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))

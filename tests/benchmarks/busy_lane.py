"""Measures what probes cost the user of a busy lane with one slot: requests without and with probes, in turns, one run.

The lane is a true llama-server, the probes go through a true LiteLLM, from a true exporter with the default settings.
Users ask the lane itself, one request right after the other. Exit 1 where the bar does not hold.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from e2e.node import Exporter, exporter, serve_command
from e2e.path import KEY, Lane, gateway
from exporter import catalogue as c
from probes.outcome import OUTCOMES

_BAR: Final = 0.01  # of the time
_SKIPPED: Final = "skipped_busy"
_NAME: Final = "fast"


@dataclass
class Arm:
    """The requests of one kind of turn; times in seconds."""

    name: str
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)

    def say(self) -> str:
        """Return one line of the table."""
        numbers = (*_quantiles(self.first), *_quantiles(self.whole))
        return f"{self.name:16}{len(self.whole):10d}" + "".join(f"{one * 1e3:10.2f}" for one in numbers)


@dataclass
class Probed:
    """What probes did while users asked."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0  # that probes which were sent took: no user waits longer for them

    def note(self, before: "Probed", after: "Probed") -> None:
        """Add what happened between two looks."""
        self.outcomes += after.outcomes - before.outcomes
        self.seconds += after.seconds - before.seconds


def ask(client: httpx.Client, lane: Lane, tokens: int, arm: Arm) -> None:
    """Ask as a user would, and keep the times."""
    body = {"messages": [{"role": "user", "content": "tell"}], "max_tokens": tokens, "stream": True}
    started = time.perf_counter()
    with client.stream("POST", f"{lane.url}/v1/chat/completions", json=body) as answer:
        lines = (line for line in answer.iter_lines() if '"content":"' in line)
        next(lines)
        first = time.perf_counter() - started
        for _ in lines:
            pass
    arm.first.append(first)
    arm.whole.append(time.perf_counter() - started)


def turn(lane: Lane, arm: Arm, seconds: float, settings: argparse.Namespace) -> None:
    """Ask one request after the other for so long."""
    until = time.monotonic() + seconds
    with httpx.Client(timeout=120.0, trust_env=False, headers={"Connection": "close"}) as client:
        while time.monotonic() < until:
            ask(client, lane, settings.tokens, arm)
            time.sleep(settings.pause)


def look(watching: Exporter) -> Probed:
    """Return what the exporter counted of its probes so far."""
    outcomes = {one: int(sum(watching.series(c.PROBE_ATTEMPTS, alias=_NAME, outcome=one))) for one in OUTCOMES}
    seconds = watching.series(f"{c.PROBE_DURATION}_sum", alias=_NAME, clock="total")
    return Probed(Counter(outcomes), sum(seconds))


@contextmanager
def watched(url: str, lane: Lane, interval: float, directory: Path) -> Iterator[Exporter]:
    """Run an exporter with the default settings, but for the interval where one was asked for."""
    alias = {"name": _NAME, "lane": lane.name, "interval_seconds": interval, "timeout_seconds": min(30.0, interval)}
    config = {
        "gateway": {"url": url},
        "aliases": [alias],
        "lanes": [{"name": lane.name, "url": lane.url, "model_id": lane.name}],
        "kubernetes": {"enabled": False},
    }
    line = serve_command(config, directory, "--role", "cluster")
    with exporter(line, directory, {"LANEWATCH_GATEWAY_KEY": KEY}) as one:
        yield one


def measure(arguments: argparse.Namespace, directory: Path) -> tuple[list[Arm], Probed]:
    """Return the times of both kinds of turn, and what the probes did."""
    arms, probed = [Arm("without probes"), Arm("with probes")], Probed()
    with ExitStack() as stack:
        lane = stack.enter_context(Lane(_NAME, "tiny-chat", directory / "lane").serving())
        url = stack.enter_context(gateway({_NAME: lane}, directory / "gateway"))
        turn(lane, Arm("warm"), 2.0, arguments)
        for number in range(arguments.turns):
            turn(lane, arms[0], arguments.seconds, arguments)
            with watched(url, lane, arguments.interval, directory / f"watch-{number}") as watching:
                turn(lane, Arm("warm"), 3.0, arguments)  # an exporter's start is no probe
                before = look(watching)
                turn(lane, arms[1], arguments.seconds, arguments)
                probed.note(before, look(watching))
    return arms, probed


def _quantiles(seconds: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def main() -> int:
    """Run it all and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="turns of each kind")
    parser.add_argument("--seconds", type=float, default=65, help="of one turn; longer than the interval")
    parser.add_argument("--interval", type=float, default=60, help="seconds between two probes")
    parser.add_argument("--tokens", type=int, default=200, help="of a user's request")
    parser.add_argument("--pause", type=float, default=0, help="seconds between two requests of the user")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        arms, probed = measure(arguments, Path(directory))
    columns = ("requests", "first p50", "p95", "p99", "whole p50", "p95", "p99")
    print(f"{'':16}" + "".join(f"{one:>10}" for one in columns))
    print(*(arm.say() for arm in arms), "times in milliseconds", sep="\n")
    print("probes:", ", ".join(f"{count} {outcome}" for outcome, count in sorted((+probed.outcomes).items())) or "none")
    share = probed.seconds / sum(arms[1].whole)
    more = statistics.fmean(arms[1].whole) / statistics.fmean(arms[0].whole) - 1
    print(f"a request took {more:+.2%} on average with probes, which is also what an exporter beside it costs")
    said = f"probes held the lane or waited for it in {share:.3%} of the users' time, less than {_BAR:.0%}"
    print(f"{'holds ' if share < _BAR else 'FAILS '} {said}")
    return 0 if share < _BAR else 1


if __name__ == "__main__":
    sys.exit(main())

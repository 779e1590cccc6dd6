"""What our rules cost a real Prometheus over a simulated fleet: seconds, samples and series of each group.

Run by hand: `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.fleet`. First the rules run by themselves for a while,
in their intervals; then each is asked once more, one after the other, for what it costs alone; then all groups are
evaluated each 5 s: a server that misses none of that makes a full evaluation in less, recording and all else included.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.groups import GROUPS
from alerts.rule import Alert, Group, Record
from e2e.fleet_server import AHEAD_SECONDS, Server, serving
from fakes.fleet import Fleet
from fakes.fleet_series import FAULTS, Clock

_MIB: Final = 1 << 20
_LOOK_SECONDS: Final = 3.0
_TRIES: Final = 3
_ILL_SECONDS: Final = 60
_WORST: Final = 40
_CPU: Final = "process_cpu_seconds_total"
_RSS: Final = "process_resident_memory_bytes"
_AIM_SECONDS: Final = 5
_KEEPS_UP_SECONDS: Final = 60
_MADE: Final = "prometheus_rule_group_iterations_total"
_MISSED: Final = "prometheus_rule_group_iterations_missed_total"
_SERIES: Final = "prometheus_tsdb_head_series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one evaluation of a rule took: the engine's time, samples read and held at once, and series in the end."""

    rule: Alert | Record
    seconds: float
    samples: int
    peak: int
    found: int


def _watch(server: Server, seconds: float) -> Mapping[str, list[float]]:
    """Return how long each evaluation of each group took that ended within these seconds."""
    seen: dict[str, dict[str, float]] = defaultdict(dict)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for group in server.ask("rules")["groups"]:
            seen[group["name"]][group["lastEvaluation"]] = group["evaluationTime"]
        time.sleep(_LOOK_SECONDS)
    return {name: [one for one in took.values() if one] for name, took in seen.items()}


def _costs(server: Server, group: Group, at: float) -> Iterator[Cost]:
    """Yield what each rule costs at the least, with everything that the others recorded at hand."""
    for rule in group.rules:
        yield min((_cost(server, rule, at) for _ in range(_TRIES)), key=lambda cost: cost.seconds)


def _cost(server: Server, rule: Alert | Record, at: float) -> Cost:
    answer = server.ask("query", query=rule.expr, time=f"{at:.3f}", stats="all")
    timings, samples = answer["stats"]["timings"], answer["stats"]["samples"]
    return Cost(
        rule=rule,
        seconds=timings["evalTotalTime"],
        samples=samples["totalQueryableSamples"],
        peak=samples["peakSamples"],
        found=len(answer["result"]),
    )


def _print_whether_it_keeps_up(server: Server) -> None:
    """Have all groups evaluated so often that a full evaluation may take no longer, and print whether it does."""
    server.evaluate(f"{_AIM_SECONDS}s")
    time.sleep(2 * _AIM_SECONDS)
    names = (_MADE, _MISSED, _CPU)
    before = [server.own(name) for name in names]
    time.sleep(_KEEPS_UP_SECONDS)
    made, missed, cpu = (server.own(name) - was for name, was in zip(names, before, strict=True))
    due = len(GROUPS) * _KEEPS_UP_SECONDS // _AIM_SECONDS
    cores = f"{cpu / _KEEPS_UP_SECONDS:.2f} of {os.cpu_count()} cores"
    print(f"each {_AIM_SECONDS} s, for {_KEEPS_UP_SECONDS} s: {made:.0f} of {due} made, {missed:.0f} missed; {cores}")


@contextmanager
def _telling(what: str, server: Server) -> Iterator[None]:
    """Print what it cost the server."""
    began, cpu = time.monotonic(), server.own(_CPU)
    yield
    took, used = time.monotonic() - began, server.own(_CPU) - cpu
    print(f"{what}: {took:.0f} s, {used:.1f} s of CPU; RSS {server.own(_RSS) / _MIB:.0f} MiB", flush=True)


def _print_groups(by_itself: Mapping[str, list[float]], alone: Mapping[str, list[Cost]]) -> None:
    print("| Group | Every | By itself, s | Alone, s | Samples | Held at once | Recorded series |")
    print("|---|---|---|---|---|---|---|")
    for group in sorted(GROUPS, key=lambda one: -sum(cost.seconds for cost in alone[one.name])):
        costs = alone[group.name]
        recorded = sum(cost.found for cost in costs if isinstance(cost.rule, Record))
        seconds, samples = sum(cost.seconds for cost in costs), sum(cost.samples for cost in costs)
        took = statistics.median(by_itself.get(group.name) or [0.0])
        peak = max(cost.peak for cost in costs)
        print(f"| {group.name} | {group.interval} | {took:.3f} | {seconds:.3f} | {samples} | {peak} | {recorded} |")


def _print_sums(by_itself: Mapping[str, list[float]], alone: Mapping[str, list[Cost]]) -> None:
    every = [cost for costs in alone.values() for cost in costs]
    alone_seconds = {name: sum(cost.seconds for cost in costs) for name, costs in alone.items()}
    # A group whose turn did not come while it was watched counts as it does alone.
    took = alone_seconds | {name: statistics.median(one) for name, one in by_itself.items() if one}
    steadily = sum(took[group.name] / _seconds(group.interval) for group in GROUPS)
    print(f"all groups once: by themselves {sum(took.values()):.2f} s, alone {sum(alone_seconds.values()):.2f} s")
    print(f"busy with rules all the time: {steadily:.3f} cores", flush=True)
    for cost in sorted(every, key=lambda one: -one.seconds)[:_WORST]:
        print(f"  {cost.rule.name}: {cost.seconds:.3f} s, {cost.samples} samples, {cost.found} found")


def _seconds(interval: str) -> int:
    return int(interval[:-1]) * {"s": 1, "m": 60}[interval[-1]]


def _print_firing(server: Server) -> None:
    counts: dict[str, int] = defaultdict(int)
    for one in server.ask("alerts")["alerts"]:
        counts[f"{one['labels']['alertname']} {one['state']}"] += 1
    print("alerts:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    rules = [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]
    print("errors:", [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")])


def main() -> None:
    """Print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1250)
    parser.add_argument("--lanes", type=int, default=200)
    parser.add_argument("--step", type=int, default=30, help="seconds between two samples")
    parser.add_argument("--back", type=int, default=35 * 60, help="seconds of history")
    parser.add_argument("--watch", type=int, default=150, help="seconds that the rules run by themselves")
    given = parser.parse_args()
    now = int(time.time())
    # The rules are loaded by then: what came before they looked for the first time is old to them.
    ill_in = _ILL_SECONDS + given.nodes // 5
    clock = Clock(range(now - given.back, now + AHEAD_SECONDS, given.step), now, ill_in)
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as server:
        with _telling(f"write a simulated fleet of {given.nodes} nodes and {given.lanes} lanes", server):
            server.fill(Fleet(given.nodes, given.lanes, FAULTS), clock)
        print(f"series: {server.own(_SERIES):.0f}")
        server.evaluate()
        with _telling("rules by themselves", server):
            by_itself = _watch(server, given.watch)
        _print_firing(server)
        print(f"series: {server.own(_SERIES):.0f}")
        at = min(time.time(), clock.times[-1])
        with _telling(f"each rule, {_TRIES} times", server):
            alone = {group.name: list(_costs(server, group, at)) for group in GROUPS}
        _print_groups(by_itself, alone)
        _print_sums(by_itself, alone)
        _print_whether_it_keeps_up(server)


if __name__ == "__main__":
    main()

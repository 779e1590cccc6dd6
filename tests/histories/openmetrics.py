"""What Prometheus would have scraped of a history, as the OpenMetrics text that promtool turns into blocks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

BEGIN: Final = 1_767_225_600  # 2026-01-01, midnight
SCRAPED_AT: Final = (15, 45)  # seconds of each minute
_SLOS: Final = ("availability", "first_token", "inter_token", "total")
LATE: Final[Mapping[str, str]] = {"f": "first_token", "i": "inter_token", "t": "total"}
_OBJECTIVE: Final[Mapping[str, float]] = {"availability": 0.99} | dict.fromkeys(_SLOS[1:], 0.95)
_OUTCOME: Final = {"x": "connect", "k": "skipped_busy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One alias of one cluster, a letter a minute."""

    cluster: str
    alias: str
    minutes: str
    unscraped: range = range(0)
    is_switch: bool = False
    is_alone: bool = True  # else another alias tells what is the exporter's
    scraped_at: tuple[int, ...] = SCRAPED_AT
    slos: tuple[str, ...] = _SLOS


@dataclass(slots=True)
class _Exporter:
    """What one life of the exporter has counted; another begins at nothing."""

    attempts: dict[str, int]
    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SLOS, 0))
    bad: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SLOS, 0))
    failures: int = 0
    turn: int = BEGIN

    def take(self, letter: str, at: int) -> None:
        """Take the turn of a minute."""
        if letter == "-":
            return
        self.turn = at
        self.attempts[_OUTCOME.get(letter, "ok")] += 1
        if letter == "k":
            return
        counted = ("availability",) if letter == "x" else _SLOS
        for slo in counted:
            self.events[slo] += 1
        missed = "availability" if letter == "x" else LATE.get(letter)
        if missed:
            self.bad[missed] += 1
        self.failures = self.failures + 1 if letter == "x" else 0


def text(history: History) -> Iterator[str]:
    """Yield the lines, series by series."""
    found: dict[str, list[str]] = defaultdict(list)
    outcomes = sorted({"ok", *(_OUTCOME[letter] for letter in set(history.minutes) & _OUTCOME.keys())})
    exporter = _Exporter(dict.fromkeys(outcomes, 0))
    for minute, letter in enumerate(history.minutes):
        if letter == "_":
            exporter = _Exporter(dict.fromkeys(outcomes, 0))
            continue
        exporter.take(letter, BEGIN + 60 * minute)
        if minute not in history.unscraped:
            values = tuple(_shown(history, exporter, letter))
            for second in history.scraped_at:
                for name, value in values:
                    found[name].append(f"{name} {value} {BEGIN + 60 * minute + second}\n")
    for lines in found.values():
        yield from lines


def _shown(history: History, exporter: _Exporter, letter: str) -> Iterator[tuple[str, float]]:
    place = f'job="lanewatch",instance="w:1",pod="w-1",cluster="{history.cluster}"'
    alias = f'{place},alias="{history.alias}"'
    if history.is_alone:
        yield f'lanewatch_build_info{{{place},role="cluster",version="1",simulated="no"}}', 1
    yield f"lanewatch_probe_interval_seconds{{{alias}}}", 60
    yield f"lanewatch_probe_consecutive_failures{{{alias}}}", exporter.failures
    yield f"lanewatch_probe_last_turn_timestamp_seconds{{{alias}}}", exporter.turn
    yield f"lanewatch_probes_total{{{alias}}}", sum(exporter.attempts.values())
    for outcome, count in exporter.attempts.items():
        yield f'lanewatch_probe_attempts_total{{{alias},kind="chat",outcome="{outcome}"}}', count
    for slo in history.slos:
        yield f'lanewatch_probe_slo_objective_ratio{{{alias},slo="{slo}"}}', _OBJECTIVE[slo]
        yield f'lanewatch_probe_slo_events_total{{{alias},slo="{slo}"}}', exporter.events[slo]
        yield f'lanewatch_probe_slo_bad_events_total{{{alias},slo="{slo}"}}', exporter.bad[slo]
    if history.is_switch:
        is_switching = int(letter == "x")
        yield f'lanewatch_alias_root_cause{{{alias},cause="lane_pod"}}', is_switching
        yield f'lanewatch_pool_state{{{place},pool="gpu-llm",unit="",state="switching"}}', is_switching

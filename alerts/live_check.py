"""Which rules select nothing on a live server, and why: `lanewatch rules check`.

Asks once for each distinct selector, and once for a bare name where its matchers find nothing. A rule that sees some of
what it names is a warning, one that sees nothing is blind; what belongs to a program that is not scraped is neither.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from alerts import lane_fit, nvlink, places, throttle, xid
from alerts.availability import SWITCH
from alerts.found import FOUND, POOLS
from alerts.from_dcgm import TOLD_TWICE
from alerts.groups import GROUPS
from alerts.live_prometheus import BACK, LiveError, LivePrometheus
from alerts.rare import LAST, NEW, NOW
from alerts.rule import Alert, Group, Record
from alerts.selectors import RECORDED, Selector, selectors
from exporter import catalogue as c
from exporter.notable import NOTABLE

Why = Literal[
    "found", "metric_absent", "matcher_never_matches", "not_recorded_yet", "source_not_scraped", "only_when_ill"
]
State = Literal["ok", "nothing_to_see", "partial", "blind"]
Verdict = Literal["pass", "warn", "block"]

EXIT_CODES: Final[Mapping[Verdict, int]] = {"pass": 0, "warn": 10, "block": 20}
_VERDICT: Final[Mapping[State, Verdict]] = {"ok": "pass", "nothing_to_see": "pass", "partial": "warn", "blind": "block"}
_EXCUSED: Final[frozenset[Why]] = frozenset({"source_not_scraped", "only_when_ill"})
# Nothing has these while all is well, and that is no fault of a rule.
ONLY_WHEN_ILL: Final = frozenset(
    str(metric)
    for metric in (
        c.GPU_CLAIM_INFO,
        c.GPU_MIG_INFO,
        c.GPU_MISSING_INFO,
        c.GPU_UNLISTED_XID_ERRORS,
        c.GPU_XID_OWNER_INFO,
        c.LANE_LAST_TERMINATION,
        c.LANE_PROBLEMS,
        c.NODE_CARD_ODD_VIEW,
        c.NVSWITCH_SXID_ERRORS,
        c.POOL_SWITCH_SECONDS,
        c.POOL_VIOLATOR_INFO,
    )
)
# Recorded only of a switch, of a lane that starts, of what came to a card or holds it down, or of what a pool, a lane
# and a card are known to belong to.
_RECORDED_AT_TIMES: Final = frozenset(
    {
        SWITCH,
        TOLD_TWICE,
        *(
            record.name
            for group in (lane_fit.GROUP, nvlink.GROUP, places.GROUP, throttle.GROUP, xid.GROUP)
            for record in group.records
        ),
    }
)
_FINDERS: Final[Mapping[str, Sequence[Selector]]] = {
    # the pools of what was found are asked for their pools alone: of a card that is well, nothing is found
    record.name: [one for one in selectors(record.expr) if not one.name.endswith(FOUND)]
    if record.name.endswith(POOLS)
    else selectors(record.expr)
    for group in GROUPS
    for record in group.records
    if record.name.endswith((FOUND, LAST, NEW, NOW, POOLS))
}
# Of what is told again only while something is wrong, the metric that is always told.
_ALWAYS_TOLD: Final = {str(again.metric): str(metric) for metric, again in NOTABLE.items()}
_WORDS: Final[Mapping[Why, str]] = {
    "found": "",
    "metric_absent": f"no series of that name within {BACK}",
    "matcher_never_matches": "the metric is there, the label matcher never matches",
    "not_recorded_yet": "a recorded series that is not there yet: are the rules loaded, and evaluated once?",
    "source_not_scraped": "{source} is not scraped here",
    "only_when_ill": "shown only while something is wrong, or by cards and clusters of another kind",
}
_AT_ONCE: Final = 4
_WHOLE_SECONDS: Final = 120.0


class Server(Protocol):
    """Who is asked."""

    async def has(self, selector: str) -> bool:
        """Return whether anything is selected."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule: its name, and why each of its selectors finds something or not."""

    name: str
    is_alert: bool
    found: Mapping[Selector, Why]

    @property
    def state(self) -> State:
        """How much the rule sees of what it names."""
        told = [why for why in self.found.values() if why not in _EXCUSED]
        if all(why == "found" for why in told):
            return "ok" if told or not self.found else "nothing_to_see"
        return "partial" if "found" in told else "blind"

    @property
    def missing(self) -> Iterator[tuple[Selector, str]]:
        """The selectors that find nothing, with the reason in words."""
        for selector, why in self.found.items():
            if why != "found":
                yield selector, _WORDS[why].format(source=selector.source or "what it is recorded from")


async def check_at(url: str, authorize: Callable[[], str]) -> tuple[Checked, ...]:
    """Return what the Prometheus at `url` says of every rule of the pack."""
    server = LivePrometheus(url, authorize)
    try:
        return await check(server, GROUPS)
    finally:
        await server.close()


async def check(server: Server, groups: Iterable[Group]) -> tuple[Checked, ...]:
    """Return what the server says of every rule; raise `LiveError` where it does not answer."""
    rules = [rule for group in groups for rule in group.rules]
    wanted = {selector for rule in rules for selector in _asked_for(rule)}
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            whys = await _whys(server, sorted(wanted))
    except TimeoutError as error:
        raise LiveError(f"the server did not answer all {len(wanted)} questions in {_WHOLE_SECONDS:g} s") from error
    whys = _of_what_is_not_scraped(whys, [rule for rule in rules if isinstance(rule, Record)])
    return tuple(
        Checked(rule.name, isinstance(rule, Alert), {one: whys[one] for one in _asked_for(rule)}) for rule in rules
    )


def _asked_for(rule: Alert | Record) -> tuple[Selector, ...]:
    """Return what a rule selects, but for what every Prometheus has; of what an alert found, what it is found in."""
    asked = {one for one in selectors(rule.expr) if one.name != "up"}
    while found := {one for one in asked if one.name in _FINDERS}:
        asked = (asked - found).union(*(_FINDERS[one.name] for one in found))
    return tuple(sorted({replace(one, name=_ALWAYS_TOLD.get(one.name, one.name)) for one in asked}))


def _of_what_is_not_scraped(whys: dict[Selector, Why], records: Sequence[Record]) -> dict[Selector, Why]:
    """Return the same, but a recorded series is not missed where nothing but another program's metrics is missing."""
    while True:
        excused = {record.name for record in records if _is_excused([whys[one] for one in _asked_for(record)])}
        pending = [one for one, why in whys.items() if why == "not_recorded_yet" and one.name in excused]
        if not pending:
            return whys
        whys = whys | dict.fromkeys(pending, "source_not_scraped")


def _is_excused(whys: Sequence[Why]) -> bool:
    return not _EXCUSED.isdisjoint(whys) and set(whys) <= {"found", *_EXCUSED}


async def _whys(server: Server, wanted: Sequence[Selector]) -> dict[Selector, Why]:
    there = await _ask(server, wanted)
    bare = {Selector(one.name) for one in wanted if one.matchers and not there[one]}
    there |= await _ask(server, sorted(bare - there.keys()))
    return {one: _why(one, there) for one in wanted}


async def _ask(server: Server, wanted: Sequence[Selector]) -> dict[Selector, bool]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(selector: Selector) -> bool:
        async with turn:
            return await server.has(str(selector))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {selector: group.create_task(one(selector)) for selector in wanted}
    except* LiveError as errors:
        raise errors.exceptions[0] from None
    return {selector: task.result() for selector, task in tasks.items()}


def _why(selector: Selector, there: Mapping[Selector, bool]) -> Why:
    if there[selector]:
        return "found"
    if selector.matchers and there[Selector(selector.name)]:
        return "matcher_never_matches"
    if selector.source:
        return "source_not_scraped"
    if selector.name in ONLY_WHEN_ILL or selector.name in _RECORDED_AT_TIMES:
        return "only_when_ill"
    return "not_recorded_yet" if selector.name in RECORDED else "metric_absent"


def verdict(checked: Iterable[Checked]) -> Verdict:
    """Return the worst of all rules; a recorded series that is blind costs a warning, an alert blocks."""
    verdicts = [_VERDICT[one.state] if one.is_alert or one.state != "blind" else "warn" for one in checked]
    return max(verdicts, key=lambda one: EXIT_CODES[one], default="pass")


def as_text(checked: Sequence[Checked]) -> str:
    """Return a table for a person: what is well is counted, what is not is named."""
    lines = [f"{one.state:<10} {one.name}" for one in checked if _VERDICT[one.state] != "pass"]
    width = max((len(line) for line in lines), default=0)
    blocks = [
        "\n".join([f"{one.state:<10} {one.name:<{width - 11}}", *(f"             {s}: {w}" for s, w in one.missing)])
        for one in sorted(checked, key=lambda one: (-EXIT_CODES[_VERDICT[one.state]], one.name))
        if _VERDICT[one.state] != "pass"
    ]
    states = [one.state for one in checked]
    counts = ", ".join(f"{state} {states.count(state)}" for state in ("ok", "nothing_to_see", "partial", "blind"))
    return "\n".join([*blocks, f"{verdict(checked)}: {len(checked)} rules: {counts}"])


def as_data(checked: Sequence[Checked]) -> dict[str, object]:
    """Return the same for a program."""
    return {
        "verdict": verdict(checked),
        "rules": [
            {
                "name": one.name,
                "kind": "alert" if one.is_alert else "record",
                "state": one.state,
                "missing": [
                    {"selector": str(selector), "why": one.found[selector], "words": words}
                    for selector, words in one.missing
                ],
            }
            for one in checked
        ],
    }

"""The page `/probe?alias=NAME`: one probe out of turn, for a person or for a scraper that asks now and then.

Asks nobody but whom the configuration names: a client says which alias, never where. It costs a probe, so many who ask
share one, and who asks again at once gets the same answer with its age.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

import msgspec

from exporter import catalogue
from exporter.config import Config
from exporter.config_path import Alias
from exporter.exposition import TEXT, as_text
from exporter.metric import Family, one_hot
from exporter.route import Reply, Request, say
from probes.accounts import Account, LaneAccount
from probes.ledger import Ledger
from probes.ledger_families import last_attempt_families, last_direct_families
from probes.outcome import POLICY
from probes.question import Target
from probes.turn import Result, Turns
from probes.verdict import CAUSES, Verdict, root_cause

PATH: Final = "/probe"
_TARGETS: Final[tuple[Target, ...]] = get_args(Target)
_LIMIT_HEADER: Final = "x-prometheus-scrape-timeout-seconds"
_FOR_THE_WAY_BACK: Final = 0.5  # seconds of the scraper's time that the answer itself needs
_GRACE: Final = 0.2  # seconds of those for which a probe that was given up in time may still be told
_SHORTEST_LIMIT: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    alias: Alias
    target: Target
    is_debug: bool


class OnDemand:
    """Answers the page."""

    def __init__(self, config: Config, ledger: Ledger, turns: Turns) -> None:
        self._aliases = {alias.name: alias for alias in config.aliases}
        self._ledger = ledger
        self._turns = turns

    async def answer(self, request: Request) -> Reply:
        """Probe what is asked for, within the time that the client has."""
        wanted = self._wanted(request.query)
        if isinstance(wanted, Reply):
            return wanted
        limit = limit_seconds(request.headers)
        try:
            async with asyncio.timeout(None if limit is None else limit + _GRACE):
                result = await self._turns.demand(wanted.alias, wanted.target, limit)
        except TimeoutError:
            return say(504, f"the probe of alias {wanted.alias.name} did not end within {limit or 0.0:.3g} s")
        age = max(0.0, self._turns.clock.now() - result.at)
        return self._reply(wanted, result, age)

    def _wanted(self, query: Mapping[str, str]) -> _Wanted | Reply:
        """Return what is asked for, or why it is not a thing to ask for; nothing of the request is said again."""
        alias = self._aliases.get(query.get("alias", ""))
        if alias is None:
            return say(400, f"alias: expected one of {', '.join(sorted(self._aliases))}")
        target = next((name for name in _TARGETS if name == query.get("target", "gateway")), None)
        if target is None:
            return say(400, f"target: expected one of {', '.join(_TARGETS)}")
        if target == "direct" and self._turns.lane_of(alias) is None:
            return say(400, f"target: expected gateway: alias {alias.name} has no lane with an address")
        return _Wanted(alias=alias, target=target, is_debug=query.get("debug") == "true")

    def _reply(self, wanted: _Wanted, result: Result, age: float) -> Reply:
        verdict, headers = self._verdict(wanted, result), {"Age": f"{age:.0f}"}
        if wanted.is_debug:
            text = "\n".join(_lines(wanted, result, verdict, age))
            return Reply(body=f"{text}\n".encode(), headers=headers)
        families = [*_families(wanted, result), _cause(wanted.alias, verdict)]
        return Reply(body=as_text(families), content_type=TEXT, headers=headers)

    def _verdict(self, wanted: _Wanted, result: Result) -> Verdict:
        """Return the cause of this attempt; what was not asked through the gateway leaves the standing one."""
        snapshot = self._turns.snapshot()
        if result.attempt is None or wanted.target == "direct":
            return self._ledger.verdict(wanted.alias.name, snapshot)
        return root_cause(result.outcome, result.attempt, alias=wanted.alias, snapshot=snapshot)


def limit_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the scraper leaves us; None where it does not say, or says what is no time."""
    try:
        seconds = float(headers.get(_LIMIT_HEADER, "")[:32])
    except ValueError:
        return None
    return max(_SHORTEST_LIMIT, seconds - _FOR_THE_WAY_BACK) if math.isfinite(seconds) and seconds > 0 else None


def _families(wanted: _Wanted, result: Result) -> Iterator[Family]:
    answered = result.attempt if POLICY[result.outcome].is_answered else None
    if wanted.target == "direct":
        lane_account = LaneAccount(last_outcome=result.outcome, last_answered=answered)
        return last_direct_families(wanted.alias, lane_account)
    account = Account(last=result.attempt, last_outcome=result.outcome, last_answered=answered)
    return last_attempt_families(wanted.alias, account)


def _cause(alias: Alias, verdict: Verdict) -> Family:
    metric = catalogue.ALIAS_ROOT_CAUSE
    return metric.of(one_hot(metric, CAUSES, verdict.cause, label="cause", alias=alias.name))


def _lines(wanted: _Wanted, result: Result, verdict: Verdict, age: float) -> Iterator[str]:
    """Yield the attempt for a person: when each phase ended, what it cost, what explains it."""
    who = f"alias {wanted.alias.name}" if wanted.target == "gateway" else f"lane {wanted.alias.lane}, directly"
    yield f"{who}: {result.outcome}, {age:.1f} s ago"
    if result.attempt is None:
        yield "nothing was asked"
    else:
        yield from _waterfall(result.attempt.phases)
        yield f"  {'ended':<13}{result.attempt.seconds:8.3f} s"
        counts = msgspec.structs.asdict(result.attempt.tokens)
        yield f"  tokens: {', '.join(f'{name} {n}' for name, n in counts.items() if n is not None) or 'none counted'}"
    yield f"  root cause of the alias: {verdict.cause}"
    yield from (f"  - {sentence}" for sentence in verdict.evidence)


def _waterfall(phases: Mapping[str, float]) -> Iterator[str]:
    begun = 0.0
    for phase, ended in phases.items():
        yield f"  {phase:<13}{ended:8.3f} s  (+{ended - begun:.3f})"
        begun = ended

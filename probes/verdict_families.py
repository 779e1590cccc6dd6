"""Families of the verdicts, and the same in words for `/explain`: what a running exporter says of its aliases.

Why a first token was late is judged when its probe is first seen, with what was so then, and kept until the next.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from exporter import catalogue
from exporter.config import Config
from exporter.metric import Family, Sample, one_hot
from exporter.route import Reply, Request, say
from exporter.snapshot import Snapshot
from probes.first_token_cause import FIRST_TOKEN_CAUSES, FirstTokenVerdict, Steady, first_token_cause, used_now
from probes.layer.case import Case, survey
from probes.layers import CAUSES, LAYER_STATES, AliasVerdict, unknown
from probes.ledger import Ledger
from probes.verdict import judge_layers

SCHEMA: Final = 1
"""Of the object at `/explain`: within one number no key is renamed or removed."""

EXPLAIN_PATH: Final = "/explain"
_FOLLOW_UP_SECONDS: Final = 3.0  # within which the lane is asked after a failure
_BEING_ASKED: Final = "the lane itself is being asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What was judged of one alias last."""

    case: Case
    verdict: AliasVerdict
    first_token: FirstTokenVerdict | None


class Verdicts:
    """The verdicts on all configured aliases; `families` is a collector, `explain` a page."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._aliases = tuple(alias.name for alias in config.aliases)
        self._ledger = ledger
        self._steady: dict[str, Steady] = {}
        self._told: dict[str, _Told] = {}

    def adopt(self, before: "Verdicts") -> None:
        """Know how much of each part was in use while first tokens came in time."""
        self._steady = {name: steady for name, steady in before._steady.items() if name in self._aliases}  # noqa: SLF001  # its own kind

    def families(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield every family about verdicts."""
        self._told = {name: self._judge(name, snapshot, now) for name in self._aliases}
        yield catalogue.ALIAS_ROOT_CAUSE.of(_causes(self._told))
        yield catalogue.ALIAS_LAYER.of(_layers(self._told))
        yield catalogue.ALIAS_FIRST_TOKEN_CAUSE.of(_first_token_causes(self._told))

    async def explain(self, request: Request) -> Reply:
        """Answer `/explain?alias=NAME`, or of all aliases where none is named."""
        name = request.query.get("alias", "")
        if name and name not in self._aliases:
            return say(400, f"expected one of {', '.join(sorted(self._aliases))}, found another alias")
        told = [as_object(one) for alias, one in self._told.items() if name in {"", alias}]
        body = json.dumps({"schema": SCHEMA, "aliases": told}, indent=1)
        return Reply(body=body.encode(), content_type="application/json")

    def _judge(self, alias: str, snapshot: Snapshot, now: float) -> _Told:
        case, before = self._ledger.case(alias, snapshot, now), self._told.get(alias)
        first_token = before.first_token if before and _is_same(before.case, case) else self._judge_first_token(case)
        is_same = before is not None and _is_the_same_again(before.case, case)
        verdict = before.verdict if before and is_same else _judge_now(case)
        return _Told(case=case, verdict=verdict, first_token=first_token)

    def _judge_first_token(self, case: Case) -> FirstTokenVerdict | None:
        ground, name = survey(case), case.alias.name
        verdict = first_token_cause(case, ground, self._steady.get(name, {}))
        if verdict is not None and verdict.cause == "none":
            self._steady[name] = used_now(ground)
        return verdict


def as_object(told: _Told) -> dict[str, Any]:
    """Return what was judged of one alias for a program: no key, no address, no text of a model."""
    verdict, asked = told.verdict, told.case.gateway
    return {
        "alias": verdict.alias,
        "lane": told.case.alias.lane,
        "kind": told.case.alias.kind,
        "outcome": asked.outcome if asked else None,
        "skipped": told.case.skipped,
        "probed_at": asked.attempt.ended_at if asked else None,
        "judged_at": told.case.now,
        "cause": verdict.cause,
        "evidence": list(verdict.evidence),
        "layers": [
            {"layer": layer, "state": finding.state, "evidence": list(finding.evidence)}
            for layer, finding in verdict.layers.items()
        ],
        "first_token": {"cause": told.first_token.cause, "evidence": list(told.first_token.evidence)}
        if told.first_token
        else None,
        "findings": list(verdict.findings),
        "simulated": told.case.snapshot.is_simulated,
    }


def _is_same(before: Case, case: Case) -> bool:
    """Whether both speak of the same answers."""
    return before.gateway is not None and case.gateway is not None and before.gateway.attempt is case.gateway.attempt


def _judge_now(case: Case) -> AliasVerdict:
    """Return the verdict; what nothing but the outcome speaks for waits for what the lane itself answers."""
    verdict = judge_layers(case)
    if verdict.told_alone is None or not _is_lane_being_asked(case):
        return verdict
    layers = {**verdict.layers, verdict.told_alone: unknown(_BEING_ASKED)}
    evidence = (*verdict.evidence[:1], _BEING_ASKED)
    return msgspec.structs.replace(verdict, cause="unknown", evidence=evidence, layers=layers)


def _is_lane_being_asked(case: Case) -> bool:
    """Whether the answer of the lane itself, which tells it from the gateway, is still to come."""
    if case.gateway is None or case.gateway.is_good or case.witness is not None:
        return False
    is_young = case.now - case.gateway.attempt.ended_at < _FOLLOW_UP_SECONDS
    return is_young and case.alias.direct != "never" and case.lane is not None and case.lane.url is not None


def _is_the_same_again(before: Case, case: Case) -> bool:
    """Whether a failure came again whose lane is being asked: the verdict shall not change for a second."""
    if before.gateway is None or case.gateway is None or before.witness is None:
        return False
    return before.gateway.outcome == case.gateway.outcome and _is_lane_being_asked(case)


def _causes(told: Mapping[str, _Told]) -> Iterable[Sample]:
    for name, one in told.items():
        yield from one_hot(catalogue.ALIAS_ROOT_CAUSE, CAUSES, one.verdict.cause, label="cause", alias=name)


def _layers(told: Mapping[str, _Told]) -> Iterable[Sample]:
    for name, one in told.items():
        for layer, finding in one.verdict.layers.items():
            yield from one_hot(
                catalogue.ALIAS_LAYER, LAYER_STATES, finding.state, label="state", alias=name, layer=layer
            )


def _first_token_causes(told: Mapping[str, _Told]) -> Iterable[Sample]:
    for name, one in told.items():
        if one.first_token is not None:
            cause = one.first_token.cause
            yield from one_hot(catalogue.ALIAS_FIRST_TOKEN_CAUSE, FIRST_TOKEN_CAUSES, cause, label="cause", alias=name)

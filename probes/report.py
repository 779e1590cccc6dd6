"""Attempts and everything that is concluded from them, for the command `probe`.

Knows nothing of the layers below the gateway but what a lane that is asked directly shows: it looks from where a user
stands. Asks one question after the other, so that no probe waits behind another.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from exporter.config_path import Alias
from exporter.secret import read_key
from exporter.version import VERSION
from probes.asked import Plan
from probes.attempt import Attempt, ask
from probes.layers import LAYERS, Finding, Layer, Verdict, not_looked_at, well
from probes.outcome import EXIT_CODES, POLICY, Grade, Outcome, judge
from probes.question import Question, direct_question, gateway_question
from probes.served import served_lane
from probes.symptom import describe

_ORDER: Final[tuple[Grade, ...]] = ("pass", "warn", "fail")

_NOT_SEEN: Final = frozenset({"node", "driver", "device", "allocation", "lane_pod"})
ANSWERED: Final[Mapping[Layer, Finding]] = {
    layer: not_looked_at() if layer in _NOT_SEEN else well("it answered") for layer in LAYERS
}
"""What an answer proves by itself."""

Tell = Callable[[str], None]
"""Is told what is being asked."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, judged."""

    attempt: Attempt
    outcome: Outcome
    verdict: Verdict
    lane: str  # the configured lane that answered; empty where it cannot be told
    version: str
    alias: Alias | None = None  # with what is promised of it
    layers: Mapping[Layer, Finding] = msgspec.field(default_factory=dict)

    @property
    def grade(self) -> Grade:
        """Pass, warn or fail."""
        return POLICY[self.outcome].grade


async def reports(plans: Iterable[Plan], samples: int, tell: Tell) -> AsyncIterator[Report]:
    """Ask all that is planned, `samples` times; a `ConfigError` says what cannot be asked."""
    for plan in plans:
        questions = await _questions(plan)
        for number in range(1, samples + 1):
            attempts = []
            for question in questions:
                tell(f"asking {_whom(question)}{f', {number} of {samples}' if samples > 1 else ''}")
                attempts.append(await ask(question))
            for report in conclude(attempts, plan):
                yield report


def conclude(attempts: Sequence[Attempt], plan: Plan) -> Iterator[Report]:
    """Yield the reports on one attempt through the gateway and, where there is a second, one past it."""
    judged = [judge(attempt, plan.alias, plan.lanes) for attempt in attempts]
    verdict, layers = _verdict(attempts, judged, plan)
    for attempt, outcome in zip(attempts, judged, strict=True):
        is_direct = attempt.target == "direct"
        yield Report(
            attempt=attempt,
            outcome=outcome,
            verdict=_of_lane(attempt, outcome, verdict) if is_direct else verdict,
            lane=attempt.lane or served_lane(attempt.served, plan.lanes),
            version=VERSION,
            alias=plan.alias,
            layers={} if is_direct else layers,
        )


class Graded(Protocol):
    """What is passed, warned of or failed."""

    @property
    def grade(self) -> Grade:
        """Pass, warn or fail."""


def worst_grade(graded: Iterable[Graded]) -> Grade:
    """Return the worst of the grades."""
    return max((one.grade for one in graded), key=_ORDER.index, default="pass")


def exit_code(graded: Iterable[Graded]) -> int:
    """Return 0 where all passed, 10 where one warned, 20 where one failed."""
    return EXIT_CODES[worst_grade(graded)]


async def _questions(plan: Plan) -> list[Question]:
    questions = [gateway_question(plan.gateway, plan.alias, read_key(plan.gateway))]
    if plan.lane is not None:
        questions.append(await direct(plan))
    return questions


async def direct(plan: Plan) -> Question:
    """Return the question to the lane of `plan`, which is asked for its model's name first where nobody told it."""
    if plan.lane is None:
        raise ValueError(f"expected a plan with a lane, found none: {plan.alias.name}")
    from probes.listing import first_model  # noqa: PLC0415  # only who goes past the gateway asks

    key = read_key(plan.lane)
    model = plan.lane.model or await first_model(plan.lane, key)
    return direct_question(plan.lane, plan.alias, key, model or plan.alias.name)


def _whom(question: Question) -> str:
    return f"lane {question.lane} directly" if question.target == "direct" else f"alias {question.alias}"


def _verdict(
    attempts: Sequence[Attempt], judged: Sequence[Outcome], plan: Plan
) -> tuple[Verdict, Mapping[Layer, Finding]]:
    """Return what explains the attempt through the gateway; one that is well explains itself, and at once."""
    if judged[0] == "ok":
        return Verdict("none", describe("ok", attempts[0], plan.alias)), ANSWERED
    from exporter.snapshot import Snapshot  # noqa: PLC0415  # takes longer to load than the rest of the command
    from probes.verdict import Case, Probed, judge_layers  # noqa: PLC0415  # the same

    probed = [Probed(attempt, outcome) for attempt, outcome in zip(attempts, judged, strict=True)]
    verdict = judge_layers(
        Case(
            alias=plan.alias,
            snapshot=Snapshot(node=""),
            now=attempts[-1].ended_at,
            gateway=probed[0],
            direct=probed[1] if len(probed) > 1 else None,
            lane=next((lane for lane in plan.lanes if lane.name == plan.alias.lane), None),
        )
    )
    return Verdict(verdict.cause, verdict.evidence), verdict.layers


def _of_lane(attempt: Attempt, outcome: Outcome, of_alias: Verdict) -> Verdict:
    """Return what explains an attempt past the gateway: what explains the alias too, where anything does."""
    if POLICY[outcome].grade == "pass":
        return Verdict("none", (f"lane {attempt.lane} answered directly",))
    status = f"HTTP {attempt.status}" if attempt.status else attempt.failure_words or "no answer"
    seen = f"lane {attempt.lane}, asked directly: {outcome}, {status}"
    return Verdict("unknown" if of_alias.cause == "none" else of_alias.cause, (seen,))

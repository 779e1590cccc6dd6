"""What a lane can do: smoke directly and through the gateway, decode with a short and a long context, a cold prefill.

Rates are by the server's own count of tokens, and by its own timings where it tells them. Every prompt begins with a
nonce, so that none of it can come out of a cache. One step after the other.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

import msgspec

from exporter.backend import Backend
from exporter.secret import read_key
from probes.asked import Plan
from probes.attempt import Attempt, ask
from probes.outcome import Outcome, judge
from probes.question import Question, Target, gateway_question
from probes.report import Tell, direct

SCHEMA: Final = 1
"""Of the record: within one number no key is renamed or removed."""

_TEMPLATE_TOKENS: Final = 128  # that a chat template and the question itself may take
_WARM_SHARE: Final = 0.05  # of the prompt out of a cache: more, and a prefill was not cold
_SHORT_ANSWER: Final = 16  # tokens: where only the prompt is measured
_TRIED_WORDS: Final = 64
_LONGEST_SECONDS: Final = 600.0
MEASURED: Final[frozenset[Outcome]] = frozenset({"ok", "slow", "fallback"})  # slow: the objective is for short prompts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Tokens of each step; 0 leaves it out."""

    answer: int = 128
    short: int = 2048
    long: int = 40960
    prefill: int = 30720


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One question of the measurement."""

    name: str
    target: Target
    context_tokens: int
    answer_tokens: int

    @property
    def tokens(self) -> int:
        """What it costs at most."""
        return self.context_tokens + self.answer_tokens + _TEMPLATE_TOKENS


class Result(msgspec.Struct, frozen=True):
    """What one step gave; a number that could not be measured is absent."""

    step: str
    target: Target
    context_tokens: int
    outcome: str  # as a probe is judged, or left_out
    reason: str = ""
    numbers: dict[str, float] = {}

    @property
    def is_measured(self) -> bool:
        """Whether the lane answered."""
        return self.outcome in MEASURED


class Record(msgspec.Struct, frozen=True):
    """One measurement of one lane."""

    version: str
    measured_at: str
    alias: str
    lane: str
    model: str
    engine: str
    build: str
    results: tuple[Result, ...]
    pcie: dict[str, float] = {}  # generation and width of the link under load
    model_digest: str | None = None
    schema: int = SCHEMA


def steps(sizes: Sizes) -> tuple[Step, ...]:
    """Return what is measured, the cheapest first."""
    found = (
        Step("direct_smoke", "direct", 0, sizes.answer),
        Step("gateway_smoke", "gateway", 0, sizes.answer),
        Step("decode_short", "direct", sizes.short, sizes.answer),
        Step("cold_prefill", "direct", sizes.prefill, _SHORT_ANSWER),
        Step("decode_long", "direct", sizes.long, sizes.answer),
    )
    return tuple(step for step in found if step.context_tokens or step.name.endswith("smoke"))


def cost(steps: Iterable[Step]) -> int:
    """Return the tokens that the steps cost at most, with what it takes to learn how long words are."""
    return sum(step.tokens for step in steps) + 2 * (_TRIED_WORDS + _TEMPLATE_TOKENS)


def left_out(step: Step, backend: Backend) -> str:
    """Return why the lane cannot do the step, empty where it can or where that is not known."""
    holds = backend.context_tokens
    if holds is None or step.tokens <= holds:
        return ""
    return f"needs {step.tokens} tokens, a request of the lane may hold {holds}"


async def measure(plan: Plan, wanted: Iterable[Step], backend: Backend, tell: Tell) -> tuple[Result, ...]:
    """Ask each step that the lane can do, and return what all gave."""
    questions = {"gateway": _through(plan), "direct": await direct(plan)}
    tell("how many tokens a word has")
    words_per_token = await _words_per_token(questions["direct"])
    results = []
    for step in wanted:
        reason = left_out(step, backend)
        tell(f"{step.name}: up to {step.tokens} tokens")
        question = _sized(questions[step.target], step, words_per_token)
        results.append(_left_out(step, reason) if reason else await _measure(plan, step, question))
    return tuple(results)


def result(step: Step, attempt: Attempt, outcome: Outcome) -> Result:
    """Return what one attempt says of its step."""
    if outcome == "context_too_long":
        return _left_out(step, "the lane says that its context is too short")
    words = attempt.error.message if attempt.error else attempt.failure_words
    return Result(
        step=step.name,
        target=step.target,
        context_tokens=step.context_tokens,
        outcome=outcome,
        reason="" if outcome in MEASURED else words,
        numbers={name: value for name, value in _numbers(attempt).items() if value is not None},
    )


def is_warm(one: Result) -> bool:
    """Whether part of the prompt came out of a cache, so that its prefill says nothing."""
    return one.numbers.get("cached_tokens", 0.0) > one.numbers.get("prompt_tokens", 0.0) * _WARM_SHARE


async def _measure(plan: Plan, step: Step, question: Question) -> Result:
    attempt = await ask(question)
    return result(step, attempt, judge(attempt, plan.alias, plan.lanes))


async def _words_per_token(question: Question) -> float:
    """Return it as the lane counts: vocabularies differ. 1 where the lane does not count, or does not answer."""
    few = [dataclasses.replace(question, context_words=words, max_tokens=1) for words in (0, _TRIED_WORDS)]
    without, with_words = [(await ask(one)).tokens.prompt for one in few]
    if without is None or with_words is None or with_words <= without:
        return 1.0
    return _TRIED_WORDS / (with_words - without)


def _sized(question: Question, step: Step, words_per_token: float) -> Question:
    return dataclasses.replace(
        question,
        context_words=round(step.context_tokens * words_per_token),
        max_tokens=step.answer_tokens,
        timeout_seconds=max(question.timeout_seconds, _LONGEST_SECONDS if step.context_tokens else 0.0),
    )


def _through(plan: Plan) -> Question:
    return gateway_question(plan.gateway, plan.alias, read_key(plan.gateway))


def _left_out(step: Step, reason: str) -> Result:
    return Result(step.name, step.target, step.context_tokens, "left_out", reason)


def _numbers(attempt: Attempt) -> dict[str, float | None]:
    tokens = attempt.tokens
    return {
        "prompt_tokens": tokens.prompt,
        "cached_tokens": tokens.cached,
        "completion_tokens": tokens.completion,
        "first_token_seconds": attempt.first_token,
        "total_seconds": attempt.phases.get("complete"),
        "decode_tokens_per_second": attempt.decode_rate,
        "prefill_tokens_per_second": attempt.prefill_rate or _prefill_as_seen(attempt),
    }


def _prefill_as_seen(attempt: Attempt) -> float | None:
    """Return the rate to the first token, for a server that does not tell its own: a little too low."""
    prompt, first = attempt.tokens.prompt, attempt.first_token
    return prompt / first if prompt and first else None

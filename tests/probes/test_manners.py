"""Whether a probe may be sent: the table of what a lane does, what the account says, and what is right then."""

import dataclasses

import pytest

from exporter.backend import BACKEND_STATES, Backend, BackendState, Engine
from exporter.config_path import Alias
from probes.accounts import Account
from probes.attempt import Attempt
from probes.budget import Budget
from probes.found import ErrorFacts
from probes.manners import Decision, Go, Passive, Skip, decide, has_free_slot, pause_after

FAST = Alias(name="fast", lane="a", tokens_per_day=100)
UNLOADED = Alias(name="fast", lane="a", when_unloaded="probe")
BLIND = Alias(name="fast", lane="a", look_first=False)
FRESH = Account()
NOW = 86400.0 * 20_000
SPENT = Account(budget=Budget(20_000, 100))
TIRED = Account(busy_in_a_row=3)
ONE_BUSY = {"busy": 1, "free": 0}
ONE_FREE = {"busy": 3, "free": 1}


def lane(state: BackendState, slots: dict[str, int] | None = None) -> Backend:
    return Backend(lane="a", state=state, slots=slots or {})


@pytest.mark.parametrize(
    ("alias", "backend", "account", "expected"),
    [
        pytest.param(FAST, None, FRESH, Go(), id="a lane that nobody looked at is asked"),
        pytest.param(FAST, lane("unknown"), FRESH, Go(), id="a lane that does not say is asked"),
        pytest.param(FAST, lane("idle"), FRESH, Go(), id="an idle lane is asked"),
        pytest.param(FAST, lane("busy", ONE_BUSY), FRESH, Passive(), id="a user is not disturbed"),
        pytest.param(FAST, lane("busy", ONE_FREE), FRESH, Passive(), id="not even where a slot is free"),
        pytest.param(FAST, lane("busy", ONE_FREE), TIRED, Go(), id="after three skips a free slot is taken"),
        pytest.param(FAST, lane("busy", ONE_BUSY), TIRED, Passive(), id="never behind a user on a one-slot lane"),
        pytest.param(FAST, lane("busy"), TIRED, Passive(), id="slots that are not told are not free"),
        pytest.param(BLIND, lane("busy", ONE_BUSY), FRESH, Go(), id="who wants no look is not held back by one"),
        *(
            pytest.param(FAST, lane(state, ONE_BUSY), FRESH, Go(), id=f"a lane that is {state} must be seen to be so")
            for state in ("stalled", "wedged", "stopped", "down", "loading")
        ),
        pytest.param(FAST, lane("asleep"), FRESH, Skip("skipped_unloaded"), id="a model is not loaded for a probe"),
        pytest.param(UNLOADED, lane("asleep"), FRESH, Go(), id="but where that is wanted"),
        pytest.param(FAST, lane("idle"), SPENT, Skip("skipped_budget"), id="a budget that is spent is spent"),
        pytest.param(FAST, lane("busy", ONE_BUSY), SPENT, Passive(), id="what users prove costs nothing"),
        pytest.param(FAST, lane("asleep"), SPENT, Skip("skipped_unloaded"), id="asleep is told before the budget"),
    ],
)
def test_decision(alias: Alias, backend: Backend | None, account: Account, expected: Decision) -> None:
    """A lane that works for a user is left alone, one that is ill is asked, one that sleeps is not woken."""
    assert expected == decide(alias, backend, account, NOW)


@pytest.mark.parametrize("state", BACKEND_STATES)
def test_every_state_is_decided(state: BackendState) -> None:
    """No state of a server is forgotten, and only two of them hold a probe back."""
    assert isinstance(decide(FAST, lane(state), FRESH, NOW), Go) == (state not in {"busy", "asleep"})


def test_budget_of_yesterday_is_no_matter() -> None:
    """At midnight UTC the budget is whole again."""
    assert decide(FAST, lane("idle"), SPENT, NOW + 86399) == Skip("skipped_budget")
    assert decide(FAST, lane("idle"), SPENT, NOW + 86400) == Go()


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        pytest.param(Backend(lane="a", slots=ONE_FREE), True, id="a slot is free"),
        pytest.param(Backend(lane="a", slots=ONE_BUSY), False, id="all slots are busy"),
        pytest.param(Backend(lane="a", kind="llamacpp"), False, id="llama-server does not tell its slots"),
        pytest.param(
            Backend(lane="a", kind="vllm", engine=Engine(waiting=0)), True, id="a batch that nobody waits for"
        ),
        pytest.param(Backend(lane="a", kind="vllm", engine=Engine(waiting=2)), False, id="a batch with a queue"),
        pytest.param(Backend(lane="a", kind="vllm"), False, id="a batch whose queue is not known"),
    ],
)
def test_free_slot(*, backend: Backend, expected: bool) -> None:
    """A slot is free only where the server says so."""
    assert expected == has_free_slot(backend)


@pytest.mark.parametrize(
    ("status", "retry_after", "in_a_row", "pause"),
    [
        pytest.param(200, None, 1, 0, id="a good answer asks for none"),
        pytest.param(500, 60.0, 1, 0, id="a failure is no wish to be left alone"),
        pytest.param(429, None, 1, 30, id="429 without a time"),
        pytest.param(429, 5.0, 1, 30, id="429 with a short time"),
        pytest.param(429, 90.0, 1, 90, id="429 with a time"),
        pytest.param(429, 9e9, 1, 300, id="429 with an absurd time"),
        pytest.param(503, None, 1, 1, id="503 the first time"),
        pytest.param(503, None, 4, 8, id="503 again and again"),
        pytest.param(503, None, 99, 30, id="503 for ever"),
        pytest.param(503, 20.0, 1, 20, id="503 with a time"),
        pytest.param(503, 9e9, 1, 300, id="503 with an absurd time"),
    ],
)
def test_pause(status: int, retry_after: float | None, in_a_row: int, pause: float) -> None:
    """Who says that it is asked too often, or can do no more, is left alone, but not for ever."""
    attempt = Attempt(alias="fast", status=status, retry_after_seconds=retry_after)
    assert pause == pause_after(attempt, in_a_row)


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        pytest.param(None, 0, id="without a time its next turn is soon enough"),
        pytest.param(5.0, 5, id="with the time of its cooldown"),
        pytest.param(9e9, 30, id="with an absurd time"),
    ],
)
def test_gateway_that_put_its_lane_aside_is_asked_again(retry_after: float | None, pause: float) -> None:
    """It is not asked too often: it has no lane to ask, and only the next question shows that it has one again."""
    error = ErrorFacts(message="No deployments available for selected model, Try again in 5 seconds.")
    attempt = Attempt(alias="fast", status=429, error=error, retry_after_seconds=retry_after)
    assert pause == pause_after(attempt)


def test_any_number_of_tokens() -> None:
    """A budget of 0 is none at all."""
    spender = dataclasses.replace(SPENT, budget=Budget(20_000, 10**9))
    assert decide(Alias(name="fast", tokens_per_day=0), None, spender, NOW) == Go()

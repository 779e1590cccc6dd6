"""What happens when an alias is due, and when somebody asks out of turn."""

import asyncio
import dataclasses
import itertools

import pytest

from exporter.backend import Backend, Backends
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane
from exporter.snapshot import Snapshot
from fakes.probing import DEAD, GOOD, LIMITED, Rig
from probes.attempt import Attempt
from probes.found import ErrorFacts
from probes.outcome import Outcome
from probes.prober import Prober
from probes.turn import Result, wants_direct

FAST = Alias(name="fast", lane="a", interval_seconds=60)
ALWAYS = Alias(name="fast", lane="a", direct="always")
NEVER = Alias(name="fast", lane="a", direct="never")
SPEECH = Alias(name="stt", kind="speech")
BUSY = Backend(lane="a", state="busy", slots={"busy": 1, "free": 0}, model="tiny")
IDLE = Backend(lane="a", state="idle", slots={"busy": 0, "free": 1}, model="tiny")


def targets(rig: Rig) -> list[str]:
    return [question.target for question, _ in rig.asked]


def test_busy_lane_is_left_alone() -> None:
    """While users are served an hour passes without a probe, each a passive success, and nothing looks new."""
    rig = Rig((FAST,), backend=BUSY)
    rig.run(3600)
    account = rig.ledger.account("fast")
    assert rig.asked == []
    assert (account.passive, account.outcomes["skipped_busy"], account.last, account.events["availability"]) == (
        60,
        60,
        None,
        0,
    )


def test_free_slot_is_taken_after_three_skips() -> None:
    """Of a lane that is always busy and has a slot free, each fourth turn is a probe."""
    rig = Rig((FAST,), backend=dataclasses.replace(BUSY, slots={"busy": 1, "free": 1}))
    rig.take(FAST, times=8)
    assert targets(rig) == ["gateway", "gateway"]
    assert rig.ledger.account("fast").passive == 6


@pytest.mark.parametrize("state", ["stalled", "wedged", "stopped", "down", "loading"])
def test_ill_lane_is_asked(state: str) -> None:
    """What is wrong with a lane must be seen by its alias; the lane itself is asked too."""
    rig = Rig((FAST,), backend=dataclasses.replace(BUSY, state=state), gateway=DEAD, lane=DEAD)  # type: ignore[arg-type]  # of a table
    rig.take(FAST)
    assert (targets(rig), rig.looks) == (["gateway", "direct"], 1)


def test_direct_question_follows_a_failure_at_once() -> None:
    """The same question goes to the lane within two seconds, under the lane's own name for its model."""
    rig = Rig((FAST,), backend=IDLE, gateway=DEAD)
    rig.take(FAST)
    (_, asked), (direct, directly) = rig.asked
    assert directly - (asked + rig.probe_seconds) < 2.0
    assert rig.looks == 2
    assert (direct.lane, direct.model, direct.kind, direct.url) == ("a", "tiny", "chat", "http://a")
    account = rig.ledger.account("fast")
    assert (account.last_outcome, account.last_direct_outcome, account.outcomes["ok"]) == ("http_5xx", "ok", 0)


def test_user_who_came_meanwhile_is_not_disturbed() -> None:
    """After a failure the lane is looked at again: where a user took its slot, it is not asked."""
    rig = Rig((FAST,), backend=IDLE, gateway=DEAD)

    async def look(lane: str) -> Backend:
        rig.looks += 1
        return IDLE if rig.looks == 1 else dataclasses.replace(BUSY, lane=lane)

    rig.turns._look = look  # noqa: SLF001  # what a look shows changes from one to the next
    rig.take(FAST)
    assert targets(rig) == ["gateway"]
    assert rig.ledger.lane_account("a", "chat").outcomes["skipped_busy"] == 1
    assert rig.ledger.account("fast").passive == 0


def test_always_takes_turns_in_being_first() -> None:
    """Both ways are asked each time, and neither always finds the lane warmed by the other."""
    rig = Rig((ALWAYS,), backend=IDLE)
    rig.take(ALWAYS, times=3)
    assert targets(rig) == ["gateway", "direct", "direct", "gateway", "gateway", "direct"]


@pytest.mark.parametrize(
    ("alias", "outcome", "attempt", "expected"),
    [
        pytest.param(FAST, "ok", GOOD, False, id="a good answer leaves nothing to localise"),
        pytest.param(FAST, "slow", GOOD, True, id="slow: is it the gateway or the lane"),
        pytest.param(FAST, "fallback", GOOD, True, id="a fallback hides what the lane does"),
        pytest.param(FAST, "http_5xx", DEAD, True, id="a failure"),
        pytest.param(FAST, "rate_limited", LIMITED, True, id="the gateway's limit is not the lane's"),
        pytest.param(FAST, "rate_limited", dataclasses.replace(LIMITED, is_from_lane=True), False, id="the lane's is"),
        pytest.param(FAST, "error", DEAD, False, id="our own trouble"),
        pytest.param(FAST, "skipped_busy", None, False, id="nothing was asked"),
        pytest.param(NEVER, "http_5xx", DEAD, False, id="where it is not wanted"),
        pytest.param(ALWAYS, "ok", GOOD, True, id="where it is always wanted"),
    ],
)
def test_wants_direct(*, alias: Alias, outcome: Outcome, attempt: Attempt | None, expected: bool) -> None:
    """The lane itself is asked where that can tell what failed."""
    assert expected == wants_direct(alias, Result(outcome=outcome, at=0.0, attempt=attempt))


def test_lane_without_address_is_neither_looked_at_nor_asked() -> None:
    """An alias that names no lane is probed through the gateway only."""
    alias = Alias(name="fast")
    rig = Rig((alias,), backend=BUSY, gateway=DEAD)
    rig.take(alias)
    assert (targets(rig), rig.looks) == (["gateway"], 0)


def test_look_that_does_not_end_holds_no_probe_back() -> None:
    """A lane whose server is silent is asked: silence is what must be seen."""
    rig = Rig((FAST,), backend=IDLE)

    async def look(_: str) -> Backend:
        await asyncio.Event().wait()
        raise AssertionError

    rig.turns._look = look  # noqa: SLF001  # the real looker ends by itself; this one must not be trusted to

    async def go() -> None:
        turn = asyncio.create_task(rig.turns.take(FAST))
        async with asyncio.timeout(10):
            while not turn.done():
                await rig.time.run_until(rig.time.seconds + 1)
                await asyncio.sleep(0.01)

    asyncio.run(go())
    assert targets(rig) == ["gateway"]


def test_hundred_who_ask_share_one_question() -> None:
    """However many ask out of turn at once, one question is sent, and all get its answer."""
    rig = Rig((FAST,))

    async def ask(rig: Rig) -> None:
        asked = [asyncio.create_task(rig.turns.demand(FAST, "gateway")) for _ in range(100)]
        await rig.time.run_until(31)
        assert len({id(await one) for one in asked}) == 1

    assert len(rig.run(30, ask)) == 2


def test_who_gives_up_does_not_cost_the_others_a_question() -> None:
    """A client that goes away leaves the question to those who still wait."""
    rig = Rig((FAST,), probe_seconds=5.0)

    async def go() -> None:
        asked = [asyncio.create_task(rig.turns.demand(FAST, "gateway")) for _ in range(10)]
        await rig.time.run_until(1)
        for one in asked[:5]:
            one.cancel()
        await rig.time.run_until(60)
        assert {(await one).outcome for one in asked[5:]} == {"ok"}

    asyncio.run(go())
    assert len(rig.asked) == 1


def test_who_asks_again_at_once_gets_the_same_answer() -> None:
    """Within a second there is no second question, whoever asked the first; after it there is."""
    rig = Rig((FAST,), backend=IDLE)

    async def go() -> None:
        for _ in range(3):
            for _ in range(5):
                asked = asyncio.create_task(rig.turns.demand(FAST, "gateway"))
                await rig.time.run_until(rig.time.seconds + 0.6)
                await asked
            rig.time.seconds += 1.0

    asyncio.run(go())
    starts = rig.starts()
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(starts))
    assert 3 <= len(starts) < 15


def test_out_of_turn_is_no_event() -> None:
    """A person who asks cannot spend the error budget, but the tokens are spent."""
    rig = Rig((FAST,), gateway=dataclasses.replace(DEAD, tokens=GOOD.tokens))

    async def ask(rig: Rig) -> None:
        asked = asyncio.create_task(rig.turns.demand(FAST, "gateway"))
        await rig.time.run_until(59)
        await asked

    rig.run(58, ask)
    account = rig.ledger.account("fast")
    assert (account.outcomes["http_5xx"], account.events["availability"], account.consecutive_failures) == (2, 1, 1)
    assert account.tokens["prompt"] == 40 + 20  # the lane was asked after the first


def test_out_of_turn_has_manners() -> None:
    """A one-slot lane that works for a user is not disturbed by who asks now either, and that is no passive success."""
    rig = Rig((FAST,), backend=BUSY)
    result = asyncio.run(rig.turns.demand(FAST, "gateway"))
    assert (result.outcome, result.attempt, rig.asked) == ("skipped_busy", None, [])
    assert rig.ledger.account("fast").passive == 0


def test_gateway_that_wants_peace_gets_it_from_all() -> None:
    """After a 429 who asks out of turn gets the last answer until the pause is over."""
    rig = Rig((FAST,), gateway=LIMITED)

    async def ask(rig: Rig) -> None:
        for until in (10, 20, 29, 40):
            asked = asyncio.create_task(rig.turns.demand(FAST, "gateway"))
            await rig.time.run_until(until)
            assert (await asked).outcome == "rate_limited"

    starts = rig.run(5, ask)
    assert len(starts) == 1


def test_peace_holds_for_the_next_turn() -> None:
    """A 429 that somebody got out of turn moves the turn that would have come too soon."""
    rig = Rig((FAST,))

    async def ask(rig: Rig) -> None:
        rig.gateway = LIMITED
        asked = asyncio.create_task(rig.turns.demand(FAST, "gateway"))
        await rig.time.run_until(200)
        await asked

    starts = rig.run(50, ask)
    assert 30 <= starts[2] - starts[1] < 32


def test_retry_after_moves_the_next_turn() -> None:
    """A gateway that says 503 and for how long is left alone for so long."""
    rig = Rig((FAST,), gateway=Attempt(alias="fast", status=503, retry_after_seconds=200.0))
    starts = rig.run(500)
    assert [round(at - starts[0]) for at in starts] == [0, 240, 480]


def test_limit_of_who_asks_is_the_limit_of_the_question() -> None:
    """A question is given no more time than who asks has left."""
    rig = Rig((FAST,))

    async def go() -> None:
        asked = asyncio.create_task(rig.turns.demand(FAST, "gateway", 9.5))
        await rig.time.run_until(60)
        await asked

    asyncio.run(go())
    assert rig.asked[0][0].timeout_seconds == 9.5


def test_unreadable_key_is_an_attempt_that_failed() -> None:
    """A key file that went away is data, not the end of probing; so it is for a lane."""
    lane = Lane(name="a", url="http://127.0.0.1:9", key_file="/nowhere")
    config = Config(gateway=Gateway(url="http://127.0.0.1:9", key_file="/nowhere"), aliases=(SPEECH,), lanes=(lane,))
    prober = Prober(config=config)
    for attempt in (asyncio.run(prober.ask_gateway(SPEECH)), asyncio.run(prober.ask_lane(SPEECH, lane, "m"))):
        assert (attempt.kind, attempt.failure, attempt.failure_words[:9]) == ("speech", "error", "/nowhere:")


def test_lane_that_says_itself_that_it_loads_is_cold() -> None:
    """Where nobody can look at a lane, its own word on the way counts: the next answer may be slow."""
    blind = Alias(name="fast", lane="a", look_first=False, direct="never")
    loading = Attempt(alias="fast", status=503, error=ErrorFacts(message="Loading model"))
    rig = Rig((blind,), gateway=loading)
    rig.take(blind)
    rig.gateway = GOOD
    rig.time.seconds -= 30  # a rig's turn takes a minute
    rig.take(blind)
    account = rig.ledger.account("fast")
    assert (account.outcomes["loading"], account.is_cold, account.events["first_token"]) == (1, True, 0)


def test_lane_that_starts_between_two_probes_is_cold() -> None:
    """A start that only the looks of the snapshot saw excuses the first slow answer."""
    rig = Rig((FAST,), backend=IDLE)
    loading = Snapshot(node="n", backends=Backends(by_lane={"a": Backend(lane="a", state="loading")}))
    rig.turns.follow(lambda: loading if 20 < rig.time.seconds < 40 else Snapshot(node="n"))
    rig.run(70)
    assert rig.ledger.account("fast").is_cold
    assert rig.ledger.account("fast").events == {"availability": 2, "first_token": 1}

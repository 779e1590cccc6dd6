"""A switch from one lane to another, on a real API server with real controllers: ordered, so not an outage at once."""

import pytest

from e2e.stage import DEEP, FAST, Stage
from e2e.told import SOON, SWITCH_SECONDS, WELL, expect, expect_state
from e2e.watcher import Watcher, values
from exporter import catalogue as c

pytestmark = pytest.mark.real


def test_a_switch_is_counted(stage: Stage, watcher: Watcher) -> None:
    """Ordered, one lane goes and another comes: switching all the while, then steady, counted once and timed."""
    stage.scale(FAST, 0)
    expect_state(watcher, "switching")
    stage.end(FAST)
    stage.scale(DEEP, 1)
    expect_state(watcher, "switching")
    watcher.skip(90)
    stage.serve(DEEP)
    expect(watcher, WELL)
    page = watcher.look()
    assert values(page, c.POOL_SWITCHES) == [1.0]
    assert 90 <= values(page, c.POOL_SWITCH_SECONDS)[0] < 90 + 2 * SOON


def test_a_switch_that_does_not_end(stage: Stage, watcher: Watcher) -> None:
    """Ordered, but nothing runs when its time is up: then it is an outage, and no switch is counted."""
    stage.scale(FAST, 0)
    stage.end(FAST)
    stage.scale(DEEP, 1)
    stage.unschedulable(DEEP)
    expect_state(watcher, "switching")
    watcher.skip(SWITCH_SECONDS + 1)
    expect_state(watcher, "none")
    assert values(watcher.look(), c.POOL_SWITCHES) == [0.0]
    stage.scale(DEEP, 0)
    stage.scale(FAST, 1)
    stage.serve(FAST)
    expect(watcher, WELL)

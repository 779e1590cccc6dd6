import logging

import pytest

from fakes import simulated_apiserver as faults
from fakes.simulated_apiserver import Fault
from fakes.simulated_reflectors import PATHS, standing

SEEDS = (1, 2, 3)

ILL = [
    pytest.param(faults.refused, 35, id="nobody listens"),
    pytest.param(faults.unanswered, 35, id="nobody answers a packet"),
    pytest.param(faults.silent, 65, id="accepts and says nothing"),  # the last that were asked wait half a minute
    pytest.param(faults.wrong_certificate, 35, id="somebody else answers"),
    pytest.param(faults.html, 35, id="a proxy's page"),
    pytest.param(faults.unavailable, 35, id="503 of a load balancer"),
    pytest.param(faults.broken, 35, id="500 of a server without etcd"),
    pytest.param(faults.too_many, 35, id="429 with Retry-After"),
    pytest.param(faults.unknown_credential, 35, id="401"),
    pytest.param(faults.closes_watches, 35, id="watches closed at once"),  # a watch must last before it is believed
    pytest.param(faults.refuses_watches, 35, id="watches refused, lists answered"),
]
BREAKS = pytest.param(faults.breaks_watches, 35, id="watches that break after two seconds")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("fault", "most"), [*ILL, BREAKS])
def test_ill_server_is_spared(fault: Fault, most: float, seed: int) -> None:
    """A server that falls ill is asked twelve times a minute by all eight; then the copies are true soon."""
    with standing(seed) as stand:
        stand.time.sleep(300)
        stand.world.fault = fault
        stand.world.break_watches()
        since = stand.time.now()
        stand.time.sleep(60)
        stand.change_everything()
        stand.time.sleep(500)
        busiest = stand.busiest_minute(since)
        stand.world.fault = None
        seconds = stand.seconds_until_true()

    assert busiest <= 12
    assert seconds < most


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("fault", "most"), ILL)
def test_server_that_is_ill_from_the_start_is_spared(fault: Fault, most: float, seed: int) -> None:
    """The first minute counts too; whatever the server was, all is well soon after it is."""
    with standing(seed, fault) as stand:
        stand.time.sleep(400)
        busiest = stand.busiest_minute(0.0)
        stand.world.fault = None
        stand.change_everything()
        seconds = stand.seconds_until_true()

    assert busiest <= 12
    assert seconds < most


def test_watches_that_take_time_to_break_are_found_out_after_one_round() -> None:
    """From the start, eight lists and eight watches are under way before the first breaks; then it is twelve a minute.

    To wait for the first watch to last would cost every healthy start ten seconds.
    """
    with standing(fault=faults.breaks_watches) as stand:
        stand.time.sleep(400)

    assert stand.busiest_minute(0.0) <= 2 * len(PATHS) + 6
    assert stand.busiest_minute(5.0) <= 12


@pytest.mark.parametrize("gone_seconds", [5, 20, 59, 60, 61, 90, 600])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_compacted", [pytest.param(False, id="remembers"), pytest.param(True, id="has forgotten")])
@pytest.mark.parametrize("fault", [pytest.param(faults.refused, id="down"), pytest.param(faults.unanswered, id="cut")])
def test_server_that_was_gone(fault: Fault, gone_seconds: int, seed: int, *, is_compacted: bool) -> None:
    """Back from wherever it was, with or without its memory: every copy is the truth within 35 s."""
    with standing(seed) as stand:
        stand.time.sleep(100)
        stand.world.fault = fault
        stand.world.break_watches()
        since = stand.time.now()
        stand.time.sleep(gone_seconds)
        busiest = stand.busiest_minute(since)
        stand.change_everything()
        if is_compacted:
            stand.world.compact()
        stand.world.fault = None
        seconds = stand.seconds_until_true()

    assert busiest <= 12
    assert seconds < 35


def test_start_is_quick() -> None:
    """A server that is well is not made to wait for: eight collections are here within two seconds."""
    with standing() as stand:
        assert stand.seconds_until_true() < 2
        stand.change_everything()
        assert stand.seconds_until_true() < 2


def test_collection_that_never_answers_holds_nobody_up() -> None:
    """The first to be asked for may be the one that hangs: the others do not wait for its time-out."""
    hanging, *others = PATHS
    with standing(fault=faults.silent, paths=[hanging]) as stand:
        seconds = stand.seconds_until_true(others)

    assert seconds < 8


def test_forbidden_collection_is_nobody_elses_matter(caplog: pytest.LogCaptureFixture) -> None:
    """It is asked for at most twice a minute, told of once, and back within a minute of its right; the others go on."""
    caplog.set_level(logging.INFO, "exporter.sources.reflector")
    refused, *others = PATHS
    with standing(fault=faults.forbidden, paths=[refused]) as stand:
        first = stand.seconds_until_true(others)
        stand.time.sleep(600)
        busiest = stand.busiest_minute(0.0, [refused])
        stand.change_everything()
        later = stand.seconds_until_true(others)
        failure = stand.reflectors[refused].standing.failure
        stand.world.fault = None
        seconds = stand.seconds_until_true()

    assert failure is not None
    assert failure.kind == "forbidden"
    assert first < 2
    assert later < 1
    assert busiest <= 2
    assert seconds < 60
    assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]


def test_api_that_is_not_served(caplog: pytest.LogCaptureFixture) -> None:
    """Where there is no such API it is asked for again once in five minutes, and told of once."""
    absent, *others = PATHS
    with standing(fault=faults.not_served, paths=[absent]) as stand:
        assert stand.seconds_until_true(others) < 2
        stand.time.sleep(3000)
        standing_ = stand.reflectors[absent].standing
        asked = len(stand.lists(0.0, absent))
        stand.world.fault = None
        seconds = stand.seconds_until_true()
        is_served = stand.reflectors[absent].standing.is_served

    assert standing_.failure is not None
    assert (standing_.failure.kind, standing_.is_served, standing_.is_synced) == ("absent", False, False)
    assert asked <= 11
    assert seconds < 376
    assert is_served
    assert len(caplog.records) == 1


def test_404_in_place_of_what_was_there_is_asked_for_again_soon() -> None:
    """A proxy says 404 for a moment too: a collection that was there is not given up for minutes."""
    with standing(fault=None) as stand:
        stand.time.sleep(30)
        stand.world.fault = faults.not_served
        stand.world.break_watches()
        stand.time.sleep(60)
        is_served = [one.standing.is_served for one in stand.reflectors.values()]
        stand.world.fault = None
        stand.change_everything()
        seconds = stand.seconds_until_true()

    assert all(is_served)
    assert seconds < 35


@pytest.mark.parametrize("seed", SEEDS)
def test_version_that_is_always_gone(seed: int) -> None:
    """410 without end is answered by six lists a minute, and each makes the copy true."""
    path = PATHS[0]
    with standing(seed) as stand:
        stand.time.sleep(200)
        since = stand.time.now()
        stand.world.compacted = 1 << 30
        stand.world.break_watches()
        stand.time.sleep(300)
        lists = stand.lists(since, path)
        stand.change_everything()
        seconds = stand.seconds_until_true()

    assert max(sum(at <= other < at + 60 for other in lists) for at in lists) <= 6
    assert seconds < 35


@pytest.mark.parametrize("seed", SEEDS)
def test_half_open_watch_is_given_up_once_bookmarks_came(seed: int) -> None:
    """Where bookmarks came, two and a half minutes without any are the end; no list is needed to go on."""
    with standing(seed) as stand:
        stand.time.sleep(130)  # two bookmarks
        stand.world.mute_watches()
        stand.change_everything()
        since = stand.time.now()
        stand.time.sleep(150 - 61)
        before = stand.busiest_minute(since)
        seconds = stand.seconds_until_true()
        lists = [at for path in PATHS for at in stand.lists(since, path)]

    assert (before, lists) == (0, [])
    assert seconds < 61 + 35


def test_half_open_watch_without_bookmarks_has_until_its_end() -> None:
    """Where none came the watch may be silent for as long as it was meant to last, and half a minute more."""
    with standing() as stand:
        stand.time.sleep(5)
        stand.world.mute_watches()
        stand.change_everything()
        since = stand.time.now()
        stand.time.sleep(290)
        before = stand.busiest_minute(since)
        seconds = stand.seconds_until_true()

    assert before == 0
    assert seconds < 600 + 30 + 35 - 290


def test_healthy_server_is_left_alone() -> None:
    """Eight collections that are well cost at most two connects a minute, watches of five to ten minutes each."""
    with standing() as stand:
        stand.time.sleep(60)
        since = stand.time.now()
        stand.time.sleep(3600)
        connects = sum(at >= since for at, _, _ in stand.world.connects)

    assert connects <= 2 * 60


def test_revision_rises_with_the_records_only() -> None:
    """Readers that saw a revision may keep what they made of it: bookmarks and new lists alone do not change it."""
    path = PATHS[0]
    with standing() as stand:
        stand.time.sleep(10)
        first = stand.reflectors[path].revision
        stand.world.compact()
        stand.world.break_watches()
        stand.time.sleep(300)  # bookmarks, and a new list
        second = stand.reflectors[path].revision
        stand.world.set(path, "new")
        stand.time.sleep(2)
        third = stand.reflectors[path].revision

    assert first == second < third


def test_ill_server_is_known_to_all() -> None:
    """A collection that waits at the gate is as blind as the one that tries, and says so."""
    with standing(fault=faults.broken) as stand:
        stand.time.sleep(5)
        kinds = {one.standing.failure and one.standing.failure.kind for one in stand.reflectors.values()}

    assert kinds == {"failed"}

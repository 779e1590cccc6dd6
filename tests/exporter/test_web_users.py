"""Passwords: what is right is remembered, what is wrong costs the same whoever asks, and no flood holds others up."""

import asyncio
import base64
import os
import time
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web_users import Users

_HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _judge(users: Users, *headers: str) -> list[bool | None]:
    async def go() -> list[bool | None]:
        return [await users.may_ask(header) for header in headers]

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(_basic("a", "right"), True, id="right"),
        pytest.param(_basic("a", "right").replace("Basic", "bAsIc"), True, id="the word in other letters"),
        pytest.param(_basic("a", "wrong"), False, id="wrong"),
        pytest.param(_basic("b", "right"), False, id="another's name"),
        pytest.param(_basic("a", "rig\0ht"), False, id="a zero byte"),
        pytest.param(_basic("a", "x" * 500), False, id="longer than bcrypt looks at"),
        pytest.param("Basic !!!", False, id="no base64"),
        pytest.param("Basic YQ==", False, id="no colon"),
        pytest.param("Bearer x", False, id="another scheme"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_a_header_is_judged(header: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert _judge(Users({"a": _HASH}), header) == [expected]


@given(st.text(), st.binary())
def test_no_header_is_too_odd(text: str, raw: bytes) -> None:
    users = Users({"a": _HASH})
    assert _judge(users, text, "Basic " + text, "Basic " + base64.b64encode(raw).decode()) == [False] * 3


def test_a_password_of_which_bcrypt_sees_a_part_is_judged_by_that_part() -> None:
    """As Go's does, whose hashes these are."""
    users = Users({"a": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()})
    assert _judge(users, _basic("a", "x" * 80)) == [True]


def _seconds(users: Users, header: str) -> float:
    began = time.perf_counter()
    _judge(users, header)
    return time.perf_counter() - began


def test_a_wrong_name_costs_what_a_wrong_password_costs_and_a_known_one_nothing() -> None:
    users = Users({"a": bcrypt.hashpw(b"right", bcrypt.gensalt(12)).decode()})
    wrong_password, wrong_name = _seconds(users, _basic("a", "wrong")), _seconds(users, _basic("z", "right"))
    right, again = _seconds(users, _basic("a", "right")), _seconds(users, _basic("a", "right"))
    assert min(wrong_password, wrong_name, right) > 0.1
    assert again < min(wrong_password, wrong_name, right) / 3


def test_a_flood_of_wrong_passwords_takes_no_right_one_out_of_memory() -> None:
    users = Users({"a": _HASH})
    _judge(users, _basic("a", "right"), *(_basic("a", str(number)) for number in range(110)))
    assert (len(users._right), len(users._wrong)) == (1, 100)  # noqa: SLF001  # what it keeps is the point


def test_whoever_is_known_does_not_wait_behind_those_who_guess() -> None:
    """More than sixteen that wait are turned away; the loop goes on, and a known password is let in at once."""
    users = Users({"a": bcrypt.hashpw(b"right", bcrypt.gensalt(12)).decode()})

    async def go() -> tuple[bool | None, bool | None]:
        await users.may_ask(_basic("a", "right"))
        guesses = [asyncio.create_task(users.may_ask(_basic("a", str(number)))) for number in range(16)]
        await asyncio.sleep(0)
        found = await users.may_ask(_basic("a", "right")), await users.may_ask(_basic("a", "one more"))
        assert not any(guess.done() for guess in guesses)
        for guess in guesses:
            guess.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)
        return found

    assert asyncio.run(go()) == (True, None)


def test_whoever_goes_away_leaves_no_hash_behind() -> None:
    """A hash of cost 18 takes many seconds: it ends with the request, and so the exit does not wait for it."""
    users = Users({"bob": "$2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR."})

    async def go() -> float:
        asking = asyncio.create_task(users.may_ask(_basic("bob", "bob123")))
        while not _children():  # noqa: ASYNC110  # the kernel tells nobody
            await asyncio.sleep(0.01)
        began = time.perf_counter()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return time.perf_counter() - began

    assert asyncio.run(go()) < 2
    assert _children() == set()


def _children() -> set[str]:
    return set(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())

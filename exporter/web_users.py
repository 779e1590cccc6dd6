"""Who may ask: passwords against bcrypt hashes, hashed in a child of low priority, one at a time, and remembered.

In a child, because a hash of a high cost takes seconds and must hold up neither a scrape nor the exit; a thread in it
could not be ended. A wrong name costs as much as a wrong password. No password is kept: what is remembered is a keyed
digest of it.
"""

import asyncio
import base64
import binascii
import secrets
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

_CHILD: Final = """\
import os, sys, bcrypt
os.nice(10)
hashed, _, password = sys.stdin.buffer.read().partition(b"\\n")
sys.exit(not bcrypt.checkpw(password, hashed))
"""
_LONGEST: Final = 72  # bytes of a password that bcrypt looks at; Go's does not mind more
_REMEMBERED: Final = 100  # wrong ones; of the right ones there are no more than users
_MOST_WAITING: Final = 16  # a flood of guesses must not become a queue of hours

Verdict = bool | None
"""Whether somebody may ask; None: too many wait to be told."""


class Users:
    """The users of one web configuration."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name.encode(): hashed.encode() for name, hashed in hashes.items()}
        self._salt = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        self._wrong: dict[bytes, None] = {}
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def may_ask(self, authorization: str) -> Verdict:
        """Judge the header of a request."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        name, password = credentials
        hashed = self._hashes.get(name) or self._stranger(name)
        key = self._digest(name, hashed, password)
        if key in self._right or key in self._wrong:
            return key in self._right
        if self._waiting >= _MOST_WAITING:
            return None
        is_right = await self._check(password, hashed) and name in self._hashes
        self._remember(key, is_right=is_right)
        return is_right

    def _stranger(self, name: bytes) -> bytes:
        """Return the hash to compare with for a name that nobody has: always the same one, and one as dear as any."""
        hashes = sorted(self._hashes.values())
        return hashes[int.from_bytes(self._digest(name)[:8], "big") % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        digest = blake2b(key=self._salt)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    async def _check(self, password: bytes, hashed: bytes) -> bool:
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return await _is_password(password, hashed)
        finally:
            self._waiting -= 1

    def _remember(self, key: bytes, *, is_right: bool) -> None:
        if is_right:
            self._right.add(key)
            return
        while len(self._wrong) >= _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[key] = None


def _credentials(authorization: str) -> tuple[bytes, bytes] | None:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None


async def _is_password(password: bytes, hashed: bytes) -> bool:
    """Whether the password is the one of the hash; whoever waits no longer ends the child."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IB", "-c", _CHILD), stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await child.communicate(hashed + b"\n" + password[:_LONGEST])
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode == 0

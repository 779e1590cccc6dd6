"""One GET under limits: whatever the other side does, it ends in time and costs little."""

import asyncio
import itertools
import time
from collections.abc import Iterable
from typing import Final

import pytest

from exporter.config_path import Lane
from exporter.secret import Secret
from fakes.gateway import HANG, Step, fake_gateway, head
from probes.backends.page import Address, Page, Visit, read_page

VISIT: Final = Visit(largest=1000, deadline_seconds=0.3)
GRACE: Final = 0.5  # seconds


async def get(steps: Iterable[Step]) -> Page:
    async with fake_gateway(steps) as fake:
        return await read_page(Address(url=f"{fake.url}/health"), VISIT)


@pytest.mark.parametrize(
    ("steps", "status", "failure", "is_silent"),
    [
        pytest.param([head(200), b"x" * 1000], 200, None, False, id="as large as it may be"),
        pytest.param([head(200), b"x" * 1001], 200, "too_large", False, id="larger than it may be"),
        pytest.param(itertools.chain([head(200)], itertools.repeat(b"x" * 999)), 200, "too_large", False, id="a flood"),
        pytest.param(itertools.chain([head(200)], itertools.cycle([b"x", 0.01])), 200, "timeout", True, id="a drip"),
        pytest.param([HANG], None, "timeout", True, id="no word at all"),
        pytest.param([head(302, Location="http://127.0.0.1:9/")], 302, None, False, id="a redirect is not followed"),
        pytest.param([head(200, Content_Encoding="gzip")], 200, "encoding", False, id="a compressed body"),
        pytest.param([b"SSH-2.0-x\r\n\r\n"], None, "protocol", False, id="no HTTP"),
        pytest.param([], None, "closed", False, id="it hangs up"),
    ],
)
def test_answer(steps: Iterable[Step], status: int | None, failure: str | None, is_silent: bool) -> None:  # noqa: FBT001  # a column of the table
    """What came is told, and what broke; no limit is overrun."""
    begun = time.monotonic()
    page = asyncio.run(get(steps))
    assert (status, failure, is_silent) == (page.status, page.failure, page.is_silent)
    assert time.monotonic() - begun < VISIT.deadline_seconds + GRACE


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        pytest.param("http://lane.invalid/health", "dns", id="a name that nobody knows"),
        pytest.param("https://127.0.0.1:9/health", "error", id="authorities that cannot be read"),
    ],
)
def test_no_answer(url: str, failure: str) -> None:
    """What cannot even be asked is told too, and is not a server that refuses."""
    page = asyncio.run(read_page(Address(url=url, ca_file="/nowhere/ca.pem"), VISIT))
    assert (failure, False) == (page.failure, page.is_refused)


@pytest.mark.parametrize(
    ("metrics_url", "expected"),
    [
        pytest.param("http://lane:8080/other/metrics", True, id="another page of the same server"),
        pytest.param("http://lane:9090/metrics", False, id="another port"),
        pytest.param("http://lane.evil:8080/metrics", False, id="another host"),
        pytest.param("https://lane:8080/metrics", False, id="another scheme"),
    ],
)
def test_beside(metrics_url: str, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """The same server is the same scheme, host and port."""
    lane = Lane(name="fast", url="http://lane:8080/v1")
    assert expected == Address(url=lane.url or "").is_beside(metrics_url)


def test_the_key_is_not_shown() -> None:
    """An address that is printed shows no key."""
    assert "sk-canary" not in repr(Address(url="http://lane", key=Secret("sk-canary")))

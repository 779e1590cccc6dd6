"""One GET under caps: what a hostile answer costs, and what is said of it."""

import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.sources.fetch import LARGEST_BODY, Answer, fetch
from fakes.metrics_server import Step, answering, head

_ROOT = Path(__file__).parents[3]
_LINE = b'DCGM_FI_DEV_GPU_TEMP{UUID="GPU-1"} 40\n'
_PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"
_GOOD = (head(), _LINE)


def _bomb(mebibytes: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = _LINE * ((1 << 20) // len(_LINE))
    return b"".join([*(squeeze.compress(block) for _ in range(mebibytes)), squeeze.flush()])


async def _fetch(steps: Iterable[Step], seconds: float = 5.0) -> Answer:
    async with answering(steps) as url:
        return await fetch(url, deadline_seconds=seconds)


def _failure(*steps: Step, seconds: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        asyncio.run(_fetch(steps, seconds))
    return caught.value


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(_GOOD, id="as it is"),
        pytest.param((head(Content_Encoding="gzip"), gzip.compress(_LINE)), id="gzip that nobody asked for"),
        pytest.param((head(Content_Encoding="gzip"), *(bytes([b]) for b in gzip.compress(_LINE))), id="byte by byte"),
        pytest.param((head(Content_Length=str(len(_LINE))), _LINE), id="with its length"),
    ],
)
def test_a_good_answer_is_returned_whole(steps: tuple[Step, ...]) -> None:
    assert asyncio.run(_fetch(steps)) == Answer(_LINE, "text/plain; version=0.0.4")


def test_gzip_is_decoded_whole_and_in_order() -> None:
    body = b"".join(b"a_%d 1\n" % number for number in range(300_000))
    assert asyncio.run(_fetch((head(Content_Encoding="gzip"), gzip.compress(body)))).body == body


def test_the_cap_is_what_a_body_may_have_and_one_byte_more_is_not() -> None:
    assert len(asyncio.run(_fetch((head(), b"x" * LARGEST_BODY))).body) == LARGEST_BODY
    assert _failure(head(), b"x" * (LARGEST_BODY + 1)).kind == "too_large"


@pytest.mark.parametrize(
    ("steps", "kind", "message"),
    [
        pytest.param((head(Content_Length="900"), _LINE), "bad_answer", "a broken one", id="shorter than it says"),
        pytest.param(
            (head(Content_Encoding="gzip"), gzip.compress(_LINE)[:-9]), "bad_answer", "has no end", id="gzip cut off"
        ),
        pytest.param((head(Content_Encoding="gzip"), _LINE), "bad_answer", "a broken one", id="gzip that is none"),
        pytest.param((head(Content_Encoding="br"), _LINE), "bad_answer", "coding 'br'", id="another coding"),
        pytest.param((head(), _PAGE), "bad_answer", "a web page (status 200)", id="a page that is called metrics"),
        pytest.param((head(302, Location="http://192.0.2.1/"), b""), "bad_answer", "found 302", id="a redirect"),
        pytest.param((head(403), b"no"), "forbidden", "found 403: no", id="not let in"),
        pytest.param((head(404), b"no"), "absent", "found 404: no", id="no such path"),
        pytest.param((head(500), b"a\x00\x1b\n" * 99), "bad_answer", "found 500: a   a ", id="unprintable words"),
        pytest.param((b"SSH-2.0-x\r\n\r\n",), "bad_answer", "an HTTP answer", id="another protocol"),
        pytest.param((b"",), "bad_answer", "an HTTP answer", id="nothing"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", repeat(b"A: b\r\n" * 999)), "bad_answer", "HTTP", id="endless head"),
    ],
)
def test_what_is_wrong_is_said(steps: tuple[Step, ...], kind: str, message: str) -> None:
    error = _failure(*steps)
    assert error.kind == kind
    assert message in str(error)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((60.0,), id="no head"),
        pytest.param((head(), 60.0), id="no body"),
        pytest.param((head(), *[_LINE, 0.05] * 60), id="a body that drips"),
    ],
)
def test_the_deadline_is_of_the_whole_answer(steps: tuple[Step, ...]) -> None:
    assert _failure(*steps, seconds=0.2).kind == "timeout"


def test_nobody_who_listens_is_refused() -> None:
    async def go() -> None:
        async with answering(()) as url:
            pass
        await fetch(url)

    with pytest.raises(SourceError, match="somebody who listens") as caught:
        asyncio.run(go())
    assert caught.value.kind == "refused"


_HOSTILE: Mapping[str, tuple[Step, ...]] = {
    "html": (head(kind="text/html"), _PAGE * 1000),
    "bomb": (head(Content_Encoding="gzip"), _bomb(100)),
    "endless": (head(), repeat(_LINE * 1000)),
    "endless-line": (head(), repeat(b"x" * 65536)),
    "fifty-megabytes": (head(Content_Length=str(len(_LINE) * 1_400_000)), *[_LINE * 14_000] * 100),
    "many-lines": (head(), b"a 1\n" * 60_000),
    "long-line": (head(), b"a" * (7 << 20)),
    "truncated": (head(Content_Length="999999"), _LINE * 1000),
    "cut-in-a-line": (head(), _LINE * 1000 + b'DCGM_FI_DEV_GPU_TEMP{UUID="GP'),
    "half-a-page": (head(), _LINE * 1000 + _PAGE),
    "utf8": (head(), _LINE + b'DCGM_FI_DEV_GPU_TEMP{UUID="\xff"} 1\n'),
}
_KINDS = dict.fromkeys(_HOSTILE, "bad_answer") | dict.fromkeys(
    ("bomb", "endless", "endless-line", "fifty-megabytes", "many-lines", "long-line"), "too_large"
)
_READER = """
import asyncio, json, re, sys
from exporter.poll import Poller, Schedule
from exporter.snapshot import Gpus, Snapshot
from exporter.sources.dcgm import Dcgm

def peak():  # of this program alone: getrusage counts what its parent was before exec, too
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

async def go(good, urls):
    await Dcgm(good).read()
    before = peak()
    schedules = [
        Schedule(name=name, source=Dcgm(url), slot="dcgm", part=Gpus, interval_seconds=60, deadline_seconds=10)
        for name, url in urls.items()
    ]
    poller = Poller(Snapshot(node="n"), schedules)
    for schedule in schedules:
        await poller.read_once(schedule)
        assert poller.snapshot.dcgm is None
    grown = peak() - before
    errors = {name: dict(state.errors) for name, state in poller.snapshot.sources.items()}
    print(json.dumps({"grown": grown, "errors": errors}))

asyncio.run(go(sys.argv[1], json.loads(sys.argv[2])))
"""


def test_no_hostile_answer_costs_32_mib_and_each_is_one_counted_error() -> None:
    async def go() -> str:
        async with contextlib.AsyncExitStack() as stack:
            good = await stack.enter_async_context(answering(_GOOD))
            urls = {name: await stack.enter_async_context(answering(steps)) for name, steps in _HOSTILE.items()}
            command = (sys.executable, "-c", _READER, good, json.dumps(urls))
            child = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdout=subprocess.PIPE)
            return (await child.communicate())[0].decode()

    said = json.loads(asyncio.run(go()))
    assert said["errors"] == {name: {kind: 1} for name, kind in _KINDS.items()}
    assert said["grown"] < 32 << 10  # KiB
    print("grown", said["grown"])

"""The NVML reader's child as its parent holds it: spawned, heard line by line, asked to stop before it is killed.

Killing a process inside a driver call can wedge the card, and one in state D cannot be killed at all. So it is asked
first, killed last, and one that does not end is left alone.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]  # where the package `exporter` lies, installed or in a checkout
_LONGEST_LINE: Final = 1 << 20  # bytes
_LAST_WORDS: Final = 0.1  # seconds for what is still in the pipe when the process has ended
_PATIENCE: Final = (1.5, 0.3, 0.3)  # seconds after asking, after SIGTERM, after SIGKILL


class ReaderProcess(asyncio.SubprocessProtocol):
    """One child; `heard` gets its lines and says whether to go on listening, `over` is set when there will be none."""

    def __init__(self, heard: Callable[[bytes], bool]) -> None:
        self.over = asyncio.Event()
        self._gone = asyncio.Event()
        self._heard = heard
        self._rest = b""
        self._transport: asyncio.SubprocessTransport

    async def start(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Spawn the child; `-P` so that nothing in the working directory can stand in for a module."""
        paths = [str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        command = (sys.executable, "-P", "-m", "exporter.sources.nvml_child", *arguments)
        self._transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            *command,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=None,  # ours: what a library or a crash says there belongs in the log
            start_new_session=True,  # a terminal's Ctrl-C is for us alone; we ask the child to stop
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._transport.get_pid()

    @property
    def how_it_ended(self) -> str:
        """What to tell people about the end."""
        code = self._transport.get_returncode()
        if code is None:
            return "wrote what is no message, or nothing any more"
        return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"

    async def end(self) -> bool:
        """Ask the child to stop, then terminate, then kill it; whether it is gone."""
        for push, patience in zip((self._ask, self._terminate, self._kill), _PATIENCE, strict=True):
            push()
            if await self.is_gone_within(patience):
                return True
        return False

    async def is_gone_within(self, seconds: float | None) -> bool:
        """Wait for the end of the process, but no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        return self._gone.is_set()

    def close(self) -> None:
        """Let go of the process, whether it is gone or stuck."""
        self._transport.close()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Split what came into lines; who writes one without end, or what nobody understands, is not heard any more."""
        if self.over.is_set() or not isinstance(data, bytes):
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE or not all(map(self._heard, lines)):
            self._rest = b""
            self.over.set()
            self._pipe(fd).pause_reading()

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        """Note that there will be no more lines."""
        if fd == 1:
            self.over.set()

    def process_exited(self) -> None:
        """Give the last words a moment: they may still be in the pipe, and some grandchild may hold it open."""
        self._gone.set()
        asyncio.get_running_loop().call_later(_LAST_WORDS, self.over.set)

    def _pipe(self, number: int) -> Any:  # noqa: ANN401  # typeshed knows only the base of all transports
        return self._transport.get_pipe_transport(number)

    def _ask(self) -> None:
        self._pipe(0).close()

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.terminate()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

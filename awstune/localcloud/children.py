"""Processes that an instance starts, and those that detach themselves from them.

On Linux the instance's process adopts what its own descendants leave behind (a "subreaper"), so that
nothing of it escapes to init, and collects them when they end.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from awstune import names
from awstune.localcloud import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PR_SET_CHILD_SUBREAPER = 36
_PR_CAPBSET_DROP = 24
_CAP_SYS_BOOT = 22
_NOTE_EVERY_S = 5.0


class Children:
    """Starts processes with one environment and one working folder."""

    def __init__(self, environment: Mapping[str, str], folder: str) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self._known: set[int] = set()
        self._watching: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._adopting = False
        self._used = float("-inf")

    def adopt(self) -> None:
        """From now on adopt orphaned descendants, and let none of them restart the machine (Linux only)."""
        if sys.platform != "linux":
            return
        self._adopting = True
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Root's own /sbin/reboot is out of reach too, whatever PATH says. Without root this changes nothing.
        prctl(_PR_CAPBSET_DROP, _CAP_SYS_BOOT, 0, 0, 0)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._collect)

    async def start(
        self,
        words: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> asyncio.subprocess.Process:
        """Start ``words`` in a session of its own; ``before`` runs in it ahead of the program.

        It need not be awaited: it is collected when it ends.
        """
        options: dict[str, Any] = {"preexec_fn": before} if before else {}
        self._starting += 1
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=self.environment | dict(environment or {}),
                cwd=self.folder,
                start_new_session=True,
                **options,
            )
            self._known.add(process.pid)
        finally:
            self._starting -= 1
        watch = asyncio.create_task(self._watch(process))
        self._watching.add(watch)
        watch.add_done_callback(self._watching.discard)
        return process

    async def run(
        self, words: Sequence[str], console: int, environment: Mapping[str, str] | None = None
    ) -> int:
        """Run ``words`` to their end, with what they say going to ``console``."""
        nothing = asyncio.subprocess.DEVNULL
        process = await self.start(
            words, stdin=nothing, stdout=console, stderr=console, environment=environment
        )
        return await process.wait()

    def used(self) -> None:
        """Note that somebody types or transfers: the guard there cannot see our terminals and sockets."""
        now = time.monotonic()
        if now - self._used < _NOTE_EVERY_S:
            return
        self._used = now
        note = Path(self.environment[names.ROOT_VARIABLE] + names.ACTIVE_FILE)
        if note.parent.exists():
            note.touch()

    def end(self) -> None:
        """Kill every descendant, those that hide behind an emptied environment too (Linux only)."""
        while left := psutil.Process().children(recursive=True):
            processes.kill(left)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._known.discard(process.pid)
        self._collect()

    def _collect(self) -> None:
        """Collect adopted processes that have ended, and only those: the others are awaited."""
        while self._adopting and not self._starting:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in self._known:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)

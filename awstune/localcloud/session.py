"""What one SSH session runs: a command or a shell, on pipes or on a terminal of its own.

Bytes are pumped explicitly in both directions: handing the streams over to asyncssh lost exit statuses
when several sessions shared a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
from typing import TYPE_CHECKING

import asyncssh

from awstune.localcloud import pumps, surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from awstune.localcloud.children import Children

_CANNOT_RUN = 126
_LAST_WORDS_S = 0.2
_IUTF8 = 0x4000  # on Linux and macOS alike; Python 3.11 has no name for it
_ACCEPTED = ("LANG", "LC_")  # what Debian's sshd accepts from a client


async def serve(process: asyncssh.SSHServerProcess[bytes], children: Children) -> None:
    """Run what the client asked for, and hand over its exit status or signal.

    A client that goes away closes what the program reads and writes (which hangs up a terminal); the
    program itself may go on, as with any SSH server.
    """
    work = asyncio.create_task(_Session(process, children).run())
    hung_up = asyncio.create_task(process.channel.wait_closed())
    await asyncio.wait([work, hung_up], return_when=asyncio.FIRST_COMPLETED)
    for task in (work, hung_up):
        task.cancel()
    status, _ = await asyncio.gather(work, hung_up, return_exceptions=True)
    with contextlib.suppress(OSError, asyncssh.Error):
        _exit(process, status)


def _exit(process: asyncssh.SSHServerProcess[bytes], status: int | BaseException) -> None:
    if isinstance(status, OSError):
        process.stderr.write(f"{status}\r\n".encode())
        process.exit(_CANNOT_RUN)
    elif isinstance(status, int) and status >= 0:
        process.exit(status)
    elif isinstance(status, int):
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))


class _Session:
    def __init__(self, process: asyncssh.SSHServerProcess[bytes], children: Children) -> None:
        self._process = process
        self._children = children
        self._on_terminal = process.term_type is not None
        self._child: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        return await (self._run_on_terminal() if self._on_terminal else self._run_on_pipes())

    async def _run_on_pipes(self) -> int:
        (their_in, our_in), (our_out, their_out), (our_err, their_err) = os.pipe(), os.pipe(), os.pipe()
        try:
            await self._start(their_in, their_out, their_err)
        finally:
            for descriptor in (their_in, their_out, their_err):
                os.close(descriptor)
        process, used = self._process, self._children.used
        async with _beside(self._feed(our_in)):
            # Like sshd: the session lasts as long as anybody holds its output open.
            out = pumps.outward(our_out, process.stdout, used)
            await asyncio.gather(out, pumps.outward(our_err, process.stderr, used))
            return await self._ended()

    async def _run_on_terminal(self) -> int:
        master, slave = pty.openpty()
        try:
            _resize(master, self._process.term_size)
            _know_utf8(slave)
            await self._start(slave, slave, slave)
        finally:
            os.close(slave)
        show = pumps.outward(master, self._process.stdout, self._children.used)
        async with _beside(self._feed(os.dup(master))), _beside(show) as showing:
            status = await self._ended()
            # What the shell left in the background may hold the terminal open for ever: not our session.
            await asyncio.wait([showing], timeout=_LAST_WORDS_S)
            return status

    async def _start(self, stdin: int, stdout: int, stderr: int) -> None:
        shell, command = surroundings.shell(), self._process.command
        extra = _environment(self._process)
        if self._on_terminal:
            extra["SSH_TTY"] = os.ttyname(stdin)
        self._child = await self._children.start(
            [shell, "-c", command] if command is not None else [shell],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            environment=extra,
            before=_take_terminal if self._on_terminal else None,
        )

    async def _ended(self) -> int:
        return await self._child.wait() if self._child else _CANNOT_RUN

    async def _feed(self, sink: int) -> None:
        """Pump what the client says to ``sink``, which is closed at the end."""
        process = self._process
        try:
            await pumps.inward(process.stdin, sink, lambda said: self._heed(said, sink), self._took)
            if self._on_terminal and not process.channel.is_closing():
                await process.channel.wait_closed()  # the end of input is no reason to hang up
        except (OSError, asyncssh.Error):
            return
        finally:
            os.close(sink)

    def _took(self, size: int) -> None:
        if self._on_terminal or size >= pumps.TRANSFER:
            self._children.used()

    def _heed(self, said: Exception, terminal: int) -> None:
        if isinstance(said, asyncssh.TerminalSizeChanged):
            _resize(terminal, (said.width, said.height, said.pixwidth, said.pixheight))
        elif isinstance(said, asyncssh.SignalReceived) and self._child:
            with contextlib.suppress(ProcessLookupError, KeyError):
                os.killpg(self._child.pid, signal.Signals[f"SIG{said.signal}"])


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Let ``work`` go on beside the block; it is cancelled when the block ends."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _environment(process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
    sent = {k: v for k, v in process.env.items() if k.startswith(_ACCEPTED)}
    peer = process.get_extra_info("peername", ("", 0))[:2]
    here = process.get_extra_info("sockname", ("", 0))[:2]
    sent["SSH_CLIENT"] = f"{peer[0]} {peer[1]} {here[1]}"
    sent["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {here[0]} {here[1]}"
    if process.term_type is not None:
        sent["TERM"] = process.term_type
    return sent


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _know_utf8(terminal: int) -> None:
    # So that a backspace takes away a letter, not a byte of it.
    modes = termios.tcgetattr(terminal)
    modes[0] |= _IUTF8
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def _resize(terminal: int, size: tuple[int, int, int, int]) -> None:
    columns, rows, width, height = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))

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
from typing import TYPE_CHECKING, Any

import asyncssh

from awstune.localcloud import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from awstune.localcloud.children import Children

_CHUNK = 64 * 1024
_TRANSFER = 16 * 1024  # a chunk that is more than a keepalive or a glance
_CANNOT_RUN = 126
_LAST_WORDS_S = 0.2
_ACCEPTED = ("LANG", "LC_")  # what Debian's sshd accepts from a client


async def serve(process: asyncssh.SSHServerProcess[bytes], children: Children) -> None:
    """Run what the client asked for, and hand over its exit status or signal.

    A client that goes away closes what the program reads and writes (which hangs up a terminal); the
    program itself may go on, as with any SSH server.
    """
    run = _on_pipes if process.term_type is None else _on_terminal
    work = asyncio.create_task(run(process, children))
    hung_up = asyncio.create_task(process.channel.wait_closed())
    await asyncio.wait([work, hung_up], return_when=asyncio.FIRST_COMPLETED)
    for task in (work, hung_up):
        task.cancel()
    status, _ = await asyncio.gather(work, hung_up, return_exceptions=True)
    if isinstance(status, int):
        with contextlib.suppress(OSError, asyncssh.Error):
            _exit(process, status)
    elif isinstance(status, OSError):
        process.stderr.write(f"{status}\r\n".encode())
        process.exit(_CANNOT_RUN)


def _exit(process: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    if status >= 0:
        process.exit(status)
    else:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))


def _words(process: asyncssh.SSHServerProcess[bytes]) -> list[str]:
    shell = surroundings.shell()
    command = process.command
    return [shell, "-c", command] if command is not None else [shell]


def _environment(process: asyncssh.SSHServerProcess[bytes]) -> dict[str, str]:
    sent = {k: v for k, v in process.env.items() if k.startswith(_ACCEPTED)}
    peer = process.get_extra_info("peername", ("", 0))[:2]
    here = process.get_extra_info("sockname", ("", 0))[:2]
    sent["SSH_CLIENT"] = f"{peer[0]} {peer[1]} {here[1]}"
    sent["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {here[0]} {here[1]}"
    if process.term_type is not None:
        sent["TERM"] = process.term_type
    return sent


async def _on_pipes(process: asyncssh.SSHServerProcess[bytes], children: Children) -> int:
    (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = os.pipe(), os.pipe(), os.pipe()
    try:
        child = await children.start(
            _words(process),
            stdin=theirs_in,
            stdout=theirs_out,
            stderr=theirs_err,
            environment=_environment(process),
        )
    finally:
        for descriptor in (theirs_in, theirs_out, theirs_err):
            os.close(descriptor)
    feeding = asyncio.create_task(_feed(process, ours_in, child, children))
    try:
        # Like sshd: the session lasts as long as anybody holds its output open.
        await asyncio.gather(
            _drain(ours_out, process.stdout, children), _drain(ours_err, process.stderr, children)
        )
        return await child.wait()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _on_terminal(process: asyncssh.SSHServerProcess[bytes], children: Children) -> int:
    master, slave = pty.openpty()
    try:
        _resize(master, process.term_size)
        child = await children.start(
            _words(process),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            environment=_environment(process) | {"SSH_TTY": os.ttyname(slave)},
            before=_take_terminal,
        )
    finally:
        os.close(slave)
    feeding = asyncio.create_task(_feed(process, os.dup(master), child, children))
    showing = asyncio.create_task(_drain(master, process.stdout, children))
    try:
        status = await child.wait()
        # What the shell left in the background may hold the terminal open for ever: not our session.
        await asyncio.wait([showing], timeout=_LAST_WORDS_S)
    finally:
        for task in (showing, feeding):
            task.cancel()
        await asyncio.gather(showing, feeding, return_exceptions=True)
    return status


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(terminal: int, size: tuple[int, int, int, int]) -> None:
    columns, rows, width, height = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


async def _drain(source: int, sink: asyncssh.SSHWriter[bytes], children: Children) -> None:
    """Pump from a descriptor, which is closed at the end, to the client."""
    os.set_blocking(source, False)
    try:
        while data := await _read(source):
            if len(data) >= _TRANSFER:
                children.used()
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        return  # the client has gone: closing our end tells the program
    finally:
        os.close(source)


async def _feed(
    process: asyncssh.SSHServerProcess[bytes],
    sink: int,
    child: asyncio.subprocess.Process,
    children: Children,
) -> None:
    """Pump from the client to a descriptor, which is closed at the end; pass on sizes and signals."""
    os.set_blocking(sink, False)
    on_terminal = process.term_type is not None
    try:
        while True:
            try:
                data = await process.stdin.read(_CHUNK)
            except asyncssh.TerminalSizeChanged as change:
                _resize(sink, (change.width, change.height, change.pixwidth, change.pixheight))
                continue
            except asyncssh.SignalReceived as received:
                _signal(child, received.signal)
                continue
            except asyncssh.BreakReceived:
                continue
            if not data:
                break
            if on_terminal or len(data) >= _TRANSFER:
                children.used()
            await _write(sink, data)
        if on_terminal and not process.channel.is_closing():
            await process.channel.wait_closed()  # the end of input is no reason to hang up
    except (OSError, asyncssh.Error):
        return
    finally:
        os.close(sink)


def _signal(child: asyncio.subprocess.Process, name: str) -> None:
    with contextlib.suppress(ProcessLookupError, KeyError):
        os.killpg(child.pid, signal.Signals[f"SIG{name}"])


async def _read(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            await _ready(descriptor, loop.add_reader, loop.remove_reader)
        except OSError:  # EIO: the last holder of the terminal has gone
            return b""


async def _write(descriptor: int, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            await _ready(descriptor, loop.add_writer, loop.remove_writer)


async def _ready(descriptor: int, add: Callable[..., Any], remove: Callable[[int], Any]) -> None:
    woken = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not woken.done():  # the loop may call twice before the waiter runs
            woken.set_result(None)

    add(descriptor, wake)
    try:
        await woken
    finally:
        remove(descriptor)

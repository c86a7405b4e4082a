"""Bytes between a descriptor and an SSH channel, in both directions.

Descriptors are closed at the end of their pump: to the program that is the end of its input, or the
news that nobody reads its output any more.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Callable

TRANSFER = 16 * 1024  # bytes in a chunk that is more than a keepalive or a glance
_CHUNK = 64 * 1024
_SAID = (asyncssh.TerminalSizeChanged, asyncssh.SignalReceived, asyncssh.BreakReceived)


async def outward(source: int, sink: asyncssh.SSHWriter[bytes], used: Callable[[], None]) -> None:
    """Pump from ``source`` to the client; ``used`` is called for each large chunk."""
    os.set_blocking(source, False)
    try:
        while data := await _read(source):
            if len(data) >= TRANSFER:
                used()
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        return  # the client has gone
    finally:
        os.close(source)


async def inward(
    source: asyncssh.SSHReader[bytes],
    sink: int,
    heed: Callable[[Exception], None],
    took: Callable[[int], None],
) -> None:
    """Pump from the client to ``sink``, until the client has nothing more to say.

    Args:
        source: what the client sends.
        sink: where it goes; left open.
        heed: called with what else the client says: a size, a signal or a break, as asyncssh's exceptions.
        took: called with the size of each chunk.
    """
    os.set_blocking(sink, False)
    while data := await _next(source, heed):
        took(len(data))
        await _write(sink, data)


async def _next(source: asyncssh.SSHReader[bytes], heed: Callable[[Exception], None]) -> bytes:
    while True:
        try:
            return await source.read(_CHUNK)
        except _SAID as said:
            heed(said)


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

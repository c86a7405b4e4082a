"""A shell or a command over an open connection, where the machine has no ssh of its own."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from awstune.remote.ssh import CHUNK, Connection


def run(connection: Connection, command: str) -> int:
    """Joins this terminal to a remote shell, or to one command.

    Args:
        connection: an open connection.
        command: for the remote shell; empty for an interactive one.

    Returns:
        The exit status of what ran there; 255 where the connection was lost, as with ``ssh``.
    """
    with connection.open_channel() as channel:
        if command:
            channel.exec_command(command)
            _pump(channel)
        else:
            size = shutil.get_terminal_size()
            channel.get_pty(os.environ.get("TERM", "xterm"), size.columns, size.lines)
            channel.invoke_shell()
            with _raw(), _resizing(channel):
                _pump(channel)
        status = channel.recv_exit_status()
    return status if status >= 0 else 255


def _pump(channel: paramiko.Channel) -> None:
    typing, unsent = [sys.stdin.fileno()], b""
    while not _ended(channel):
        ready, _, _ = select.select([channel, *([] if unsent else typing)], [], [], 0.1)
        # Sent only as fast as the other end takes it, so that its output never has to wait for our input.
        if unsent and channel.send_ready():
            unsent = unsent[channel.send(unsent) :]
        elif not unsent and sys.stdin.fileno() in ready:
            unsent = os.read(sys.stdin.fileno(), CHUNK)
            if not unsent:
                typing = []
                channel.shutdown_write()
        _copy_output(channel)
    _copy_output(channel)


def _ended(channel: paramiko.Channel) -> bool:
    drained = not (channel.recv_ready() or channel.recv_stderr_ready())
    return drained and bool(channel.closed or (channel.exit_status_ready() and channel.eof_received))


def _copy_output(channel: paramiko.Channel) -> None:
    while channel.recv_ready():
        os.write(sys.stdout.fileno(), channel.recv(CHUNK))
    while channel.recv_stderr_ready():
        os.write(sys.stderr.fileno(), channel.recv_stderr(CHUNK))


@contextmanager
def _raw() -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin.fileno())
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextmanager
def _resizing(channel: paramiko.Channel) -> Iterator[None]:
    def resize(*_: object) -> None:
        size = shutil.get_terminal_size()
        channel.resize_pty(size.columns, size.lines)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)

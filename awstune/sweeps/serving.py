"""A sweep's hold on its server, and on the guardian that outlives them both."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.errors import TargetError
from awstune.sweeps import boot, marks, warm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE_S = 5.0
_LEAVING_S = 1.0  # a server that is busy importing does not listen, and need not be waited for


class Serving:
    """A running server; see `awstune.sweeps.server` for what it hears and says.

    Args:
        options: the server's.
        cwd: the folder that trials run in.
        python: the interpreter of the trials.
        folder: the sweep's, for the mark and for what the target prints when it is imported.
    """

    def __init__(self, options: Mapping[str, Any], *, cwd: Path, python: str, folder: Path) -> None:
        self.mark = marks.of_run(folder)
        self._text = b""
        self._guardian, self._lifeline = _start_guardian(self.mark)
        self._control, theirs = socket.socketpair()
        words = (str(theirs.fileno()), str(os.getpid()), json.dumps(options))
        single = warm.single_threaded() if options["mode"] == "fork" else {}
        with theirs, (folder / names.POOL_LOG_FILE).open("ab") as log:
            try:
                self._server = subprocess.Popen(
                    boot.command(python, "server", *words),
                    cwd=cwd,
                    env={**os.environ, **single, names.SWEEP_MARK: self.mark},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError as error:
                self._let_go()
                hint = "--python names another one"
                if not cwd.is_dir():
                    raise TargetError(
                        f"{cwd}, where trials run, is gone", "start from a folder that is there"
                    ) from None
                raise TargetError(f"{python} cannot be run: {error.strerror}", hint) from None

    def fileno(self) -> int:
        """For `select`: readable when the server says something, or is gone."""
        return self._control.fileno()

    def start(self, job: Mapping[str, Any], channel: socket.socket) -> None:
        """Have a trial started, with this channel to the sweep."""
        text = json.dumps({"start": job}).encode() + b"\n"
        with suppress(OSError):  # it is gone, which `receive` tells
            sent = socket.send_fds(self._control, [text], [channel.fileno()])
            self._control.sendall(text[sent:])

    def kill(self, key: int, number: int) -> None:
        """Send a signal to all processes of a trial's group."""
        with suppress(OSError):
            self._control.sendall(json.dumps({"kill": key, "signal": int(number)}).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """What the server said; None where it is gone."""
        try:
            data = self._control.recv(1 << 16)
        except OSError:
            return None
        if not data:
            return None
        *lines, self._text = (self._text + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End the server, its trials, and whatever they started."""
        self._control.close()
        _ended(self._server, _LEAVING_S)
        self._let_go()

    def _let_go(self) -> None:
        """Have the guardian end what is left, and wait for it."""
        self._control.close()
        os.close(self._lifeline)
        if not _ended(self._guardian, _PATIENCE_S):  # too slow, on a machine with too much to do
            marks.end(self.mark)


def _start_guardian(mark: str) -> tuple[subprocess.Popen[bytes], int]:
    reading, writing = os.pipe()
    try:
        guardian = subprocess.Popen(
            boot.command(sys.executable, "guardian", str(reading), mark),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(reading,),
            start_new_session=True,
        )
    finally:
        os.close(reading)
    return guardian, writing


def _ended(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Waits for a process' end, or brings it about; whether it ended by itself."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def wait_readable(descriptors: list[int], timeout_s: float) -> set[int]:
    """The descriptors that can be read, after at most so many seconds."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(max(0.0, timeout_s) * 1000)}

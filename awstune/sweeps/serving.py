"""A sweep's hold on its server, and on the guardian that outlives them both."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from awstune import names
from awstune.errors import TargetError
from awstune.sweeps import boot, lifeline, marks, recruiting, warm
from awstune.sweeps.passing import hand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
        environ: of the trials, but for what awstune adds.
        standbys: the folder of processes that one may be forked from; None where there are none.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        cwd: Path,
        python: str,
        folder: Path,
        environ: Mapping[str, str],
        standbys: Path | None = None,
    ) -> None:
        self.mark = marks.of_run(folder)
        self._text = b""
        self._guardian, self._lifeline = _start_guardian(self.mark)
        self._options, self._cwd, self._python = options, cwd, python
        single = warm.single_threaded(environ) if options["mode"] == "fork" else {}
        self._env = {**environ, **single, names.SWEEP_MARK: self.mark}
        self._child: subprocess.Popen[bytes] | None = None
        with (folder / names.POOL_LOG_FILE).open("ab") as log:
            if not self._forked(standbys, log):
                self._start(log)

    def _forked(self, standbys: Path | None, log: IO[bytes]) -> bool:
        """Whether a process that has torch already is the server now."""
        of_torch = self._options["mode"] == "fork" and warm.mentions_torch(self._options["target"])
        if standbys is None or not of_torch:
            return False
        request = {"cwd": str(self._cwd.resolve()), "mark": self.mark, "options": self._options}
        with self._ends() as ends:
            if recruiting.ask(standbys, self._python, self._env, request, [*ends, log.fileno()]):
                return True
        self._close_ends()
        return False

    def _start(self, log: IO[bytes]) -> None:
        with self._ends() as ends:
            words = boot.command(self._python, "server", *map(str, ends), json.dumps(self._options))
            try:
                self._child = subprocess.Popen(
                    words,
                    cwd=self._cwd,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=ends,
                    start_new_session=True,
                )
            except OSError as error:
                self._close_ends()
                self._let_go()
                hint = "--python names another one"
                if not self._cwd.is_dir():
                    raise TargetError(
                        f"{self._cwd}, where trials run, is gone", "start from a folder that is there"
                    ) from None
                raise TargetError(f"{self._python} cannot be run: {error.strerror}", hint) from None

    @contextmanager
    def _ends(self) -> Iterator[tuple[int, int]]:
        """The server's end of the socket, and of the pipe that it dies with."""
        self._control, control = socket.socketpair()
        line, self._line = os.pipe()
        try:
            yield control.fileno(), line
        finally:
            control.close()
            os.close(line)

    def _close_ends(self) -> None:
        self._control.close()
        os.close(self._line)

    def fileno(self) -> int:
        """For `select`: readable when the server says something, or is gone."""
        return self._control.fileno()

    def start(self, job: Mapping[str, Any], channel: socket.socket) -> None:
        """Have a trial started, with this channel to the sweep."""
        text = json.dumps({"start": job}).encode() + b"\n"
        with suppress(OSError):  # it is gone, which `receive` tells
            hand(self._control, text, [channel.fileno()])

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
        if self._child is None:
            lifeline.is_over(self._line, _LEAVING_S)
        else:
            _ended(self._child, _LEAVING_S)
        os.close(self._line)
        self._let_go()

    def _let_go(self) -> None:
        """Have the guardian end what is left, and wait for it."""
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

"""``python -m awstune.sweeps.server``: the process that trials are forked from.

It listens on a socket of its sweep: a JSON object a line, ``{"start": JOB}`` with the trial's channel as
a passed descriptor, or ``{"kill": KEY, "signal": N}``. It says ``{"ready": MODE, "why": ...}`` once,
``{"key": KEY, "pid": PID}`` for each start and ``{"key": KEY, "status": STATUS}`` for each end.

In mode "fork" the target is imported here, once, and trials are forks; in mode "spawn" they are fresh
interpreters; in mode "command" other programs. The kernel kills this process with its sweep
(`awstune.sweeps.lifeline`), and the trials with this process. It is started, or forked from one that has
torch already (`awstune.sweeps.standby`). Runs under the trials' Python: standard library only, but for the
target.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from awstune.names import NOT_EXECUTABLE_STATUS, NOT_FOUND_STATUS, TRIAL_MARK
from awstune.sweeps import boot, child, lifeline, seeding, warm
from awstune.sweeps.loading import load_function
from awstune.sweeps.passing import hand

Function = Callable[[Any], Any]


class Server:
    """The server's side of one sweep.

    Args:
        control: the socket to the sweep.
        line: the end of a pipe with which this process dies.
        options: ``mode, target``, and ``rehearse`` where cores have nothing better to do.
        collapsed: what `warm.collapse` has done already.
    """

    def __init__(
        self,
        control: socket.socket,
        line: int,
        options: Mapping[str, Any],
        collapsed: Mapping[int, int] | None = None,
    ) -> None:
        self._control, self._line = control, line
        self._options, self._collapsed = options, collapsed or {}
        self._function: Function | None = None
        self._children: dict[int, int] = {}
        self._trials: dict[int, int] = {}
        self._spare: tuple[int, socket.socket] | None = None
        self._text = b""
        self._channels: list[int] = []
        self._parent = os.getpid()

    def serve(self) -> None:
        """Warm up, and start trials until the sweep closes its end."""
        child.adopt_orphans()
        why = self._warm_up() if self._options["mode"] == "fork" else self._options.get("why")
        self._send({"ready": self._options["mode"], "why": why})
        waking = _wake_on_child()
        while True:
            ready, _, _ = select.select([self._control.fileno(), waking], [], [])
            if waking in ready:
                os.read(waking, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._receive():
                break
        for pid in (*self._children, *(self._spare or ())[:1]):
            _kill_group(pid, signal.SIGKILL)

    def _warm_up(self) -> str | None:
        """Import the target; where that makes forking unsafe, begin again as a spawning server."""
        before = warm.mentions_torch(self._options["target"])
        if before:
            warm.preload_torch()
        try:
            self._function = load_function(self._options["target"])
        except BaseException:  # noqa: BLE001  each trial will say it in its own log
            traceback.print_exc()
            self._spawn_instead("the target cannot be imported")
        if "torch" in sys.modules:
            seeding.devices()
            if not before:
                warm.preload_torch()
        why = warm.why_not_fork()
        if why:
            self._spawn_instead(why)
        warm.collapse(self._collapsed)
        return None

    def _spawn_instead(self, why: str) -> NoReturn:
        """Become a server without the target, and without its threads; the socket stays."""
        options = json.dumps({**self._options, "mode": "spawn", "why": why})
        kept = (self._control.fileno(), self._line)
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        words = boot.command(sys.executable, "server", *map(str, kept), options)
        os.execv(words[0], words)  # noqa: S606  no shell is wanted

    def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self) -> bool:
        data, channels, _, _ = socket.recv_fds(self._control, 1 << 16, 16)
        for channel in channels:
            os.set_inheritable(channel, False)
        self._channels += channels
        self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "start" in message:
                self._start(message["start"], self._channels.pop(0))
            else:
                self._kill(message["kill"], message["signal"])
        return bool(data)

    def _start(self, job: Mapping[str, Any], channel: int) -> None:
        pid = self._hand_over(job, channel) or self._fork(lambda: self._run(job, channel))
        os.close(channel)
        self._children[pid], self._trials[pid] = job["key"], job["trial"]
        self._send({"key": job["key"], "pid": pid})
        if self._options["mode"] == "fork":
            self._make_spare()

    def _make_spare(self) -> None:
        """Fork a trial ahead: it rehearses while others run, and then waits for its job."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._spare = (self._fork(lambda: self._wait_for_job(theirs)), ours)
            except OSError:  # there is no room for one more process: those that run need none
                ours.close()

    def _hand_over(self, job: Mapping[str, Any], channel: int) -> int | None:
        if self._spare is None:
            return None
        (pid, theirs), self._spare = self._spare, None
        with theirs:
            try:
                hand(theirs, json.dumps(job).encode() + b"\n", [channel])
            except OSError:  # it has died; another one starts cold
                return None
        return pid

    def _wait_for_job(self, sweep: socket.socket) -> None:
        if self._options.get("rehearse"):
            warm.rehearse()
        text, channels, _, _ = socket.recv_fds(sweep, 1 << 16, 1)
        while not text.endswith(b"\n"):
            text += sweep.recv(1 << 16)
        os.set_inheritable(channels[0], False)
        self._run(json.loads(text), channels[0])

    def _fork(self, work: Callable[[], None]) -> int:
        """The process id of a child that does the work and never returns."""
        pid = os.fork()
        if pid == 0:
            self._become(work)
        with suppress(OSError):  # the child does it too; whoever comes first
            os.setpgid(pid, pid)
        return pid

    def _become(self, work: Callable[[], None]) -> NoReturn:
        try:
            child.die_with(self._parent)
            os.setpgid(0, 0)
            atexit._clear()  # noqa: SLF001  what was registered here is not the trial's to run
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._line)
            work()
        except BaseException:  # noqa: BLE001  a fork that failed must not go on as a second server
            traceback.print_exc()
        os._exit(70)

    def _run(self, job: Mapping[str, Any], channel: int) -> None:
        """Be the trial."""
        child.prepare(job)
        mode, function = self._options["mode"], self._function
        if mode == "fork" and function is not None:
            child.run(job, lambda: function, socket.socket(fileno=channel))
        elif mode == "spawn":
            os.set_inheritable(channel, True)
            plain = json.dumps({**job, "target": self._options["target"]})
            words = boot.command(sys.executable, "child", plain, str(channel))
            os.execv(words[0], words)  # noqa: S606  no shell is wanted
        else:
            _execute(job["command"])

    def _kill(self, key: int, number: int) -> None:
        for pid, known in self._children.items():
            if known == key:
                _kill_group(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._spare and pid == self._spare[0]:
                self._spare = None
            key = self._children.pop(pid, None)
            self._trials.pop(pid, None)
            if key is not None:
                _kill_group(pid, signal.SIGKILL)  # what the trial left behind
                self._send({"key": key, "status": os.waitstatus_to_exitcode(status)})
                if self._options["mode"] == "command":
                    self._kill_orphans()

    def _kill_orphans(self) -> None:
        """End what has left its trial's group, as torchrun's workers do, and outlived its trial.

        It takes milliseconds to find, which a program that ran for seconds is worth.
        """
        known = {*self._children, *(self._spare or ())[:1]}
        trials = {str(trial) for trial in self._trials.values()}
        for pid in child.own_children() - known:
            if child.variable(pid, TRIAL_MARK) not in trials:
                _kill_group(pid, signal.SIGKILL)
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _execute(words: list[str]) -> NoReturn:
    """Become a program."""
    try:
        os.execvp(words[0], words)  # noqa: S606  no shell is wanted
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201  the trial's log
        os._exit(NOT_FOUND_STATUS if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE_STATUS)


def _kill_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _wake_on_child() -> int:
    """A descriptor that can be read when a child has ended."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def main() -> None:
    """Serve the socket whose descriptor is the first argument, as long as the pipe of the second is open."""
    descriptor, line, options = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    lifeline.die_with(line)
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    Server(control, line, options).serve()
    os._exit(0)


if __name__ == "__main__":
    main()

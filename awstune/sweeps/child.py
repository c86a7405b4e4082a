"""A trial's own process: forked from the warm server, or ``python -m awstune.sweeps.child``.

Runs under the trials' Python: standard library only, and torch and numpy where the trial loads them.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import io
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from awstune.names import NO_ROOM
from awstune.sweeps import checkpoint
from awstune.sweeps.loading import load_function
from awstune.sweeps.seeding import seed_all
from awstune.sweeps.trial import Trial

Job = Mapping[str, Any]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_UNHEARD_STATUS = 75  # as EX_TEMPFAIL: it would be run again
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; leave at once if that has happened."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of what the trials leave behind, so that it can be found."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def own_children() -> set[int]:
    """The children of this process, and those that it adopted; nothing where there is no /proc."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(entry.parent.name))
    return found


def variable(pid: int, name: str) -> str | None:
    """A variable of the environment that a process was started with."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    start = f"{name}=".encode()
    return next((entry[len(start) :].decode() for entry in environment if entry.startswith(start)), None)


def prepare(job: Job) -> None:
    """The log in place of stdout and stderr, the job's environment and limits."""
    os.makedirs(job["dir"], exist_ok=True)  # noqa: PTH103  pathlib's takes longer than a fork
    appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    log = os.open(job["log"], appending, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for source, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, place)
    os.environ.update(job["env"])
    if sys.platform == "linux":
        with suppress(OSError):  # where memory runs out, a trial goes first, and not the sweep or the desktop
            Path("/proc/self/oom_score_adj").write_text("500")
    if job["memory"]:
        # Not of address space, of which CUDA reserves as much as there is.
        limit = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(limit, (job["memory"], job["memory"]))


def run(job: Job, load: Callable[[], Callable[[Trial], Any]], channel: socket.socket) -> None:
    """Run the trial and leave; never returns.

    Args:
        job: ``trial, params, seed, dir, threads`` and what `prepare` takes.
        load: gives the user's function.
        channel: to the sweep; takes reports and, last, how it ended.
    """
    _unbuffer()
    pipe = Pipe(channel, measure=job["measure"])
    error = _attempt(job, load, pipe)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    pipe.end(error)
    # What the trial itself registered; what the server had registered was dropped at the start.
    atexit._run_exitfuncs()  # noqa: SLF001  # the only way to run them before _exit
    os._exit(0)


def _attempt(job: Job, load: Callable[[], Callable[[Trial], Any]], pipe: Pipe) -> str | None:
    """Run the function; None, or what went wrong in one line, with the traceback in the log."""
    try:
        function = load()
        seed_all(job["seed"])
        _set_threads(job["threads"])
        trial = Trial.of_sweep(
            job["params"], number=job["trial"], seed=job["seed"], folder=Path(job["dir"]), channel=pipe
        )
        _report_result(trial, function(trial))
    except SystemExit as leaving:
        return None if leaving.code in (0, None) else f"it exited with status {leaving.code}"
    except BaseException as error:  # noqa: BLE001  the trial's own business, whatever it is
        _show(error)
        words = one_line(error)
        return f"{NO_ROOM}: {words}" if checkpoint.is_full(error, Path(job["dir"])) else words
    return None


def _report_result(trial: Trial, result: Any) -> None:
    """A returned number is a report of ``value``."""
    if result is None:
        return
    try:
        value = float(result)
    except (TypeError, ValueError):
        return
    trial.report(step=trial.next_step, value=value)


def one_line(error: BaseException) -> str:
    """An exception as a person would say it."""
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    return "MemoryError: it asked for more memory than there is for it" if line == "MemoryError" else line


def _show(error: BaseException) -> None:
    """Print the traceback without the frames above the user's function."""
    own = error.__traceback__
    while own is not None and own.tb_next is not None and own.tb_frame.f_code.co_filename == __file__:
        own = own.tb_next
    traceback.print_exception(type(error), error, own)


def _unbuffer() -> None:
    """Have every print reach the log at once, from handlers too that took the streams at import."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        if isinstance(old, io.TextIOWrapper):
            old.reconfigure(line_buffering=True)
        raw = io.FileIO(descriptor, "w", closefd=False)
        # As python -u has it: the text layer straight on the file.
        setattr(sys, name, io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True))  # type: ignore[type-var, unused-ignore]  # a raw file serves as the buffer
    faulthandler.enable(2)


def _set_threads(threads: int) -> None:
    """Raise the number of threads from the server's one; lowering is not needed."""
    torch = sys.modules.get("torch")
    if torch and threads > 1:
        torch.set_num_threads(threads)


class Pipe:
    """The trial's end of its channel: a JSON object a line."""

    def __init__(self, channel: socket.socket, *, measure: bool = False) -> None:
        self._channel, self._measure = channel, measure
        self._stopped = self._over = False

    @property
    def stopped(self) -> bool:
        """Whether the sweep said to stop; anything it says means that."""
        if not self._stopped:
            self._stopped = bool(select.select([self._channel], [], [], 0)[0])
        return self._stopped

    def send(self, message: Mapping[str, Any]) -> None:
        """Hand on a message; waits where the sweep is busy."""
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            if not self._over:  # its sweep is gone: whatever it came to, nobody would hear of it
                os._exit(_UNHEARD_STATUS)

    def end(self, error: str | None) -> None:
        """Hand on how the trial ended, its last message."""
        self.send({"done": error, **self.taken()})
        self._over = True

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand on one report."""
        self.send({"step": step, "metrics": metrics, **self.taken()})

    def taken(self) -> dict[str, int]:
        """What torch has taken of its GPUs at most, in bytes, where somebody wants to know."""
        torch = sys.modules.get("torch")
        if not self._measure or torch is None:
            return {}
        if not torch.cuda.is_initialized():
            return {"gpu": 0}
        # Not what was allocated: what torch once took from the GPU it keeps.
        return {"gpu": sum(torch.cuda.max_memory_reserved(i) for i in range(torch.cuda.device_count()))}

    def checkpointed(self, path: Path, step: int | None) -> None:
        """Tell of a checkpoint that the disk has."""
        self.send({"checkpoint": str(path), "epoch": step})


def main() -> None:
    """The spawned way: everything is imported here and now."""
    job = json.loads(sys.argv[1])
    channel = socket.socket(fileno=int(sys.argv[2]))
    channel.set_inheritable(False)
    run(job, lambda: load_function(job["target"]), channel)


if __name__ == "__main__":
    main()

"""A trial that runs in a process of this machine: what it may take, where it stands, how it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune.search.trials import Status

if TYPE_CHECKING:
    import socket

    from awstune.sweeps.executor import Job
    from awstune.sweeps.packing import Packing


@dataclass(frozen=True)
class Limits:
    """What one trial may take.

    Attributes:
        seconds: how long it may run; None for ever.
        memory_bytes: of memory that a process of its own may fill; None for all there is.
        threads: of torch and its libraries; None divides the cores among the slots.
    """

    seconds: float | None = None
    memory_bytes: int | None = None
    threads: int | None = None


NO_LIMITS = Limits()
SHELLS = 128  # what a shell adds to the number of the signal that ended its program


@dataclass
class Run:
    """A trial's process.

    Attributes:
        deaf: its end of the channel is closed; only its exit will be heard.
        told: it was told to end early.
        killed: how it counts once it is gone, where it was killed.
        kill_at: when to stop being polite.
        packing: what it was started under.
        alone: whether nobody else may be on its GPU.
        ended: how it counts once it is gone, where it has said so and its process still leaves.
        oom_kills: how many processes the kernel had ended for want of memory when it began; see `oom`.
        out_of_memory: whether it was one of them itself.
        orphaned: whether it was lost with the process that starts trials.
    """

    job: Job
    key: int
    slot: int
    channel: socket.socket
    asked: float
    packing: Packing
    alone: bool = False
    text: bytes = b""
    pid: int | None = None
    began: float | None = None
    done: bool = False
    deaf: bool = False
    told: bool = False
    killed: tuple[Status, str | None] | None = None
    kill_at: float | None = None
    ended: tuple[Status, str | None] | None = None
    oom_kills: int | None = None
    out_of_memory: bool = False
    orphaned: bool = False


def outcome(error: str | None, *, told: bool) -> tuple[Status, str | None]:
    """How a trial counts whose function has returned, or raised."""
    if error is not None:
        return Status.FAILED, error
    return (Status.STOPPED_EARLY if told else Status.SUCCEEDED), None


def how_it_ended(status: int, *, out_of_memory: bool = False) -> str:
    """The end of a process in words; ``status`` is negative for a signal."""
    if out_of_memory:
        return "its process was killed: this machine ran out of memory"
    if status < 0:
        return f"its process was killed by {_signal(-status)}"
    # A shell, or another program in between, says it so.
    meant = f", which stands for {_signal(status - SHELLS)}" if status > SHELLS else ""
    return f"its process ended with status {status}{meant}"


def _signal(number: int) -> str:
    name = signal.Signals(number).name if number in {s.value for s in signal.Signals} else f"signal {number}"
    return f"{name} (out of memory most likely)" if number == signal.SIGKILL else name

"""Trials on this machine, each in a process of its own, started by a warm server.

A trial's slot is free as soon as its result is here; its process leaves on its own time. On a GPU the
slot is free when the process is gone, since it holds its memory until then.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.search.trials import Status
from awstune.sweeps import gpus, oom, variables
from awstune.sweeps.executor import Checkpointed, Finished, Job, Message, Noted, Reported, Started, cores
from awstune.sweeps.orphans import Orphans
from awstune.sweeps.packer import Packer
from awstune.sweeps.packing import Packing
from awstune.sweeps.running import NO_LIMITS, SHELLS, Limits, Run, how_it_ended, outcome
from awstune.sweeps.serving import Serving, wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from awstune.sweeps.gauge import Gauge
    from awstune.sweeps.target import Target

_LEAVING_S = 10.0  # for what a trial does after its function has returned
_TERMINATING_S = 2.0  # between asking a trial to end and killing it


class Pool:
    """Runs a target's function, or its command, as many at a time as there are slots.

    Args:
        target: what a trial runs.
        cwd: the folder that it runs in.
        folder: the sweep's.
        python: the interpreter of the trials.
        slots: how many trials run at a time.
        limits: of one trial.
        mode: "fork" for a warm server, "spawn" for an interpreter a trial.
        use_gpus: the GPUs to spread the slots over; see `gpus.visible`.
        packing: slots and GPUs as they were decided before; in place of those.
        gauge: measures a trial, to decide anew; for ``--parallel auto``.
        clock: seconds, for durations.
        oom_kills: how many processes the kernel has ended for want of memory.
        standbys: the folder of processes that the server may be forked from.
    """

    def __init__(
        self,
        target: Target,
        *,
        cwd: Path,
        folder: Path,
        python: str = sys.executable,
        slots: int = 1,
        limits: Limits = NO_LIMITS,
        mode: str = "fork",
        use_gpus: Sequence[str] = (),
        packing: Packing | None = None,
        gauge: Gauge | None = None,
        clock: Callable[[], float] = time.monotonic,
        oom_kills: Callable[[], int | None] = oom.kills,
        standbys: Path | None = None,
    ) -> None:
        self._oom_kills = oom_kills
        self._packer = Packer(packing or Packing(slots, tuple(use_gpus), cores()), gauge)
        self._target, self._cwd, self._folder, self._python = target, cwd, folder, python
        self._limits, self._mode, self._clock = limits, mode, clock
        self._standbys = standbys
        self._environ = dict(os.environ)  # what is imported later, such as scikit-learn, adds to it
        self._serving: Serving | None = None
        self._server_gone = False
        self._orphans = Orphans()
        self._runs: dict[int, Run] = {}
        self._leaving: dict[int, float] = {}
        self._exits: list[tuple[int, int]] = []
        crowded = None if limits.threads else self._packer.packing.crowded
        self._messages: list[Message] = [Noted(crowded)] if crowded else []
        self._keys = 0

    # Starting

    @property
    def slots(self) -> int:
        """How many trials may run at this moment; see `Executor.slots`."""
        free = 0 if self._apart() else len(self._packer.places.free())
        return len(self._runs) + self._packer.waiting + max(free, len(self._orphans))

    def start(self, job: Job) -> None:
        """Begin a trial; see `Executor.start`."""
        self._keys += 1
        self._begin(job, self._packer.places.take(self._keys))

    def _begin(self, job: Job, slot: int, *, alone: bool = False) -> None:
        serving = self._server()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        run = Run(job, self._keys, slot, ours, self._clock(), self._packer.packing, alone)
        self._runs[run.key] = run
        with theirs:
            serving.start(self._plain(run), theirs)

    def _start_waiting(self) -> None:
        """Start what lost its process, and what waits for a GPU of its own, where there is room now."""
        while self._orphans and self._packer.places.free() and not (self._runs and self._apart()):
            self.start(self._orphans.pop())
        while not self._apart() and (found := self._packer.next_alone(self._keys + 1)):
            self._keys += 1
            self._begin(*found, alone=True)

    def _apart(self) -> bool:
        return self._orphans.apart(run.job.trial for run in self._runs.values())

    def _server(self) -> Serving:
        if self._serving is None:
            options = {
                "mode": self._mode,
                "target": self._target.to_json(self._cwd),
                "rehearse": not self._packer.measuring and self._busy_cores() < cores(),
            }
            self._serving = Serving(
                options,
                cwd=self._cwd,
                python=self._python,
                folder=self._folder,
                environ=self._environ,
                standbys=self._standbys,
            )
        return self._serving

    def _busy_cores(self) -> int:
        packing = self._packer.packing
        return packing.slots * (self._limits.threads or packing.threads)

    def _plain(self, run: Run) -> dict[str, Any]:
        """The job as the server hears it."""
        job = run.job
        return {
            "key": run.key,
            "trial": job.trial,
            "params": dict(job.params),
            "seed": job.seed,
            "dir": str(job.dir.resolve()),
            "log": str(job.log_file.resolve()),
            "env": self._environment(run),
            "threads": self._threads(run),
            "memory": self._limits.memory_bytes,
            "measure": self._packer.measuring,
        }

    def _threads(self, run: Run) -> int:
        return self._limits.threads or run.packing.threads

    def _environment(self, run: Run) -> dict[str, str]:
        """What a trial's processes find in their environment, beside all that this one has."""
        return variables.of_trial(
            self._folder.name, run.job, threads=self._threads(run), gpu=run.packing.gpu(run.slot)
        )

    # Listening

    def poll(self, timeout_s: float) -> list[Message]:
        """What happened; see `Executor.poll`."""
        if not self._messages and self._serving is not None:
            self._listen(self._serving, min(timeout_s, self._next_deadline()))
        self._messages += self._packer.look(self._runs)
        self._enforce()
        self._start_waiting()
        messages, self._messages = self._messages, []
        return messages

    def _listen(self, serving: Serving, timeout_s: float) -> None:
        channels = {run.channel.fileno(): run for run in self._runs.values() if not run.deaf}
        ready = wait_readable([serving.fileno(), *channels], timeout_s)
        if serving.fileno() in ready:
            self._hear_server(serving)
        for descriptor, run in channels.items():
            if descriptor in ready:
                self._hear_trial(run)
        while self._exits:
            self._exited(*self._exits.pop(0))
        if self._server_gone:
            self._server_died()

    def _hear_server(self, serving: Serving) -> None:
        said = serving.receive()
        if said is None:
            self._server_gone = True
            return
        for message in said:
            if message.get("ready"):
                self._ready(message)
            elif "pid" in message:
                self._started(message["key"], message["pid"])
            else:
                # What the trial itself has said comes first, and may be half read at this moment.
                self._exits.append((message["key"], message["status"]))

    def _ready(self, message: Mapping[str, Any]) -> None:
        if message["why"]:
            self._messages.append(Noted(f"each trial starts a Python of its own: {message['why']}"))

    def _started(self, key: int, pid: int) -> None:
        run = self._runs.get(key)
        if run is not None:
            run.pid, run.began, run.oom_kills = pid, self._clock(), self._oom_kills()
            self._messages.append(Started(run.job.trial, pid, run.slot))
            self._packer.began(run)

    def _hear_trial(self, run: Run) -> None:
        """Read all that a trial has said so far."""
        while not run.done and run.ended is None:
            try:
                data = run.channel.recv(1 << 16)
            except OSError:
                return
            if not data:
                run.deaf = True
                return
            *lines, run.text = (run.text + data).split(b"\n")
            for line in lines:
                if not run.done and run.ended is None:
                    self._take(run, json.loads(line))

    def _take(self, run: Run, message: Mapping[str, Any]) -> None:
        while run.pid is None:  # it was quicker than its server's word of it
            if self._server_gone or self._serving is None:
                return  # nor will that come: it starts again
            self._hear_server(self._serving)
        self._packer.told(run, message.get("gpu"))
        if "metrics" in message:
            self._reported(run, message["step"], message["metrics"])
        elif "checkpoint" in message:
            path = Path(message["checkpoint"])
            self._messages.append(Checkpointed(run.job.trial, path, message["epoch"]))
        else:
            self._leaving[run.key] = self._clock() + _LEAVING_S
            run.ended = outcome(message["done"], told=run.told)
            if not run.packing.gpus:
                self._finish(run, *run.ended)

    def _reported(self, run: Run, step: int, metrics: Mapping[str, float]) -> None:
        self._messages.append(Reported(run.job.trial, step, metrics))
        self._packer.reported(run)

    # Ending

    def _exited(self, key: int, status: int) -> None:
        self._leaving.pop(key, None)
        run = self._runs.get(key)
        if run is None:
            return
        self._hear_trial(run)
        self._leaving.pop(key, None)
        if not run.done:
            run.out_of_memory = self._is_oom(run, status)
            self._finish(run, *(run.ended or run.killed or self._silent_end(run, status)))

    def _is_oom(self, run: Run, status: int) -> bool:
        """Whether the kernel has killed a trial for want of memory, as well as one can know."""
        if run.ended or run.killed or status not in (-signal.SIGKILL, SHELLS + signal.SIGKILL):
            return False
        now = self._oom_kills()
        return now is not None and run.oom_kills is not None and now > run.oom_kills

    def _silent_end(self, run: Run, status: int) -> tuple[Status, str | None]:
        """What it means that a process ended without having said how its trial did."""
        how = how_it_ended(status, out_of_memory=run.out_of_memory)
        return Status.FAILED, f"{how} before train() returned"

    def _finish(self, run: Run, status: Status, error: str | None) -> None:
        run.done = True
        run.channel.close()
        del self._runs[run.key]
        crowded = self._packer.places.shared(run.key)
        beside = bool(self._runs) and not run.alone
        self._messages += self._packer.ended(run, usable=status is not Status.FAILED and not run.killed)
        if run.orphaned:
            self._messages.append(self._orphans.add(run.job))
            return
        if crowded and status is Status.FAILED and self._out_of_gpu_memory(run, error):
            self._messages += self._packer.displace(run, "GPU memory")
            return
        if beside and run.out_of_memory:
            self._messages += self._packer.displace(run, "memory")
            return
        self._orphans.ended(run.job.trial)
        seconds = self._clock() - (run.began if run.began is not None else run.asked)
        self._messages.append(Finished(run.job.trial, status, error, seconds))

    def _out_of_gpu_memory(self, run: Run, error: str | None) -> bool:
        """Whether a trial failed for want of a GPU's memory."""
        del run
        return error is not None and gpus.full(error)

    def _server_died(self) -> None:
        """Its trials died with it, which is not their failure: they run again, under another one."""
        serving, self._serving, self._server_gone = self._serving, None, False
        if serving is not None:
            serving.close()  # first: what a trial has said until its end is then here in full
        self._standbys = None  # what one was forked from may be what ends it
        self._leaving.clear()
        alone = len(self._runs) == 1
        for run in list(self._runs.values()):
            self._hear_trial(run)
            if not run.done:
                known = run.ended or run.killed
                why = None if known else self._orphans.lose(run.job.trial, alone=alone)
                run.orphaned = not (known or why)
                self._finish(run, *(known or (Status.FAILED, why)))

    def stop(self, trial: int, *, kill: bool = False) -> None:
        """Tell a trial to end early, or end it; see `Executor.stop`."""
        if kill and (self._packer.forget(trial) or self._orphans.forget(trial)):
            self._messages.append(Finished(trial, Status.CANCELLED, None, 0.0))
        for run in self._runs.values():
            if run.job.trial != trial:
                continue
            if kill:
                self._terminate(run, Status.CANCELLED, None)
            elif not run.told:
                run.told = True
                self._tell_to_stop(run)

    def _tell_to_stop(self, run: Run) -> None:
        with suppress(OSError):  # it is about to end anyway
            run.channel.send(b"stop\n")

    def _terminate(self, run: Run, status: Status, error: str | None) -> None:
        if run.killed is None and run.ended is None and self._serving is not None:
            run.killed = (status, error)
            run.kill_at = self._clock() + _TERMINATING_S
            self._serving.kill(run.key, signal.SIGTERM)

    def _enforce(self) -> None:
        """Act on deadlines that have passed."""
        now, seconds = self._clock(), self._limits.seconds
        for run in self._runs.values():
            if run.kill_at is not None and now >= run.kill_at:
                self._kill(run.key)
                run.kill_at = None
            elif seconds and run.began is not None and run.ended is None and now >= run.began + seconds:
                self._terminate(run, Status.FAILED, f"it took longer than {seconds:g} s")
        for key in [key for key, deadline in self._leaving.items() if now >= deadline]:
            del self._leaving[key]
            self._kill(key)

    def _kill(self, key: int) -> None:
        if self._serving is not None:
            self._serving.kill(key, signal.SIGKILL)

    def _next_deadline(self) -> float:
        """Seconds until something must be done that nobody will announce."""
        deadlines = [*self._leaving.values()]
        deadlines.append(self._clock() + self._packer.due_s())
        for run in self._runs.values():
            if run.kill_at is not None:
                deadlines.append(run.kill_at)
            elif self._limits.seconds and run.began is not None and not (run.killed or run.ended):
                deadlines.append(run.began + self._limits.seconds)
        return max(0.0, min(deadlines, default=float("inf")) - self._clock())

    def close(self) -> None:
        """End everything; see `Executor.close`."""
        deadline = self._clock() + _TERMINATING_S
        while self._leaving and self._serving is not None and self._clock() < deadline:
            self._listen(self._serving, deadline - self._clock())
        if self._serving is not None:
            self._serving.close()
        self._packer.close()
        for run in self._runs.values():
            run.channel.close()
        self._serving = None
        self._orphans.close()
        self._runs.clear()
        self._leaving.clear()
        self._messages.clear()

"""What a trial takes while it runs: the memory of its processes, and what NVIDIA's tool says of its GPU."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from awstune.sweeps import gpus
from awstune.sweeps.executor import cores
from awstune.sweeps.packing import Gpu, Machine, Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EVERY_S = 0.25
_CONTEXT = 500 << 20  # what CUDA itself takes of a GPU, beside what a program knows of
_NOTICEABLE = 32 << 20
_ENOUGH = 3  # readings of a GPU that is in use


def machine(environment: Mapping[str, str] = os.environ) -> Machine:
    """What this machine has for trials now."""
    found = gpus.readings(environment)
    usable = tuple(Gpu(name, _free(gpus.named(name, found))) for name in gpus.visible(environment))
    return Machine(cores(), psutil.virtual_memory().available, usable)


def _free(reading: gpus.Reading | None) -> int | None:
    if reading is None or reading.total is None or reading.used is None:
        return None
    return reading.total - reading.used


class Gauge:
    """Measures one trial, from when it starts.

    Args:
        has: the machine, as it was before.
        environment: where NVIDIA's tool is looked for.
        clock: seconds.
    """

    def __init__(
        self,
        has: Machine,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.machine = has
        self._question = gpus.question(environment) if has.gpus else None
        self._clock = clock
        self._asking: subprocess.Popen[str] | None = None
        self.key: int | None = None
        self.reports = 0
        self._start(0, None)

    def begin(self, key: int, gpu: str | None) -> None:
        """Measure this trial from now on, on this GPU."""
        self.key = key
        self._start(0, gpu)

    def _start(self, at: float, gpu: str | None) -> None:
        self._next, self._gpu = at, gpu
        self._memory = self.reports = 0
        self._told: int | None = None
        self._used: list[int] = []
        self._busy: list[float] = []
        self._seen = 0

    def tell(self, gpu_memory: int | None) -> None:
        """Take what the trial itself says it took of its GPU, in bytes, at a report or at its end."""
        if gpu_memory is not None:
            self._told = max(self._told or 0, gpu_memory)

    def look(self, pid: int | None) -> None:
        """Take a sample where one is due; the answer of NVIDIA's tool is heard at a later look."""
        self._hear()
        if pid is None or self._clock() < self._next:
            return
        self._next = self._clock() + EVERY_S
        self._memory = max(self._memory, _resident(pid))
        if self._question is not None and self._asking is None:
            pipe = subprocess.PIPE
            self._asking = subprocess.Popen(self._question, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def _hear(self, patience_s: float = 0.0) -> None:
        if self._asking is None:
            return
        try:
            self._asking.wait(patience_s)
        except subprocess.TimeoutExpired:
            return
        answer, _ = self._asking.communicate()  # far less than a pipe holds
        self._asking = None
        self._take(gpus.parse(answer))

    def _take(self, found: Sequence[gpus.Reading]) -> None:
        reading = None if self._gpu is None else gpus.named(self._gpu, found)
        before = next((gpu.free for gpu in self.machine.gpus if gpu.name == self._gpu), None)
        free = _free(reading)
        if reading is None or before is None or free is None:
            return
        self._seen += 1
        if before - free > _NOTICEABLE:
            self._used.append(before - free)
            if reading.busy is not None:
                self._busy.append(reading.busy)

    @property
    def enough(self) -> bool:
        """Whether a trial that still runs has shown what it takes: a whole round between two reports."""
        return self.reports > 1 and (self._gpu is None or len(self._used) >= _ENOUGH)

    def measured(self, trial: int) -> Measured | None:
        """What is known; None where nothing at all is."""
        self._hear(1.0)
        if not self._memory:
            return None
        busy = sum(self._busy) / len(self._busy) if self._busy else None
        return Measured(trial, self._memory, self._gpu_memory(), busy)

    def _gpu_memory(self) -> int | None:
        told = [] if not self._told else [self._told + _CONTEXT]
        found = [*self._used, *told]
        if found:
            return max(found)
        return 0 if self._seen >= _ENOUGH or self._told == 0 else None

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.kill()
            self._asking.communicate()
            self._asking = None


def _resident(pid: int) -> int:
    """Bytes that a process and all below it hold."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_held(one) for one in family)


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0

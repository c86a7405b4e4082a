"""A pool's packing while it runs: measured once, decided, lowered where trials did not fit after all."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from awstune.sweeps.executor import Displaced, Job, Message, Packed
from awstune.sweeps.gauge import EVERY_S, Gauge
from awstune.sweeps.packing import Packing, decide
from awstune.sweeps.placing import Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.sweeps.running import Run

_TRIES = 3  # trials that may leave open what a trial takes


class Packer:
    """Gives slots to trials.

    Args:
        packing: to begin with.
        gauge: measures a trial, so that it is decided anew; None where it is decided already.
    """

    def __init__(self, packing: Packing, gauge: Gauge | None = None) -> None:
        self.places = Places(packing)
        self._gauge, self._tries = gauge, 0
        self._waiting: deque[Job] = deque()

    @property
    def packing(self) -> Packing:
        """What holds for the trials that start now."""
        return self.places.packing

    @property
    def measuring(self) -> bool:
        """Whether it is still to be decided."""
        return self._gauge is not None

    @property
    def waiting(self) -> int:
        """How many trials wait for a GPU of their own."""
        return len(self._waiting)

    # Measuring

    def began(self, run: Run) -> None:
        """A trial has a process."""
        if self._gauge is not None and self._gauge.key is None:
            self._gauge.begin(run.key, run.packing.gpu(run.slot))

    def told(self, run: Run, gpu_memory: int | None) -> None:
        """A trial says how many bytes of its GPU it took."""
        if self._gauge is not None and self._gauge.key == run.key:
            self._gauge.tell(gpu_memory)

    def reported(self, run: Run) -> None:
        """A trial has reported."""
        if self._gauge is not None and self._gauge.key == run.key:
            self._gauge.reports += 1

    def look(self, runs: Mapping[int, Run]) -> list[Message]:
        """Look at what the measured trial takes; a decision as soon as that is known."""
        gauge = self._gauge
        run = None if gauge is None or gauge.key is None else runs.get(gauge.key)
        if gauge is None or run is None:
            return []
        gauge.look(run.pid)
        return self._settle(gauge, run) if gauge.enough else []

    def due_s(self) -> float:
        """Seconds until the next look."""
        return EVERY_S if self._gauge is not None and self._gauge.key is not None else float("inf")

    def ended(self, run: Run, *, usable: bool) -> list[Message]:
        """A trial is gone, and its slot free; ``usable`` where it got to its end."""
        self.places.leave(run.key)
        if self._gauge is None or self._gauge.key != run.key:
            return []
        if usable:
            return self._settle(self._gauge, run)
        self._gauge.key = None
        return []

    def _settle(self, gauge: Gauge, run: Run) -> list[Message]:
        measured = gauge.measured(run.job.trial)
        self._tries += 1
        if measured is None or (measured.gpu_memory is None and gauge.machine.gpus and self._tries < _TRIES):
            gauge.key = None  # the next one may show it
            return []
        gauge.close()
        self._gauge = None
        return self._pack(decide(gauge.machine, measured))

    def _pack(self, packing: Packing) -> list[Message]:
        self.places.packing = packing
        return [Packed(packing)]

    # What did not fit

    def displace(self, run: Run, memory: str) -> list[Message]:
        """Have a trial run again, alone on its GPU; from now on one fewer is on each.

        Args:
            run: the trial's.
            memory: whose it ran out of, in words.
        """
        self._waiting.append(replace(run.job, attempt=run.job.attempt + 1))
        self._reserve()
        displaced = Displaced(run.job.trial, f"it ran out of {memory} beside others")
        before = self.packing
        lowered = before.lowered(f"trial {run.job.trial} ran out of {memory} beside others")
        if run.packing is before and lowered.slots < before.slots:
            return [displaced, *self._pack(lowered)]
        return [displaced]

    def next_alone(self, key: int) -> tuple[Job, int] | None:
        """A trial that gets a GPU of its own now, and its slot."""
        slot = self.places.take_alone(key) if self._waiting else None
        if slot is None:
            return None
        job = self._waiting.popleft()
        self._reserve()
        return job, slot

    def forget(self, trial: int) -> bool:
        """Let a trial wait no longer; whether it did."""
        others = [job for job in self._waiting if job.trial != trial]
        waited = len(others) < len(self._waiting)
        self._waiting = deque(others)
        self._reserve()
        return waited

    def _reserve(self) -> None:
        self.places.waiting = len(self._waiting)

    def close(self) -> None:
        """Measure no more, and let nobody wait."""
        self._waiting.clear()
        self._reserve()
        if self._gauge is not None:
            self._gauge.close()

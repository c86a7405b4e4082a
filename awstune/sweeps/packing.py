"""How many trials run at a time, and where. Pure: what was measured comes in, a decision goes out.

A GPU is shared as long as its memory and its time last, the cores and the memory of the machine as well.
Nothing is taken back from a trial that runs: a packing that is lowered holds for the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from awstune.amounts import count

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = 0.9  # of what is free; a trial's parameters change what it takes
_GIB = 1 << 30
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Gpu:
    """A GPU that trials may use.

    Attributes:
        name: as ``CUDA_VISIBLE_DEVICES`` has it.
        free: bytes of memory that nobody used before the first trial; None where that is not known.
    """

    name: str
    free: int | None = None


@dataclass(frozen=True)
class Machine:
    """What there is to share: cores, bytes of memory that are free, GPUs."""

    cores: int
    memory: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What one trial took at most.

    Attributes:
        trial: its number.
        memory: bytes of the machine's memory, of all its processes.
        gpu_memory: bytes of its GPU's; 0 where it did not use it, None where nobody could tell.
        busy: the mean share of its GPU's time, 0 to 1; None where nobody could tell.
    """

    trial: int
    memory: int
    gpu_memory: int | None = None
    busy: float | None = None


@dataclass(frozen=True)
class Packing:
    """A decision.

    Attributes:
        slots: how many trials run at a time; slot N is on GPU N modulo their number.
        gpus: as ``CUDA_VISIBLE_DEVICES`` names them.
        cores: the machine's.
        why: in words.
        settled: whether it is a decision, and not what is done until there is one.
    """

    slots: int
    gpus: tuple[str, ...] = ()
    cores: int = 1
    why: str = ""
    settled: bool = True

    @property
    def places(self) -> int:
        """How many GPUs there are, or 1 for the machine as a whole."""
        return max(1, len(self.gpus))

    @property
    def threads(self) -> int:
        """For each trial; all together are no more than the cores, where there are that many."""
        # Before the decision one: what starts after it must not find the cores taken.
        return max(1, self.cores // self.slots) if self.settled else 1

    @property
    def crowded(self) -> str | None:
        """What to say of more trials at a time than the cores have room for; None where they have it."""
        if self.gpus or self.slots <= self.cores:
            return None
        what = f"{self.slots} trials at a time share {count(self.cores, 'core')}, a thread each"
        return f"{what}: --parallel auto takes as many as fit"

    def place(self, slot: int) -> int:
        """Which GPU, by its place in `gpus`, a slot is on."""
        return slot % self.places

    def gpu(self, slot: int) -> str | None:
        """The GPU of a slot; None without any."""
        return self.gpus[self.place(slot)] if self.gpus else None

    def share(self, slot: int) -> tuple[str, ...]:
        """The GPUs of a slot for a program that may use several; with fewer slots than GPUs none is idle."""
        if slot < self.slots < len(self.gpus):
            return self.gpus[slot :: self.slots]
        return self.gpus[self.place(slot) :][:1]

    def slots_at(self, place: int) -> list[int]:
        """The slots on one GPU."""
        return list(range(place, self.slots, self.places))

    def lowered(self, why: str) -> Packing:
        """One trial fewer on each GPU that has the most of them, but never none."""
        most = -(-self.slots // self.places)
        slots = max(min(self.slots, self.places), (most - 1) * self.places)
        return replace(self, slots=slots, why=why)

    def to_json(self) -> dict[str, Any]:
        """The fields of the journal's ``packing`` event."""
        return {
            "slots": self.slots,
            "gpus": list(self.gpus),
            "threads": self.threads,
            "cores": self.cores,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, event: Mapping[str, Any]) -> Packing:
        """The decision of a ``packing`` event."""
        return cls(int(event["slots"]), tuple(event["gpus"]), int(event["cores"]), event["why"])


def undecided(machine: Machine) -> Packing:
    """One trial a GPU, or one, until it is known what a trial takes."""
    gpus = tuple(gpu.name for gpu in machine.gpus)
    return Packing(max(1, len(gpus)), gpus, machine.cores, settled=False)


def decide(machine: Machine, measured: Measured) -> Packing:
    """As many trials as fit.

    Args:
        machine: as it was before the first trial.
        measured: what a trial took that had a GPU, or the machine, to itself.
    """
    on_gpu = bool(machine.gpus) and measured.gpu_memory != 0
    places = len(machine.gpus) if on_gpu else 1
    bounds = {
        "the number of cores": machine.cores // places,
        "memory": _times(machine.memory, measured.memory) // places,
    }
    if on_gpu:
        bounds |= _gpu_bounds(machine, measured)
    most = min(bounds, key=lambda name: bounds[name])
    slots = max(1, bounds[most]) * places
    gpus = tuple(gpu.name for gpu in machine.gpus)
    # One that leaves the GPU alone may be anywhere.
    return Packing(slots, gpus, machine.cores, _why(measured, slots, places, most, on_gpu=on_gpu))


def _times(free: int, taken: int) -> int:
    return int(free * ROOM / max(1, taken))


def _gpu_bounds(machine: Machine, measured: Measured) -> dict[str, int]:
    """How many trials one GPU holds; one where that cannot be told."""
    frees = [gpu.free for gpu in machine.gpus]
    if measured.gpu_memory is None or None in frees:
        return {_UNKNOWN: 1}
    bounds = {"GPU memory": _times(min(free or 0 for free in frees), measured.gpu_memory)}
    if measured.busy is not None:
        bounds["GPU time"] = int(1 / max(measured.busy, 0.01))
    return bounds


def _why(measured: Measured, slots: int, places: int, bound: str, *, on_gpu: bool) -> str:
    took = [f"{measured.memory / _GIB:.2g} GiB of memory"]
    if measured.gpu_memory:
        took.append(f"{measured.gpu_memory / _GIB:.2g} GiB of its GPU's")
    if measured.gpu_memory == 0:
        took.append("no GPU")
    if measured.busy is not None:
        took.append(f"{measured.busy:.0%} of its time")
    where = f"on {places} GPUs" if on_gpu and places > 1 else ""
    how_many = f"{slots} at a time {where}".rstrip()
    if bound == _UNKNOWN:
        because = "since what it takes of its GPU could not be measured"
    else:
        because = f"as {bound} allows"
    return f"trial {measured.trial} took {', '.join(took)}: {how_many}, {because}"

"""Which slot a trial takes. Pure: a trial that ran out of its GPU's memory gets one to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awstune.sweeps.packing import Packing


class Places:
    """The slots of a packing, and who holds them.

    Args:
        packing: may be replaced while trials run; those that run keep their slots.
    """

    def __init__(self, packing: Packing) -> None:
        self.packing = packing
        self._slots: dict[int, int] = {}
        self._alone: set[int] = set()
        self._shared: set[int] = set()
        self.waiting = 0

    @property
    def taken(self) -> int:
        """How many hold a slot."""
        return len(self._slots)

    def free(self) -> list[int]:
        """The slots that may be taken, lowest first."""
        kept = self._kept_empty()
        return sorted(
            slot for place in range(self.packing.places) if place not in kept for slot in self._free_at(place)
        )

    def _free_at(self, place: int) -> list[int]:
        slots, here = self.packing.slots_at(place), self._at(place)
        left = len(slots) - len(here)
        return [slot for slot in slots if slot not in self._slots.values()][: max(0, left)]

    def _at(self, place: int) -> list[int]:
        return [key for key, slot in self._slots.items() if self.packing.place(slot) == place]

    def _kept_empty(self) -> set[int]:
        """Places of which one trial has, or waits to have, all."""
        held = {self.packing.place(self._slots[key]) for key in self._alone}
        others = [place for place in range(self.packing.places) if place not in held]
        emptiest = sorted(others, key=lambda place: len(self._at(place)))
        return held | set(emptiest[: self.waiting])

    def take(self, key: int) -> int:
        """The slot of a new trial.

        Raises:
            IndexError: none is free.
        """
        slot = self.free()[0]
        self._slots[key] = slot
        here = self._at(self.packing.place(slot))
        if len(here) > 1:
            self._shared.update(here)
        return slot

    def take_alone(self, key: int) -> int | None:
        """A slot of a place where nobody else is, nor will be as long as this trial runs; None without."""
        for place in range(self.packing.places):
            if not self._at(place):
                self._slots[key] = place
                self._alone.add(key)
                return place
        return None

    def shared(self, key: int) -> bool:
        """Whether anybody was ever on the same place at the same time."""
        return key in self._shared

    def leave(self, key: int) -> None:
        """Give the slot back."""
        self._slots.pop(key, None)
        self._alone.discard(key)
        self._shared.discard(key)

"""What is worked out of each trial's values once, and not again at each suggestion: a history may be long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from awstune.search.space import Space
    from awstune.search.trials import TrialRecord


@dataclass(frozen=True)
class Sight:
    """A trial's values as a space sees them.

    Attributes:
        space: the space.
        params: name to value.
    """

    space: Space
    params: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        """See ``Space.key``."""
        return self.space.key(self.params)

    @cached_property
    def held(self) -> bool:
        """See ``Space.holds``."""
        return self.space.holds(self.params)

    @cached_property
    def place(self) -> NDArray[np.float64]:
        """See ``Space.encode``: (d,)."""
        return self.space.encode(self.params)


class Seen:
    """The sights of a space's trials: a cache, which never changes an answer."""

    def __init__(self) -> None:
        self._sights: dict[int, Sight] = {}

    def of(self, space: Space, trial: TrialRecord) -> Sight:
        """The trial's, the same as last time where space and values are."""
        sight = self._sights.get(trial.number)
        if sight is None or sight.space is not space or sight.params is not trial.params:
            sight = self._sights[trial.number] = Sight(space, trial.params)
        return sight

    def keys(self, space: Space, trials: Sequence[TrialRecord]) -> set[str]:
        """What tells the trials apart."""
        return {self.of(space, trial).key for trial in trials}

    def held(self, space: Space, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Those that are trials of the space."""
        return [trial for trial in trials if self.of(space, trial).held]

    def places(self, space: Space, trials: Sequence[TrialRecord]) -> NDArray[np.float64]:
        """Where they are in the unit cube: (n, d)."""
        import numpy as np

        return np.array([self.of(space, trial).place for trial in trials])

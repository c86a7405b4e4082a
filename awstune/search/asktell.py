"""Ask and tell, for people with a loop of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from awstune.errors import NothingSucceeded, SpaceError, UsageError
from awstune.search.searchers import make
from awstune.search.space import Space
from awstune.search.trials import Mode, Status, TrialRecord, best_of


@dataclass(frozen=True)
class Asked:
    """A trial to run.

    Attributes:
        number: counts from 0, the baseline.
        params: name to value.
        why: the searcher's reason.
    """

    number: int
    params: Mapping[str, Any]
    why: str = ""


@dataclass(frozen=True)
class Best:
    """The best trial so far."""

    number: int
    params: Mapping[str, Any]
    value: float


class Search:
    """A search that is asked for trials and told their values; several may be out at once.

    Args:
        space: a ``Space``, or name to parameter; values may be in the compact form (``"1e-5..1e-1:log"``).
        search: ``bayes``, ``random`` or ``grid``.
        mode: whether the least (``min``) or the greatest (``max``) value is the best.
        seed: the same seed and the same values, told in the same order, give the same trials.
        options: of the searcher, such as ``acquisition="thompson"`` or grid's ``budget=50``.

    Example:
        >>> from awstune import Float, Search, Space
        >>> search = Search(Space(x=Float(-1, 1)), "bayes", mode="min", seed=0)
        >>> for _ in range(10):
        ...     trial = search.ask()
        ...     search.tell(trial, (trial.params["x"] - 0.3) ** 2)
        >>> round(search.best.params["x"], 1)
        0.3
    """

    def __init__(
        self,
        space: Space | Mapping[str, Any],
        search: str = "bayes",
        *,
        mode: Mode = "min",
        seed: int = 0,
        **options: Any,
    ) -> None:
        if mode not in {"min", "max"}:
            raise UsageError(f"there is no mode {mode!r}", 'write mode="min" or mode="max"')
        self.space = space if isinstance(space, Space) else Space.from_toml(space)
        self.mode = mode
        self._searcher = make(search, mode=mode, seed=seed, **options)
        self._trials: list[TrialRecord] = []

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """All trials that were asked for, by number."""
        return tuple(self._trials)

    def ask(self) -> Asked:
        """The next trial.

        Raises:
            SpaceError: the space is used up: every trial of it has been asked for.
        """
        found = self._searcher.suggest(self.space, self._trials, 1)
        if not found:
            hint = "end the loop here, or give the space more values"
            raise SpaceError(f"the space is used up: all its {len(self._trials)} trials were asked for", hint)
        number = len(self._trials)
        self._trials.append(TrialRecord(number, found[0].params, why=found[0].why))
        return Asked(number, found[0].params, found[0].why)

    def tell(self, trial: Asked, value: float | None = None, *, failed: str | None = None) -> None:
        """How a trial went.

        Args:
            trial: what ``ask`` gave.
            value: its value; one that is not finite counts as failed.
            failed: why it has none.

        Raises:
            UsageError: a trial that was never asked for, was told before, or neither value nor failure.
        """
        record = self._running(trial)
        if value is None and failed is None:
            raise UsageError(f"trial {trial.number} has no value", 'tell a value, or failed="why"')
        rank = sum(not other.running for other in self._trials)
        try:
            number = None if value is None else float(value)
        except (TypeError, ValueError):
            what = f"trial {trial.number} was told {value!r}, which is no number"
            raise UsageError(what, 'tell a float, or failed="why"') from None
        if failed is None and number is not None and math.isfinite(number):
            told = replace(record, status=Status.SUCCEEDED, value=number, completed=rank)
        else:
            error = failed or f"the value is {number}"
            told = replace(record, status=Status.FAILED, error=error, completed=rank)
        self._trials[trial.number] = told

    def _running(self, trial: Asked) -> TrialRecord:
        if not 0 <= trial.number < len(self._trials):
            raise UsageError(f"trial {trial.number} was never asked for", "tell what ask() gave")
        record = self._trials[trial.number]
        if not record.running:
            raise UsageError(f"trial {trial.number} was told already", "tell each trial once")
        return record

    @property
    def best(self) -> Best:
        """The best trial so far.

        Raises:
            NothingSucceeded: none has a value yet.
        """
        found = best_of(self._trials, self.mode)
        if found is None or found.value is None:
            raise NothingSucceeded(
                f"none of {len(self._trials)} trials has a value yet", "tell one first: search.tell(t, 0.3)"
            )
        return Best(found.number, found.params, found.value)

"""What a trial that has not run to its end would have reached: partial curves as values for a model."""

from __future__ import annotations

import math
from functools import cached_property
from statistics import median, stdev
from typing import TYPE_CHECKING

from awstune.search.halving import losses
from awstune.search.trials import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode, TrialRecord

LEAST_WHOLE = 3


class Curves:
    """The learning curves of whole trials, which tell what others would have gained after a step.

    Args:
        trials: all of the sweep's.
        metric: whose reports are read; None where they name only one.
        mode: which values are better.
    """

    def __init__(self, trials: Sequence[TrialRecord], metric: str | None, mode: Mode) -> None:
        self.metric, self.mode = metric or only_metric(trials), mode
        self._trials = trials
        self._shares: dict[int, list[float]] = {}

    @cached_property
    def _whole(self) -> list[list[tuple[int, float]]]:
        whole = (t for t in self._trials if t.status is Status.SUCCEEDED and len(t.reports) > 1)
        return [self._losses(trial) for trial in whole]

    def _losses(self, trial: TrialRecord) -> list[tuple[int, float]]:
        return [] if self.metric is None else losses(trial, self.metric, self.mode)

    def foretold(self, trial: TrialRecord) -> tuple[float, float] | None:
        """The loss (low is good) that a trial would end with, and the standard deviation of that.

        From a step to its end a whole trial closes some share of the gap to the best of them. The median
        share is expected here, too, and their spread is the doubt: a slow start may yet close much of it.

        Returns:
            None where it has no finite report, or fewer than three whole trials tell what comes after.
        """
        curve = self._losses(trial)
        if not curve or not math.isfinite(curve[-1][1]):
            return None
        done, loss = curve[-1]
        shares = self._shares_after(done)
        if len(shares) < LEAST_WHOLE:
            return None
        gap = max(loss - self._best, 0.0)
        return loss - median(shares) * gap, stdev(shares) * gap

    @cached_property
    def _best(self) -> float:
        return min(curve[-1][1] for curve in self._whole if curve)

    def _shares_after(self, done: int) -> list[float]:
        if done not in self._shares:
            found = (_share(curve, done, self._best) for curve in self._whole if curve)
            self._shares[done] = [share for share in found if share is not None]
        return self._shares[done]


def only_metric(trials: Sequence[TrialRecord]) -> str | None:
    """The metric that all reports name; None where they name several, or there are none."""
    names = {name for trial in trials for report in trial.reports[-1:] for name in report.metrics}
    return names.pop() if len(names) == 1 else None


def _share(curve: list[tuple[int, float]], done: int, best: float) -> float | None:
    """The share of the gap to the best that a whole trial closed after a step; None where it had no gap."""
    there = [loss for steps, loss in curve if steps <= done]
    if not there or curve[-1][0] <= done or not best < there[-1] < math.inf:
        return None
    return min(max((there[-1] - curve[-1][1]) / (there[-1] - best), -1.0), 1.0)

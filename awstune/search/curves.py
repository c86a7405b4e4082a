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
        self._gains: dict[int, tuple[float, float | None]] = {}

    @cached_property
    def _whole(self) -> list[list[tuple[int, float]]]:
        whole = (t for t in self._trials if t.status is Status.SUCCEEDED and len(t.reports) > 1)
        return [self._losses(trial) for trial in whole]

    def _losses(self, trial: TrialRecord) -> list[tuple[int, float]]:
        return [] if self.metric is None else losses(trial, self.metric, self.mode)

    def expected_end(self, trial: TrialRecord) -> float | None:
        """The loss (low is good) that a stopped trial would have ended with.

        Whole trials improve from its last step to their end by some amount; the median of it is taken off.
        Where fewer than three whole trials tell, it is the trial's own last loss.

        Returns:
            None where it never reported.
        """
        curve = self._losses(trial)
        return curve[-1][1] - self._gain_after(curve[-1][0])[0] if curve else None

    def foretold(self, trial: TrialRecord) -> tuple[float, float] | None:
        """The loss that a running trial is going to end with, and the standard deviation of that.

        Returns:
            None where it has no finite report, or fewer than three whole trials tell what comes after.
        """
        curve = self._losses(trial)
        if not curve or not math.isfinite(curve[-1][1]):
            return None
        gain, sd = self._gain_after(curve[-1][0])
        return None if sd is None else (curve[-1][1] - gain, sd)

    def _gain_after(self, done: int) -> tuple[float, float | None]:
        if done not in self._gains:
            gains = [gain for curve in self._whole if (gain := _gain(curve, done)) is not None]
            enough = len(gains) >= LEAST_WHOLE
            self._gains[done] = (median(gains), stdev(gains)) if enough else (0.0, None)
        return self._gains[done]


def only_metric(trials: Sequence[TrialRecord]) -> str | None:
    """The metric that all reports name; None where they name several, or there are none."""
    names = {name for trial in trials for report in trial.reports[-1:] for name in report.metrics}
    return names.pop() if len(names) == 1 else None


def _gain(curve: list[tuple[int, float]], done: int) -> float | None:
    there = [loss for steps, loss in curve if steps <= done]
    return there[-1] - curve[-1][1] if there and curve[-1][0] > done else None

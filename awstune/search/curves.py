"""What a trial that has not run to its end would have reached: partial curves as values for a model."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from awstune.search.halving import losses
from awstune.search.trials import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode, TrialRecord

LEAST_WHOLE = 3


def expected_end(trial: TrialRecord, trials: Sequence[TrialRecord], metric: str, mode: Mode) -> float | None:
    """The loss (low is good) that a stopped trial would have ended with.

    Whole trials improve from its last step to their end by some amount; the median of it is taken off. Where
    fewer than three whole trials tell, it is the trial's own last loss.

    Returns:
        None where it never reported.
    """
    curve = losses(trial, metric, mode)
    if not curve:
        return None
    done, last = curve[-1]
    gains = [gain for t in trials if (gain := _gain_after(t, done, metric, mode)) is not None]
    return last - median(gains) if len(gains) >= LEAST_WHOLE else last


def _gain_after(trial: TrialRecord, done: int, metric: str, mode: Mode) -> float | None:
    if trial.status is not Status.SUCCEEDED:
        return None
    curve = losses(trial, metric, mode)
    there = [loss for steps, loss in curve if steps <= done]
    return there[-1] - curve[-1][1] if there and curve[-1][0] > done else None

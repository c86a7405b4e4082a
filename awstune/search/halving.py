"""Stopping a trial early: asynchronous successive halving, and the median rule.

Both decide by the records alone, at the report by which a trial reaches a rung, so that the answer is the
same under any number of parallel trials and when a sweep is resumed. What has ended since does not change
a decision that was taken: a trial is asked about only with its latest report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Protocol

from awstune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awstune.search.trials import Mode, Report, TrialRecord

LEAST_TRIALS = 10
NAMES = ("asha", "median")


class Stopper(Protocol):
    """Says whether a running trial is worth going on with."""

    def should_stop(self, trial: TrialRecord, trials: Sequence[TrialRecord]) -> bool:
        """Whether to stop it, after its latest report; ``trials`` are all of the sweep's, it among them."""
        ...


def make_stopper(name: str | None, *, metric: str, mode: Mode, trials: int | None) -> Stopper | None:
    """The stopper of that name; None for no name, and for a sweep of fewer than ten trials.

    Args:
        name: ``asha``, ``median`` or None.
        metric: whose reports are compared.
        mode: which values are better.
        trials: how many the sweep plans; None where that is open.

    Raises:
        UsageError: there is no such rule.
    """
    makers: dict[str, Callable[..., Stopper]] = {"asha": Asha, "median": MedianRule}
    if name is None or (trials is not None and trials < LEAST_TRIALS and name in makers):
        return None
    if name not in makers:
        raise UsageError(f"there is no rule {name} to stop early by", f"there are {', '.join(NAMES)}")
    return makers[name](metric=metric, mode=mode)


def losses(trial: TrialRecord, metric: str, mode: Mode) -> list[tuple[int, float]]:
    """(steps done, loss) of each report of the metric, low is good; what is not finite is infinitely bad."""
    sign = 1.0 if mode == "min" else -1.0
    reported = [report for report in trial.reports if metric in report.metrics]
    return [(report.step + 1, _loss(report, metric, sign)) for report in reported]


def _loss(report: Report, metric: str, sign: float) -> float:
    value = report.metrics[metric]
    return sign * value if value is not None and math.isfinite(value) else math.inf


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving.

    Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), which uses ``eta`` 4:
    in a replay of 40 whole trials 0.34 of the epochs, where 3 takes 0.40, and with the same best.

    At ``first``, ``first * eta``, ``first * eta**2`` … steps a trial goes on only if it is among the best
    1/eta of the latest trials that have got there, or better than all; the first few that get there always
    go on. The latest, because a search that learns suggests ever better trials: beside all of them, most
    would go on.

    Every third trial is first judged a rung later (Hyperband's brackets, Li et al. 2018): what starts slowly
    has a chance, and the search sees that it may.

    In ``scripts/bench early-stopping`` it saves three quarters of the epochs and ends .006 and .016 of
    accuracy below whole trials (four and three seeds; .008 and .012 on five and six more); behind Hyperband,
    which runs nearly twice the epochs, and within the noise of Ray Tune's. Every second trial a rung later
    instead: .975 and .765 beside .975 and .755 on three seeds, in .28 and .31 of the epochs, within noise;
    one in three going on: .975 and .747. Rungs at 2 and 8 steps for all, or more epochs: no gain (search.md).

    Attributes:
        metric: whose reports are compared.
        mode: which values are better.
        first: steps before the first decision.
        eta: one of how many goes on.
        patient: of how many trials one is first judged a rung later.
        latest: how many trials one is compared with.
    """

    metric: str
    mode: Mode
    first: int = 1
    eta: int = 4
    latest: int = 14
    patient: int = 3

    def should_stop(self, trial: TrialRecord, trials: Sequence[TrialRecord]) -> bool:
        """Whether the trial has just reached a rung without being among its best; see ``Stopper``."""
        curve = losses(trial, self.metric, self.mode)
        rung = self._rung_reached(curve, self._first_of(trial))
        if rung is None:
            return False
        before = sorted((t for t in trials if t.number != trial.number), key=lambda t: -t.number)
        others = [at for t in before if (at := self._at(t, rung)) is not None]
        own = _best_until(curve, rung)
        beside = others[: self.latest]
        allowed = (len(beside) + 1) // self.eta
        better = sum(other < own for other in beside)
        return math.isinf(own) or (allowed > 0 and better >= allowed and own >= min(others))

    def _first_of(self, trial: TrialRecord) -> int:
        later = trial.number % self.patient == self.patient - 1
        return self.first * self.eta if later else self.first

    def _rung_reached(self, curve: list[tuple[int, float]], rung: int) -> int | None:
        """The rung, from that one on, that the latest report is the first to reach."""
        if not curve:
            return None
        before = curve[-2][0] if len(curve) > 1 else 0
        reached = None
        while rung <= curve[-1][0]:
            reached = rung if rung > before else None
            rung *= self.eta
        return reached

    def _at(self, trial: TrialRecord, rung: int) -> float | None:
        curve = losses(trial, self.metric, self.mode)
        return _best_until(curve, rung) if curve and curve[-1][0] >= rung else None


def _best_until(curve: list[tuple[int, float]], steps: int) -> float:
    """The best loss up to the report that reaches that many steps, that one included."""
    before = [0, *(done for done, _ in curve)]
    return min(loss for (_, loss), done in zip(curve, before, strict=False) if done < steps)


@dataclass(frozen=True)
class MedianRule:
    """The median rule (Golovin et al., "Google Vizier", 2017).

    A trial stops where its best loss so far is worse than the median of the others' running means at the
    same step. Beside a search that learns it stops little: most trials are better than the middle of those
    before, and two thirds to nine tenths of the epochs are run.

    Attributes:
        metric: whose reports are compared.
        mode: which values are better.
        first: steps before the first decision.
        least: other trials that must have got as far.
    """

    metric: str
    mode: Mode
    first: int = 3
    least: int = 5

    def should_stop(self, trial: TrialRecord, trials: Sequence[TrialRecord]) -> bool:
        """Whether the trial's best is worse than the others' median mean; see ``Stopper``."""
        curve = losses(trial, self.metric, self.mode)
        if not curve or curve[-1][0] < self.first:
            return False
        done = curve[-1][0]
        others = (losses(t, self.metric, self.mode) for t in trials if t.number != trial.number)
        means = [fmean(v for s, v in o if s <= done) for o in others if o and o[-1][0] >= done]
        return len(means) >= self.least and _best_until(curve, done) > median(means)

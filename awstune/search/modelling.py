"""From a sweep's trials to a model of them: what `bayes`, the end rules and the posterior all start from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from awstune.search.cube import Cube
from awstune.search.curves import Curves
from awstune.search.evidence import Evidence, Pairs, fit, nearby
from awstune.search.outputs import Outputs, shown
from awstune.search.seen import Seen
from awstune.search.surrogate import Pending, Surrogate
from awstune.search.trials import Status, TrialRecord, by_completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from awstune.search.space import Space
    from awstune.search.trials import Mode

    Array = NDArray[np.float64]

MOST_POINTS = 1000
LEAST_VALUES = 2
AVERAGED = ((100, 3), (300, 1))
"""(up to so many points, sets of hyperparameters beside the likeliest): the more points, the surer it is."""
MOST_FITTED = 300


@cache
def one_thread() -> ThreadpoolController:
    """The linear algebra's threads: more than one changes last digits, and waits for busy cores."""
    return ThreadpoolController()


def last_fit(n: int) -> int:
    """The last size of the history, up to n, at which hyperparameters are fitted: steps of a tenth."""
    size = LEAST_VALUES
    while (larger := max(size + 1, math.ceil(1.1 * size))) <= n:
        size = larger
    return size


@dataclass
class Fits:
    """Hyperparameters by the trials that they were fitted to: a cache of the last ones, nothing more.

    Attributes:
        seed: of the search.
        seen: what is known of each trial's values.
    """

    seed: int
    seen: Seen = field(default_factory=Seen)
    _last: dict[bytes, list[Array]] = field(default_factory=dict)

    def at(self, cube: Cube, x: Array, losses: Array, doubts: Array) -> list[Array]:
        """The model's, (2 d + 3,) each, by the trials up to the last size at which it is fitted again."""
        n = last_fit(min(len(losses), MOST_POINTS))
        key = x[:n].tobytes() + losses[:n].tobytes() + doubts[:n].tobytes()
        if key not in self._last:
            told = shown(losses[:n])
            self._last = {key: self._fit(cube, x[:n], told.y, doubts[:n] / told.unit)}
        return self._last[key]

    def _fit(self, cube: Cube, x: Array, y: Array, doubt: Array) -> list[Array]:
        draws = next((count for most, count in AVERAGED if len(y) <= most), 0)
        rng = np.random.default_rng([self.seed, len(y), 1])
        if len(y) > MOST_FITTED:
            keep = _most_telling(y, MOST_FITTED)
            x, y, doubt = x[keep], y[keep], doubt[keep]
        mode = fit(x, y, cube.categorical, doubt)
        if not draws:
            return [mode]
        evidence = Evidence(Pairs.of(x, cube.categorical), y, doubt)
        return [mode, *nearby(evidence, mode, rng, draws)]


@dataclass(frozen=True)
class Model:
    """The trials that have ended, as arrays, and how the model takes them.

    Attributes:
        cube: the space.
        known: the modelled trials, in the order of completion.
        x: (n, d) their places.
        losses: (n,) their losses, low is good; NaN where failed.
        doubts: (n,) standard deviations of these; 0 but where a trial was stopped early.
        outputs: what the model is shown.
        thetas: hyperparameters, the likeliest first.
    """

    cube: Cube
    known: list[TrialRecord]
    x: Array
    losses: Array
    doubts: Array
    outputs: Outputs
    thetas: list[Array]

    @classmethod
    def of(
        cls, space: Space, trials: Sequence[TrialRecord], *, mode: Mode, fits: Fits, metric: str | None = None
    ) -> Model:
        """The model of these trials; at least one of them has a value.

        Args:
            space: with at least one searched parameter.
            trials: all of the sweep's.
            mode: which values are better.
            fits: where hyperparameters come from.
            metric: whose reports tell what a trial that was stopped early would have reached.
        """
        cube, known = Cube(space), fits.seen.held(space, modelled(trials))
        losses, doubts = losses_of(known, trials, mode, metric)
        first = fits.seen.places(space, known[:MOST_POINTS])
        thetas = fits.at(cube, first, losses, doubts)
        if len(known) <= MOST_POINTS:
            return cls(cube, known, first, losses, doubts, shown(losses), thetas)
        keep = _most_telling(losses, MOST_POINTS)
        known, losses, doubts = [known[i] for i in keep], losses[keep], doubts[keep]
        return cls(cube, known, fits.seen.places(space, known), losses, doubts, shown(losses), thetas)

    def surrogate(self) -> Surrogate:
        """The fitted model of the trials that have ended."""
        return self.unfitted(Pending.untold(np.empty((0, self.cube.d)))).fit(self.x, -self.outputs.y)

    def unfitted(self, pending: Pending) -> Surrogate:
        """The model, to be fitted to the trials that have ended."""
        return Surrogate(self.cube, self.thetas, pending, self.doubts / self.outputs.unit)

    def pending(self, running: Sequence[TrialRecord], curves: Curves) -> Pending:
        """Running trials, as far as their learning curves tell how they are going to end."""
        places = np.array([self.cube.space.encode(t.params) for t in running]).reshape(-1, self.cube.d)
        ends = [curves.foretold(trial) or (math.nan, math.nan) for trial in running]
        targets = [-self.outputs.shown_as(loss) if math.isfinite(loss) else math.nan for loss, _ in ends]
        return Pending(places, np.array(targets), np.array([sd / self.outputs.unit for _, sd in ends]))


def modelled(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that say something: ended, and not because the user said so."""
    return [trial for trial in by_completion(trials) if trial.status is not Status.CANCELLED]


def losses_of(
    known: Sequence[TrialRecord], trials: Sequence[TrialRecord], mode: Mode, metric: str | None
) -> tuple[Array, Array]:
    """The losses of some trials, low is good, NaN where failed, and the doubt about each: (n,) both."""
    curves = Curves(trials, metric, mode)
    sign = 1.0 if mode == "min" else -1.0

    def told(trial: TrialRecord) -> tuple[float, float]:
        if not trial.counts or trial.value is None:
            return math.nan, 0.0
        end = curves.foretold(trial) if trial.status is Status.STOPPED_EARLY else None
        return end or (sign * trial.value, 0.0)

    losses, doubts = np.array([told(trial) for trial in known], dtype=float).T
    return losses.copy(), doubts.copy()


def _most_telling(losses: Array, count: int) -> NDArray[np.intp]:
    """Of a long history the best third and, evenly spread, others: in order."""
    filled = np.where(np.isfinite(losses), losses, np.inf)
    best = np.argsort(filled, kind="stable")[: count // 3]
    others = np.setdiff1d(np.arange(len(losses)), best)
    spread = others[np.linspace(0, len(others) - 1, count - len(best)).astype(int)]
    return np.sort(np.concatenate([best, spread]))

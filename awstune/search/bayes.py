"""Bayesian optimization, on the bayesian-optimization package.

Its ``BayesianOptimization`` holds the search, its ``TargetSpace`` the trials and its
``AcquisitionFunction`` chooses; in the places that it provides for them stand a Gaussian process and an
acquisition of our own: the package's have no log scale, one lengthscale for all parameters, and search
raw losses (``awstune.search.gp``, ``outputs`` and ``propose`` say what is done instead, and why).
An acquisition function of the package, or of its users, works here as well.
"""

from __future__ import annotations

import copy
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from bayes_opt import BayesianOptimization
from bayes_opt.acquisition import AcquisitionFunction
from bayes_opt.target_space import TargetSpace
from threadpoolctl import ThreadpoolController

from awstune.errors import UsageError
from awstune.search import acquisition, gp, propose
from awstune.search.acquisition import NAMES, log_expected_improvement
from awstune.search.cube import Cube
from awstune.search.curves import Curves
from awstune.search.outputs import Outputs, resolution, shown
from awstune.search.random import fresh
from awstune.search.surrogate import Surrogate
from awstune.search.trials import Status, Suggestion, TrialRecord, by_completion, next_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from awstune.search.acquisition import Score
    from awstune.search.space import Params, Space
    from awstune.search.trials import Mode

    Array = NDArray[np.float64]

MOST_POINTS = 1000
START_MOST = 10
PARZEN_FROM = 10
BEST = "mean"
STEP = 1.0
LEAST_VALUES = 2
DRAWS, MOST_AVERAGED = 3, 300
"""Sets of hyperparameters beside the likeliest; beyond so many points that one stands for all."""


class BayesSearcher:
    """Chooses by a model of the trials so far; the first few are the baseline and Sobol points.

    Args:
        mode: which values are better.
        seed: of the search.
        acquisition: ``ei``, ``ucb`` or ``thompson``; or an acquisition function of bayes_opt.
        metric: whose reports tell what a trial that was stopped early would have reached.

    Raises:
        UsageError: an acquisition that there is not.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        seed: int = 0,
        acquisition: str | AcquisitionFunction = "ei",
        metric: str | None = None,
    ) -> None:
        if isinstance(acquisition, str) and acquisition not in NAMES:
            hint = f"--acquisition is one of {', '.join(NAMES)}"
            raise UsageError(f"there is no acquisition called {acquisition}", hint)
        self.mode = mode
        self.metric = metric
        self.seed = seed
        self.acquisition = acquisition
        self._fits: dict[bytes, list[Array]] = {}

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """``count`` trials, none of them running or, in a discrete space, seen; fewer where none is left."""
        with _blas().limit(limits=1):
            return self._suggest(space, trials, count)

    def _suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        study = Study(self, space, trials)
        suggestions: list[Suggestion] = []
        first = next_number(trials)
        for number in range(first, first + count):
            suggestion = study.suggest(number)
            if suggestion is None:
                break
            suggestions.append(suggestion)
        return suggestions

    def hyperparameters(self, cube: Cube, x: Array, losses: Array) -> list[Array]:
        """The model's, by the trials up to the last size at which it is fitted again."""
        n = last_fit(len(losses))
        key = x[:n].tobytes() + losses[:n].tobytes()
        if key not in self._fits:
            self._fits = {key: self._fit(cube, x[:n], shown(losses[:n]).y)}
        return self._fits[key]

    def _fit(self, cube: Cube, x: Array, y: Array) -> list[Array]:
        mode = gp.fit(x, y, cube.categorical)
        if len(y) > MOST_AVERAGED:
            return [mode]
        rng = np.random.default_rng([self.seed, len(y), 1])
        evidence = gp.Evidence(gp.squared_distances(x, x, cube.categorical), y)
        return [mode, *gp.nearby(evidence, mode, rng, DRAWS)]


@cache
def _blas() -> ThreadpoolController:
    """The linear algebra's threads: more than one changes last digits, and waits for busy cores."""
    return ThreadpoolController()


def last_fit(n: int) -> int:
    """The last size of the history, up to n, at which hyperparameters are fitted: steps of a tenth."""
    size = LEAST_VALUES
    while (larger := max(size + 1, math.ceil(1.1 * size))) <= n:
        size = larger
    return size


class Study:
    """One call of ``suggest``: the history as arrays, and what has been suggested meanwhile."""

    def __init__(self, searcher: BayesSearcher, space: Space, trials: Sequence[TrialRecord]) -> None:
        self.searcher, self.space = searcher, space
        self.taken = {space.key(trial.params) for trial in trials}
        self.known = [t for t in by_completion(trials) if t.status != "cancelled"][-MOST_POINTS:]
        self.curves = Curves(trials, searcher.metric, searcher.mode)
        self.losses = np.array([self._loss(t) for t in self.known], dtype=float)
        self.pending = [trial.params for trial in trials if trial.running]
        self._optimizer: BayesianOptimization | None = None

    def _loss(self, trial: TrialRecord) -> float:
        if not trial.counts or trial.value is None:
            return math.nan
        if trial.status is Status.STOPPED_EARLY and (end := self.curves.expected_end(trial)) is not None:
            return end
        return trial.value if self.searcher.mode == "min" else -trial.value

    def suggest(self, number: int) -> Suggestion | None:
        """The trial of that number; None where the space is used up."""
        if self.space.size is not None and len(self.taken) >= self.space.size:
            return None
        suggestion = self._suggestion(number)
        if suggestion is not None:
            self.taken.add(self.space.key(suggestion.params))
            self.pending.append(dict(suggestion.params))
        return suggestion

    def _suggestion(self, number: int) -> Suggestion | None:
        if number == 0:
            return Suggestion(self.space.defaults(), "baseline")
        seed = [self.searcher.seed, number]
        if number < start_size(self.space) or np.isfinite(self.losses).sum() < LEAST_VALUES:
            params = self._sobol(number)
            if params is None or not self._new(params):
                params = fresh(self.space, seed, self.taken)
            return None if params is None else Suggestion(params, "start: spread over the space (Sobol)")
        return self._by_model(seed)

    def _new(self, params: Params) -> bool:
        return self.space.allows(params) and self.space.key(params) not in self.taken

    def _sobol(self, number: int) -> Params | None:
        from scipy.stats import qmc

        if not self.space.dimensions:
            return None
        rng = np.random.default_rng([self.searcher.seed, 0])
        points = qmc.Sobol(self.space.dimensions, scramble=True, rng=rng)
        if number > 1:
            points.fast_forward(number - 1)
        return self.space.draw(points.random(1)[0])

    def _by_model(self, seed: list[int]) -> Suggestion | None:
        cube = Cube(self.space)
        x = np.array([self.space.encode(trial.params) for trial in self.known])
        outputs = shown(self.losses)
        pending = np.array([self.space.encode(params) for params in self.pending]).reshape(-1, cube.d)
        surrogate = Surrogate(cube, self.searcher.hyperparameters(cube, x, self.losses), pending)
        place = self._ask(cube, surrogate, x, outputs, np.random.default_rng(seed))
        params = self.space.decode(place)
        if not self._new(params):
            again = fresh(self.space, seed, self.taken)
            return None if again is None else Suggestion(again, "random draw: the model's choice was taken")
        return Suggestion(params, self._why(surrogate, place, outputs))

    def _ask(
        self, cube: Cube, surrogate: Surrogate, x: Array, outputs: Outputs, rng: np.random.Generator
    ) -> Array:
        choose = self.searcher.acquisition
        if isinstance(choose, str):
            choose = Chooser(choose, cube, rng, self.taken, start_size(self.space))
        else:
            choose = copy.deepcopy(choose)  # its counters would make a warm searcher differ from a cold one
        bounds = dict.fromkeys(cube.names, (0.0, 1.0))
        state = np.random.RandomState(int(rng.integers(2**31)))
        optimizer = BayesianOptimization(None, bounds, choose, random_state=state, verbose=0)
        optimizer._space = Record(bounds, x, -outputs.y)  # noqa: SLF001  the place for a target space
        optimizer._gp = surrogate  # noqa: SLF001  the place for a Gaussian process
        suggested = optimizer.suggest()
        place: Array = cube.snap(np.array([[suggested[name] for name in cube.names]]))[0]
        return place

    def _why(self, surrogate: Surrogate, place: Array, outputs: Outputs) -> str:
        mean, sd = (float(v[0]) for v in surrogate.predict(place[None], return_std=True))
        sign = 1.0 if self.searcher.mode == "min" else -1.0
        middle = outputs.loss(-mean)
        around = abs(outputs.loss(-mean + sd) - outputs.loss(-mean - sd)) / 2
        best = sign * float(np.nanmin(self.losses))
        return f"model: predicts {sign * middle:.4g} ± {around:.2g}, best so far {best:.4g}"


def start_size(space: Space) -> int:
    """How many trials there are before the model chooses."""
    return min(max(2 * space.dimensions, 3), START_MOST)


class Record(TargetSpace):
    """The trials as bayes_opt's target space, filled at once and with repeats allowed.

    Args:
        bounds: name to (0, 1), a column each.
        x: (n, d) places in the unit cube.
        targets: (n,), high is good.
    """

    def __init__(self, bounds: dict[str, tuple[float, float]], x: Array, targets: Array) -> None:
        super().__init__(None, bounds, allow_duplicate_points=True)
        self._params = x
        self._target = targets
        self._cache = {tuple(place): target for place, target in zip(x, targets, strict=True)}


class Chooser(AcquisitionFunction):
    """Our candidates and scores in the place of bayes_opt's acquisition functions.

    Args:
        kind: ``ei``, ``ucb`` or ``thompson``.
        cube: the space.
        rng: for candidates.
        taken: keys of trials not to repeat.
        skip: how many trials the model had no part in.
    """

    def __init__(self, kind: str, cube: Cube, rng: np.random.Generator, taken: set[str], skip: int) -> None:
        super().__init__()
        self.kind, self.cube, self.rng, self.taken, self.skip = kind, cube, rng, taken, skip

    def base_acq(self, mean: Array, std: Array) -> Array:
        """Log expected improvement, given means and standard deviations over the best, any shape."""
        return log_expected_improvement(mean, std)

    def suggest(
        self, gp: Surrogate, target_space: TargetSpace, *_: Any, fit_gp: bool = True, **__: Any
    ) -> Array:
        """The place, (d,), that scores highest among the candidates, refined."""
        x, targets = np.asarray(target_space.params, float), np.asarray(target_space.target, float)
        if fit_gp:
            self._fit_gp(gp, target_space)
        order = np.argsort(-targets, kind="stable")
        parzen = propose.Parzen.split(self.cube, x, targets) if len(x) >= PARZEN_FROM else None
        score = self._allowed(self._with_prior(self._score(gp, x, targets, parzen), len(x)))
        box = self._box(gp, x[order[0]], targets)
        places = propose.candidates(self.cube, self.rng, x[order[: propose.ELITE]], parzen, box)
        return self._best_new(places, score, box)

    def _score(self, gp: Surrogate, x: Array, targets: Array, parzen: propose.Parzen | None) -> Score:
        if self.kind == "ucb":
            return acquisition.Bound(gp)
        if self.kind == "thompson":
            return acquisition.thompson(gp, self.rng)
        best = gp.mixture(x)[0].max(1, keepdims=True) if BEST == "mean" else np.full((1, 1), targets.max())
        return acquisition.Improvement(gp, best + STEP * resolution(targets), parzen)

    def _with_prior(self, score: Score, n: int) -> Score:
        if not self.cube.informed:
            return score
        weight = acquisition.PRIOR_STRENGTH / n
        return lambda places: score(places) + weight * self.cube.prior(places)

    def _allowed(self, score: Score) -> Score:
        if not self.cube.space.constraints:
            return score
        return lambda places: np.where(self.cube.allowed(places), score(places), -np.inf)

    def _box(self, gp: Surrogate, best: Array, targets: Array) -> propose.Box:
        if self.cube.d < propose.BOX_FROM:
            return propose.whole(self.cube.d)
        length = propose.box_length(targets, self.cube.d, self.skip)
        return propose.box_around(best, gp.lengths, length)

    def _best_new(self, places: Array, score: Score, box: propose.Box) -> Array:
        places = places[np.argsort(-score(places), kind="stable")]
        refined = propose.refine(self.cube, self.rng, places[:3], score, box)
        ranked = np.vstack([refined[np.argsort(-score(refined), kind="stable")], places])
        new = (place for place in ranked if self.cube.key(place) not in self.taken)
        found: Array = next(new, ranked[0])
        return found

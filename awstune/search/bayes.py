"""Bayesian optimization, on the bayesian-optimization package.

Its ``BayesianOptimization`` holds the search, its ``TargetSpace`` the trials and its
``AcquisitionFunction`` chooses; in the places that it provides for them stand a Gaussian process and an
acquisition of our own: the package's have no log scale, one lengthscale for all parameters, and search
raw losses (``awstune.search.gp``, ``outputs`` and ``propose`` say what is done instead, and why).
An acquisition function of the package, or of its users, works here as well.

What was tried, 2026-11 (geometric mean over problems of regret after 50 trials beside random search's; 5 to
10 seeds; differences under a tenth of a figure are noise). As it stands, ten seeds in `scripts/bench search`
give .044 on the 13 problems to develop on (90 %: .039 to .049; ten runs of the same but for rounding gave
.040) and a mean rank of 1.15 of nine; beside it Optuna's GP has .123, Syne Tune's BoTorch .193, SMAC .206,
Optuna's TPE .307, CMA-ES .641, Hyperopt .721. With eight trials at a time it has .077. On six synthetic
problems, one seed, Ax has .031 where it has .034; HEBO, on four of them, .049 where it has .045.

What it falls short of: on twelve problems that nothing was chosen by it has .37 and Optuna's GP .35 (one or
two seeds), TPE .55, CMA-ES .66: level, where seven tenths of the best peer's was aimed at, and behind in mean
rank (2.67, GP 2.29). On two of the twelve its mean is worse than random search's (a table of car ratings,
extra trees on 569 tumours; five seeds, p = .13 and .29). In 11 of 30 runs on Hartmann's function of six
parameters it ends in the second best optimum, .12 above the best.

- A kernel in which all parameters act together: .063 on the 13 problems to develop on. With a sum of
  kernels of one parameter each beside it, as here: .047. This helped more than anything else.
- The likeliest hyperparameters alone .052. Draws from the normal approximation walked off a cliff where a
  length may as well be longer (``evidence.nearby`` shortens such steps): .048 before, .046 after.
- Plateaus (trees and support vector machines on small data): .39; asking for a gain of one step of the
  metric where several trials share the best (``outputs.resolution``): .13 to .15. Counting each value once
  where the worse half is laid out (``outputs.shown``; before, a plateau was all of the good half, and
  whatever was worse lay next to it): .44 before and .34 after on the three hardest, and .082 instead of .092
  on tables. Five plateaus now have .085, Optuna's GP and TPE .113 each. On one of them, a tree on 178
  wines, it is no better than random search, and Optuna's GP has half of that regret.
- There, a smooth function and much noise explain the trials as well as a rugged one and none: the
  hyperparameters' density has two modes. Both in the average, weighed by height: no better (.49 for .49), by
  Laplace's approximation .61. No output transform .56, a softer one (a log that starts four times later) .62.
- Trials that were stopped early, taken for their last value and what whole ones gained after it, for sure:
  the search learns to avoid slow starters, which are stopped first (.748 accuracy on a run). A line through
  whole trials' values at that step and at the end (.740, .749 and .964 on three runs) is no better than the
  share of the gap that they closed, with its spread as doubt (.749, .770, .971); with every third trial
  judged later, .771, .754, .972. Whole trials have .778, .761, .978: what is left of it is not solved.
- One process over places and the log of the step, told of trials at steps 1, 4, 16 … and asked about the last
  (as in Kandasamy et al., "Multi-fidelity Bayesian Optimisation with Continuous Approximations", 2017): .007
  of accuracy above what is done here on 14 runs, .002 below on 13 others (95 %: -.008 to .004). The end of a
  trial that was stopped after a step stays in doubt, so that the search asks for its like again and again.
  With these ends believed as the process expects them, and all trials judged at 2 and 8 steps: .0027 above on
  40 pairs of runs (.0001 to .0055), but .0017 (-.0011 to .0044) on the 32 that it was not chosen by, in .34
  of the epochs instead of .26 and for up to 1.8 times the cost of a suggestion: left out. Those rungs with
  the model as it is here: .0009 (-.0036 to .0054; 34 pairs, .27 of the epochs); more epochs alone (2 and 8
  steps, every third trial only 8): -.0010 (-.0068 to .0033; 8 pairs, .38).
- Candidates in a box round the best trial from five parameters on: .146 on seven hard problems; a third of
  them from beyond it .130, no box .123. The box that helps a joint kernel does not help this one.
- A fifth of the log ratio of good to bad trials' densities added to the acquisition: no gain (.047, without
  .045). Candidates drawn from the good ones' density: none either (.123, without .145, seven problems).
- Improvement on what the model expects of the best trial, rather than on the best seen: .70 instead of .60
  on noisy problems. A higher prior mean of the noise: .80 instead of .66.
- A log instead of ranks for the worse half of the values: .137 instead of .145, on plateaus .160.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from bayes_opt import BayesianOptimization
from bayes_opt.acquisition import AcquisitionFunction
from bayes_opt.target_space import TargetSpace

from awstune.search import acquisition, propose
from awstune.search.acquisition import log_expected_improvement
from awstune.search.curves import Curves
from awstune.search.modelling import LEAST_VALUES, Fits, Model, one_thread
from awstune.search.outputs import resolution
from awstune.search.random import fresh, quasi_random
from awstune.search.surrogate import Surrogate
from awstune.search.trials import Suggestion, TrialRecord, next_number
from awstune.search.words import why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from awstune.search.acquisition import Score
    from awstune.search.cube import Cube
    from awstune.search.space import Params, Space
    from awstune.search.trials import Mode

    Array = NDArray[np.float64]

START_MOST = 10


class BayesSearcher:
    """Chooses by a model of the trials so far; the first few are the baseline and Sobol points.

    Args:
        mode: which values are better.
        seed: of the search.
        acquisition: ``ei``, ``ucb`` or ``thompson``; or an acquisition function of bayes_opt.
        metric: whose reports tell what a trial that was stopped early would have reached.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        seed: int = 0,
        acquisition: str | AcquisitionFunction = "ei",
        metric: str | None = None,
    ) -> None:
        self.mode = mode
        self.metric = metric
        self.seed = seed
        self.acquisition = acquisition
        self.fits = Fits(seed)

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """``count`` trials, none of them running or, in a discrete space, seen; fewer where none is left."""
        with one_thread().limit(limits=1):
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


class Study:
    """One call of ``suggest``: the history, and what has been suggested meanwhile."""

    def __init__(self, searcher: BayesSearcher, space: Space, trials: Sequence[TrialRecord]) -> None:
        self.searcher, self.space, self.trials = searcher, space, trials
        self.taken = searcher.fits.seen.keys(space, trials)
        held = searcher.fits.seen.held(space, trials)
        self.pending = [trial for trial in held if trial.running]
        self.values = sum(trial.counts for trial in held)

    @cached_property
    def model(self) -> Model:
        """Of the trials that have ended; all free slots share it."""
        told = self.searcher
        return Model.of(self.space, self.trials, mode=told.mode, fits=told.fits, metric=told.metric)

    @cached_property
    def curves(self) -> Curves:
        """The learning curves, which tell how running trials are going to end."""
        return Curves(self.trials, self.searcher.metric, self.searcher.mode)

    def suggest(self, number: int) -> Suggestion | None:
        """The trial of that number; None where the space is used up."""
        if self.space.size is not None and len(self.taken) >= self.space.size:
            return None
        suggestion = self._suggestion(number)
        if suggestion is not None:  # pragma: no branch  a space too large to count can still be used up
            self.taken.add(self.space.key(suggestion.params))
            self.pending.append(TrialRecord(number, dict(suggestion.params)))
        return suggestion

    def _suggestion(self, number: int) -> Suggestion | None:
        if number == 0:
            return Suggestion.baseline(self.space)
        seed = [self.searcher.seed, number]
        if number < start_size(self.space) or self.values < LEAST_VALUES:
            return self._start(number, seed)
        return self._by_model(seed)

    def _start(self, number: int, seed: list[int]) -> Suggestion | None:
        # Every third start point doubts the prior.
        believing = self.space.informed and number % 3 != 2  # noqa: PLR2004  numbers 2, 5, 8 …
        u = quasi_random(self.space, self.searcher.seed, number)
        params = self.space.draw(u) if believing or not self.space.informed else self.space.decode(u)
        if not self._new(params):
            return self._fresh(seed, "start: random draw")
        words = "drawn from the prior" if believing else "spread over the space"
        return Suggestion(params, f"start: {words} (Sobol)")

    def _fresh(self, seed: list[int], words: str) -> Suggestion | None:
        params = fresh(self.space, seed, self.taken)
        return None if params is None else Suggestion(params, words)

    def _new(self, params: Params) -> bool:
        return self.space.allows(params) and self.space.key(params) not in self.taken

    def _by_model(self, seed: list[int]) -> Suggestion | None:
        model = self.model
        surrogate = model.unfitted(model.pending(self.pending, self.curves))
        place = self._ask(surrogate, np.random.default_rng(seed))
        params = self.space.decode(place)
        if not self._new(params):
            return self._fresh(seed, "random draw: the model's choice was taken")
        return Suggestion(params, why(model, surrogate, place, self.searcher.mode))

    def _acquisition(self, rng: np.random.Generator) -> AcquisitionFunction:
        given = self.searcher.acquisition
        if isinstance(given, str):
            return Chooser(given, self.model.cube, rng, self.taken)
        return copy.deepcopy(given)  # its counters would make a warm searcher differ from a cold one

    def _ask(self, surrogate: Surrogate, rng: np.random.Generator) -> Array:
        cube, bounds = self.model.cube, dict.fromkeys(self.model.cube.names, (0.0, 1.0))
        choose = self._acquisition(rng)
        state = np.random.RandomState(int(rng.integers(2**31)))
        optimizer = BayesianOptimization(None, bounds, choose, random_state=state, verbose=0)
        optimizer._space = Record(bounds, self.model.x, -self.model.outputs.y)  # noqa: SLF001  its place for one
        optimizer._gp = surrogate  # noqa: SLF001  the place for a Gaussian process
        suggested = optimizer.suggest()
        place: Array = cube.snap(np.array([[suggested[name] for name in cube.names]]))[0]
        return place


def start_size(space: Space) -> int:
    """How many trials there are before the model chooses."""
    # A prior says where to look: half as many points do.
    return min(max((1 if space.informed else 2) * space.dimensions, 3), START_MOST)


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
    """

    def __init__(self, kind: str, cube: Cube, rng: np.random.Generator, taken: set[str]) -> None:
        super().__init__()
        self.kind, self.cube, self.rng, self.taken = kind, cube, rng, taken

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
        score = self._allowed(self._with_prior(self._score(gp, targets), x, targets))
        elite = x[np.argsort(-targets, kind="stable")[: propose.ELITE]]
        places = propose.ranked(self.cube, self.rng, elite, score)
        new = (place for place in places if self.cube.key(place) not in self.taken)
        found: Array = next(new, places[0])
        return found

    def _score(self, gp: Surrogate, targets: Array) -> Score:
        if self.kind == "ucb":
            return acquisition.Bound(gp)
        if self.kind == "thompson":
            return acquisition.thompson(gp, self.rng)
        return acquisition.Improvement(gp, float(targets.max()) + resolution(targets))

    def _with_prior(self, score: Score, x: Array, targets: Array) -> Score:
        if not self.cube.informed:
            return score
        weight = acquisition.prior_weight(self.cube.prior(x), targets)
        return lambda places: score(places) + weight * self.cube.prior(places)

    def _allowed(self, score: Score) -> Score:
        if not self.cube.space.constraints:
            return score
        return lambda places: np.where(self.cube.allowed(places), score(places), -np.inf)

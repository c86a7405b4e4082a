"""The gain that the model expects of the best trial it could run next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from awstune.search import propose
from awstune.search.acquisition import Improvement
from awstune.search.modelling import Fits, Model, one_thread
from awstune.search.trials import next_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.space import Space
    from awstune.search.trials import Mode, TrialRecord


def expected_gain(
    space: Space, trials: Sequence[TrialRecord], *, mode: Mode, seed: int = 0, metric: str | None = None
) -> float:
    """The largest expected improvement over the space, in units of the metric.

    Args:
        space: with at least one searched parameter.
        trials: at least two with a value.
        mode: which values are better.
        seed: of the candidates.
        metric: whose reports tell what a trial that was stopped early would have reached.
    """
    with one_thread().limit(limits=1):
        model = Model.of(space, trials, mode=mode, fits=Fits(seed), metric=metric)
        surrogate, cube = model.surrogate(), model.cube
        rng = np.random.default_rng([seed, next_number(trials), 2])
        best = surrogate.mixture(model.x)[0].max(1, keepdims=True)
        score = Improvement(surrogate, best)
        elite = model.x[np.argsort(model.outputs.y, kind="stable")[: propose.ELITE]]
        best_place = propose.ranked(cube, rng, elite, score)[:1]
        return float(np.exp(score(best_place)[0]) * model.outputs.unit)

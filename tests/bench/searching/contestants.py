"""The searchers that are compared, each behind ask and tell. One more is ten lines in `peers` and one here.

An adapter is built with a space and a seed; ``ask()`` gives (token, params), ``tell(token, loss)`` takes a
loss to minimise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from awstune.search.space import Space
from searching import peers

Params = dict[str, Any]


class Own:
    """awstune: any searcher and its options."""

    def __init__(self, space: Space, seed: int, name: str = "bayes", **options: Any) -> None:
        from awstune.search.searchers import make

        self.space, self.searcher, self.trials = space, make(name, mode="min", seed=seed, **options), []

    def ask(self) -> tuple[int, Params]:
        from awstune.search.trials import TrialRecord

        found = self.searcher.suggest(self.space, self.trials, 1)
        params = (
            dict(found[0].params) if found else self.space.sample(np.random.default_rng(len(self.trials)))
        )
        self.trials.append(TrialRecord(len(self.trials), params))
        return len(self.trials) - 1, params

    def tell(self, token: int, loss: float) -> None:
        from dataclasses import replace

        from awstune.search.trials import Status

        rank = sum(not trial.running for trial in self.trials)
        told = replace(self.trials[token], status=Status.SUCCEEDED, value=loss, completed=rank)
        self.trials[token] = told


class Random(Own):
    """Uniform draws; no baseline, as with the peers."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.rng = space, np.random.default_rng([seed, 77])

    def ask(self) -> tuple[int, Params]:
        return 0, self.space.sample(self.rng)

    def tell(self, token: int, loss: float) -> None:
        pass


class Sobol(Random):
    """Scrambled Sobol points."""

    def __init__(self, space: Space, seed: int) -> None:
        from scipy.stats import qmc

        self.space, self.points = space, qmc.Sobol(space.dimensions, rng=np.random.default_rng(seed))

    def ask(self) -> tuple[int, Params]:
        return 0, self.space.draw(self.points.random(1)[0])


@dataclass(frozen=True)
class Contestant:
    """A searcher in the table.

    Attributes:
        make: builds it from a space, a seed and the options.
        options: the rest of what it is built with.
        environment: where it is installed; None for the project's own.
        seeds: at most so many runs a problem: fewer for the slow ones.
        problems: only these; all where None.
    """

    make: type
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None
    seeds: int = 10
    problems: tuple[str, ...] | None = None


SYNTHETIC = (
    "branin",
    "hartmann-6",
    "ackley-5",
    "rosenbrock-4",
    "levy-6",
    "styblinski-5",
    "additive-2",
    "effective-10",
)
"""What those are given that take half a minute a run, and more where parameters are discrete."""
FEW = ("branin", "hartmann-6", "rosenbrock-4", "styblinski-5")
"""What HEBO is given: it takes minutes a run."""
CONTESTANTS: Mapping[str, Contestant] = {
    "awstune-bayes": Contestant(Own),
    "random": Contestant(Random, seeds=30),
    "sobol": Contestant(Sobol, seeds=30),
    "optuna-tpe": Contestant(peers.Optuna, environment="optuna"),
    "optuna-cmaes": Contestant(peers.Optuna, {"sampler": "CmaEsSampler"}, "optuna"),
    "optuna-gp": Contestant(peers.Optuna, {"sampler": "GPSampler"}, "optuna"),
    "hyperopt": Contestant(peers.Hyperopt, environment="hyperopt"),
    "smac": Contestant(peers.Smac, environment="smac", seeds=3),
    "syne-tune": Contestant(peers.SyneTune, environment="syne-tune", seeds=2),
    "ax": Contestant(peers.Ax, environment="ax", seeds=1, problems=SYNTHETIC),
    "bayes-opt": Contestant(peers.BayesOpt, seeds=1, problems=SYNTHETIC),
    "bayes-opt-ard": Contestant(peers.BayesOpt, {"ard": True}, seeds=1, problems=SYNTHETIC),
    "hebo": Contestant(peers.Hebo, environment="hebo", seeds=1, problems=FEW),
}

"""What a prior saves where it is right, and costs where it is wrong: trials to the same regret, as ratios.

    scripts/bench priors [--seeds 5]

A good prior is centred a little beside the optimum, a wrong one on the far side of the range. The goal is the
median regret that the search without a prior has after 30 trials; what does not get there in 60 counts as 60.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["OMP_NUM_THREADS"] = "1"
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import numpy as np  # noqa: E402  after the path
from searching.contestants import Own  # noqa: E402  after the path
from searching.problems import Problem, synthetic  # noqa: E402  after the path

from awstune.search.space import Space  # noqa: E402  after the path

OPTIMA = {
    "branin": [np.pi, 2.275],
    "hartmann-6": [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573],
    "rosenbrock-4": [1.0] * 4,
    "styblinski-5": [-2.903534] * 5,
    "additive-2": [0.73, 0.21],
}
BESIDE, GOAL_AT, MOST = 0.1, 30, 60


def believing(problem: Problem, seed: int, kind: str) -> Space:
    """The problem's space with a prior at each parameter, and the baseline as it is without."""
    rng = np.random.default_rng([seed, 9])
    changed = {}
    for (name, p), best in zip(problem.space.searched.items(), OPTIMA[problem.name], strict=True):
        place = p.encode(best)
        if kind == "good":
            place = float(np.clip(place + BESIDE * rng.standard_normal(), 0, 1))
        else:
            place = 0.95 if place < 0.5 else 0.05
        changed[name] = p.same(prior=p.decode(place), default=p.baseline)
    return Space(changed)


def curve(problem: Problem, space: Space, seed: int) -> np.ndarray:
    """Regret after each of 60 trials."""
    searcher, best, found = Own(space, seed), np.inf, []
    for _ in range(MOST):
        token, params = searcher.ask()
        loss = problem.loss(params)
        searcher.tell(token, loss)
        best = min(best, loss)
        found.append(best)
    return np.array(found)


def needed(curves: list[np.ndarray], goal: float) -> np.ndarray:
    """Trials to the goal, run by run."""
    return np.array([next((i + 1 for i, v in enumerate(c) if v <= goal), MOST) for c in curves])


def main() -> None:
    """Print for each problem, and over all, trials with a prior over trials without."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    ratios: dict[str, list[float]] = {"good": [], "wrong": []}
    for problem in (p for p in synthetic() if p.name in OPTIMA):
        plain = [curve(problem, problem.space, seed) for seed in range(options.seeds)]
        goal = float(np.median([c[GOAL_AT - 1] for c in plain]))
        base = needed(plain, goal).mean()
        for kind, found in ratios.items():
            runs = [curve(problem, believing(problem, s, kind), s) for s in range(options.seeds)]
            found.append(float(needed(runs, goal).mean() / base))
        print(
            f"{problem.name:16} good {ratios['good'][-1]:.2f}   wrong {ratios['wrong'][-1]:.2f}", flush=True
        )
    for kind, found in ratios.items():
        print(f"{kind:6} prior: {np.exp(np.log(found).mean()):.2f} x the trials of none")


if __name__ == "__main__":
    main()

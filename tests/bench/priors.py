"""What a prior saves where it is right, and costs where it is wrong: trials to the same regret, as ratios.

    scripts/bench priors [--seeds 5] [--torch] [--table]

A good prior is centred a little beside the optimum, a wrong one on the far side of the range. The goal is the
median regret that the search without a prior has after half of its trials; what does not get there counts as
all of them. With --torch on small networks' training (the tasks of `early-stopping`, 6 epochs a trial), where
the optimum is the best that any search without a prior found. Each run is a line of results/priors.csv, and
is run once.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import itertools
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
os.environ["OMP_NUM_THREADS"] = "1"
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import early_stopping  # noqa: E402  after the path
import numpy as np  # noqa: E402  after the path
from searching.contestants import Own  # noqa: E402  after the path
from searching.one_run import versions  # noqa: E402  after the path
from searching.problems import Problem, synthetic  # noqa: E402  after the path

from awstune.search.space import Choice, Space  # noqa: E402  after the path

RESULTS = HERE / "results" / "priors.csv"
FIELDS = ("problem", "kind", "seed", "trials", "date", "versions", "best", "curve")
OPTIMA = {
    "branin": [np.pi, 2.275],
    "hartmann-6": [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573],
    "rosenbrock-4": [1.0] * 4,
    "styblinski-5": [-2.903534] * 5,
    "additive-2": [0.73, 0.21],
}
KINDS = ("none", "good", "wrong")
BESIDE, SURE, EPOCHS = 0.1, 0.8, 6
MOST = {"synthetic": 60, "torch": 30}
Params = Mapping[str, Any]


def networks() -> list[Problem]:
    """Training small networks: the validation error after the last epoch."""
    import torch

    torch.set_num_threads(1)
    given = {task: early_stopping.data(task) for task in early_stopping.TASKS}
    space = early_stopping.space()
    return [Problem(task, "torch", space, partial(_error, task, data)) for task, data in given.items()]


def _error(task: str, given: tuple[Any, ...], params: Params) -> float:
    run = early_stopping.epochs(task, dict(params), 0, given)
    return 1 - list(itertools.islice(run, EPOCHS))[-1]


def believing(problem: Problem, best: Params, seed: int, kind: str) -> Space:
    """The problem's space with a prior at each parameter, and the baseline as it is without."""
    if kind == "none":
        return problem.space
    rng = np.random.default_rng([seed, 9])
    changed = {}
    for name, p in problem.space.searched.items():
        place = p.encode(best[name])
        far = 0.95 if place < 0.5 else 0.05
        near = float(np.clip(place + BESIDE * rng.standard_normal(), 0, 1))
        at = near if kind == "good" else far
        if isinstance(p, Choice):
            believed = p.decode(place if kind == "good" else 1 - round(place))
            weights = [SURE if option == believed else (1 - SURE) / (p.count - 1) for option in p.options]
            changed[name] = p.same(weights=tuple(weights), default=p.baseline)
        else:
            changed[name] = p.same(prior=p.decode(at), default=p.baseline)
    return Space(changed)


def rows() -> list[dict[str, str]]:
    """The runs that there are."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="") as file:
        return list(csv.DictReader(file))


def run(problem: Problem, kind: str, seed: int, best: Params) -> None:
    """One search: the least loss so far after each trial, and where it was, as a line of the file."""
    searcher, least, at, curve = Own(believing(problem, best, seed, kind), seed), np.inf, 0.0, []
    for _ in range(MOST[problem.family]):
        token, params = searcher.ask()
        loss = problem.loss(params)
        searcher.tell(token, loss)
        if loss < least:
            least, at = loss, params
        curve.append(f"{least:.6g}")
    today, new = dt.datetime.now(dt.UTC).date().isoformat(), not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(FIELDS)
        line = (problem.name, kind, seed, len(curve), today, versions(), repr(at), ";".join(curve))
        writer.writerow(line)


def best_of(problem: Problem) -> Params:
    """Where the optimum is, or the best that a search without a prior has found."""
    import ast

    if problem.name in OPTIMA:
        return dict(zip(problem.space.searched, OPTIMA[problem.name], strict=True))
    found = [r for r in rows() if r["problem"] == problem.name and r["kind"] == "none"]
    return ast.literal_eval(min(found, key=lambda r: float(r["curve"].split(";")[-1]))["best"])


def needed(problem: Problem, kind: str, goal: float) -> np.ndarray:
    """Trials to the goal, run by run."""
    most = MOST[problem.family]
    return np.array(
        [next((i + 1 for i, v in enumerate(c) if v <= goal), most) for c in curves(problem, kind)]
    )


def curves(problem: Problem, kind: str) -> np.ndarray:
    """The least loss so far, (seeds, trials)."""
    found = [r for r in rows() if (r["problem"], r["kind"]) == (problem.name, kind)]
    return np.array([[float(v) for v in r["curve"].split(";")] for r in found])


def table(problems: list[Problem]) -> None:
    """For each problem, and over all, trials with a prior over trials without."""
    ratios: dict[str, list[float]] = {kind: [] for kind in KINDS[1:]}
    for problem in (p for p in problems if len(curves(p, KINDS[-1]))):
        goal = float(np.median(curves(problem, "none")[:, MOST[problem.family] // 2 - 1]))
        base = needed(problem, "none", goal).mean()
        for kind, found in ratios.items():
            found.append(float(needed(problem, kind, goal).mean() / base))
        words = "   ".join(f"{kind} {found[-1]:.2f}" for kind, found in ratios.items())
        print(f"{problem.name:16} {words}   {len(curves(problem, 'none'))} seeds")
    for kind, found in ratios.items():
        print(f"{kind:6} prior: {np.exp(np.log(found).mean()):.2f} x the trials of none")


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--torch", action="store_true", help="on networks' training")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    problems = networks() if options.torch else [p for p in synthetic() if p.name in OPTIMA]
    for problem, kind in [] if options.table else itertools.product(problems, KINDS):
        there = {int(r["seed"]) for r in rows() if (r["problem"], r["kind"]) == (problem.name, kind)}
        best = best_of(problem) if kind != "none" else {}
        for seed in sorted(set(range(options.seeds)) - there):
            run(problem, kind, seed, best)
    table(problems)


if __name__ == "__main__":
    main()

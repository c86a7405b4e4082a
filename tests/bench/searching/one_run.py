"""One searcher on one problem with one seed, and the file that remembers it."""

from __future__ import annotations

import csv
import datetime as dt
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from searching.contestants import CONTESTANTS
from searching.problems import Problem

FIELDS = ("problem", "searcher", "seed", "slots", "trials", "cpu_s", "date", "versions", "curve")
PACKAGES = (
    "numpy",
    "scipy",
    "optuna",
    "torch",
    "smac",
    "syne-tune",
    "ax-platform",
    "botorch",
    "HEBO",
    "scikit-learn",
    "hyperopt",
    "bayesian-optimization",
)


@dataclass(frozen=True)
class Run:
    """What one run gave.

    Attributes:
        curve: after each trial, the true loss of the trial that looked best so far.
        cpu_s: seconds of CPU that asking and telling took.
    """

    curve: list[float]
    cpu_s: float


def run(
    problem: Problem, searcher: str, seed: int, *, trials: int = 50, slots: int = 1, **options: Any
) -> Run:
    """Run it: always ``slots`` trials out, the oldest told first."""
    chosen = CONTESTANTS[searcher]
    rng = np.random.default_rng([seed, 12345])
    began = time.process_time()
    contestant = chosen.make(problem.space, seed, **{**chosen.options, **options})
    cpu = time.process_time() - began
    out: list[tuple[Any, dict[str, Any]]] = []
    seen, curve, asked, best = np.inf, [], 0, np.inf
    while len(curve) < trials:
        began = time.process_time()
        while len(out) < slots and asked < trials:
            out.append(contestant.ask())
            asked += 1
        cpu += time.process_time() - began
        token, params = out.pop(0)
        true = problem.loss(params)
        shown = true + (problem.noise(params, rng) if problem.noise else 0.0)
        if shown < seen:
            seen, best = shown, true
        curve.append(best)
        began = time.process_time()
        contestant.tell(token, shown)
        cpu += time.process_time() - began
    return Run(curve, cpu)


def versions() -> str:
    """The versions of what was measured, as far as this environment has it."""
    found = [f"python={platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package}={version(package)}")
        except PackageNotFoundError:
            continue
    return " ".join(found)


def done(path: Path) -> set[tuple[str, int, int, int]]:
    """(problem, seed, slots, trials) of the runs that a results file has."""
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(r["problem"], int(r["seed"]), int(r["slots"]), int(r["trials"])) for r in rows}


def append(path: Path, problem: str, searcher: str, seed: int, slots: int, result: Run) -> None:
    """Add a run to its results file."""
    new = not path.exists()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    curve = ";".join(f"{value:.6g}" for value in result.curve)
    row = (problem, searcher, seed, slots, len(result.curve), f"{result.cpu_s:.3f}", today, versions(), curve)
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(FIELDS)
        writer.writerow(row)

"""The table of the targets: regret beside random search's, ranks with confidence intervals."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from searching.problems import Problem

LOW, HIGH = 0.01, 10.0
RESAMPLES = 500
OURS = "awstune-bayes"
Regrets = dict[str, dict[str, np.ndarray]]
"""searcher -> problem -> regret after the last trial, (seeds,)"""


def read(
    folder: Path, slots: int = 1
) -> tuple[dict[str, dict[str, dict[int, list[float]]]], dict[str, float]]:
    """Searcher -> problem -> seed -> curve of true losses; and searcher -> mean CPU seconds a run."""
    curves: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    cpu: dict[str, list[float]] = defaultdict(list)
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if int(row["slots"]) == slots:
                    curve = [float(value) for value in row["curve"].split(";")]
                    curves[row["searcher"]][row["problem"]][int(row["seed"])] = curve
                    cpu[row["searcher"]].append(float(row["cpu_s"]))
    return curves, {name: float(np.mean(values)) for name, values in cpu.items()}


def regrets(curves: dict, problems: dict[str, Problem], after: int = 50) -> Regrets:
    """Regret after that many trials; where the best is not known it is the best that any run found."""
    result: Regrets = defaultdict(dict)
    for name, problem in problems.items():
        runs = {s: list(of[name].values()) for s, of in curves.items() if of.get(name)}
        known = problem.best
        if known is None:
            known = min((min(c) for cs in runs.values() for c in cs), default=0.0)
        for searcher, cs in runs.items():
            result[searcher][name] = np.array([c[min(after, len(c)) - 1] - known for c in cs])
    return result


def ratios(found: Regrets, searcher: str, problems: list[str]) -> np.ndarray:
    """Mean regret over random's for each problem, clipped."""
    return np.array([ratio(found[searcher][p].mean(), found["random"][p].mean()) for p in problems])


def ratio(own: float, random: float) -> float:
    """Clipped ratio; 1 where random search solves it too."""
    if random <= 0:
        return 1.0 if own <= 0 else HIGH
    return float(np.clip(own / random, LOW, HIGH))


def geometric(found: Regrets, searcher: str, problems: list[str]) -> tuple[float, float, float]:
    """The geometric mean of the ratios, and its 90 % interval by resampling the seeds."""
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(RESAMPLES):
        draws = [
            ratio(_resample(found[searcher][p], rng), _resample(found["random"][p], rng)) for p in problems
        ]
        resampled.append(np.exp(np.log(draws).mean()))
    low, high = np.quantile(resampled, [0.05, 0.95])
    return float(np.exp(np.log(ratios(found, searcher, problems)).mean())), float(low), float(high)


def _resample(values: np.ndarray, rng: np.random.Generator) -> float:
    return float(values[rng.integers(len(values), size=len(values))].mean())


def mean_ranks(
    found: Regrets, searchers: list[str], problems: list[str]
) -> dict[str, tuple[float, float, float]]:
    """Mean rank by mean regret over the problems, 1 is best, with a 90 % interval by resampling problems."""
    means = np.array([[found[s][p].mean() for p in problems] for s in searchers])
    ranks = np.array(
        [
            [1 + (means[:, j] < m).sum() + ((means[:, j] == m).sum() - 1) / 2 for j, m in enumerate(row)]
            for row in means
        ]
    )
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(problems), size=(RESAMPLES, len(problems)))
    result = {}
    for searcher, row in zip(searchers, ranks, strict=True):
        low, high = np.quantile(row[chosen].mean(1), [0.05, 0.95])
        result[searcher] = (float(row.mean()), float(low), float(high))
    return result


def to_reach(curves: dict, searcher: str, problems: list[str]) -> float:
    """Trials until the median run is as good as random search's median after 50; geometric mean."""
    needed = []
    for problem in problems:
        goal = np.median([c[-1] for c in curves["random"][problem].values()])
        middle = np.median(list(curves[searcher][problem].values()), axis=0)
        hit = np.flatnonzero(middle <= goal)
        needed.append(hit[0] + 1 if len(hit) else 2 * len(middle))
    return float(np.exp(np.log(needed).mean()))


def text(folder: Path, problems: dict[str, Problem], slots: int = 1, after: int = 50) -> str:
    """The table, one line a searcher, a column a family; those that have not run everything below."""
    curves, cpu = read(folder, slots)
    if slots > 1:
        curves.setdefault("random", read(folder)[0]["random"])
    found = regrets(curves, problems, after)
    families: dict[str, list[str]] = defaultdict(list)
    for name, problem in problems.items():
        families[problem.family].append(name)
    whole = [name for name in problems if name in found["random"]]
    complete = [s for s in found if all(p in found[s] for p in whole)]
    complete.sort(key=lambda s: geometric(found, s, whole)[0])
    ranks = mean_ranks(found, complete, whole)
    lines = [
        f"{'':16}{'gm':>7} {'90 %':^13}{'rank':>6} {'90 %':^11}{'reach':>6}{'cpu s':>7}{'seeds':>6}  "
        + "".join(f"{f:>13}" for f in families)
    ]
    for searcher in complete:
        gm, low, high = geometric(found, searcher, whole)
        rank, rank_low, rank_high = ranks[searcher]
        by_family = [
            np.exp(np.log(ratios(found, searcher, [p for p in ps if p in whole])).mean())
            for ps in families.values()
        ]
        reach = to_reach(curves, searcher, whole) if slots == 1 else float("nan")
        seeds = min(len(found[searcher][p]) for p in whole)
        lines.append(
            f"{searcher:16}{gm:7.3f} [{low:.3f} {high:.3f}]{rank:6.2f} [{rank_low:.1f} {rank_high:.1f}]"
            f"{reach:7.1f}{cpu.get(searcher, 0):7.2f}{seeds:6d}  " + "".join(f"{v:13.3f}" for v in by_family)
        )
    return "\n".join(
        [*lines, *_leave_one_out(found, complete, whole), *_in_part(found, complete, whole, cpu)]
    )


def _leave_one_out(found: Regrets, complete: list[str], whole: list[str]) -> list[str]:
    """Whether the lead hangs on one problem."""
    if OURS not in complete or len(complete) < 3:  # itself, random and a peer
        return []

    def lead(problems: list[str]) -> float:
        means = {s: np.exp(np.log(ratios(found, s, problems)).mean()) for s in complete}
        return float(means[OURS] / min(v for s, v in means.items() if s != OURS))

    without = [lead([p for p in whole if p != left]) for left in whole]
    spread = f"{min(without):.2f} to {max(without):.2f} leaving any one problem out"
    return [f"{OURS} has {lead(whole):.2f} of the best other's regret; {spread}"]


def count(seeds: int) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{seeds} seed" if seeds == 1 else f"{seeds} seeds"


def _in_part(found: Regrets, complete: list[str], whole: list[str], cpu: dict[str, float]) -> list[str]:
    """What has not run everything, on what it has, beside ours on the same."""
    lines = []
    for searcher in (s for s in found if s not in complete):
        there = [p for p in whole if p in found[searcher]]
        if there:
            seeds = min(len(found[searcher][p]) for p in there)
            # On the same seeds: a mean of few is 0, and the ratio clipped, more often than one of many.
            alike = {
                s: {p: of[p][: None if s == "random" else seeds] for p in there}
                for s, of in found.items()
                if s in {searcher, OURS, "random"}
            }
            own, ours = (np.exp(np.log(ratios(alike, s, there)).mean()) for s in (searcher, OURS))
            words = f"{len(there)} problems, {count(seeds)}, where {OURS} has {ours:.3f}"
            lines.append(f"{searcher:16}{own:7.3f} on {words}; {cpu[searcher]:.1f} cpu s")
    return lines


def by_problem(folder: Path, problems: dict[str, Problem], slots: int = 1) -> str:
    """Ratios problem by problem, one column a searcher."""
    curves, _ = read(folder, slots)
    found = regrets(curves, problems)
    names = [s for s in found if s != "random"]
    lines = [f"{'':18}" + "".join(f"{s[:13]:>14}" for s in names)]
    for problem in problems:
        if problem in found["random"]:
            values = [ratios(found, s, [problem])[0] if problem in found[s] else np.nan for s in names]
            lines.append(f"{problem:18}" + "".join(f"{v:14.3f}" for v in values))
    return "\n".join(lines)

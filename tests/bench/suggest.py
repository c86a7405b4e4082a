"""What a suggestion costs: CPU milliseconds as the history grows, and seconds from import to the first one.

    scripts/bench suggest [--at 50 100 300 1000] [--rounds 3]

Hartmann's function of six parameters. A searcher is given nine tenths of the history, quasi-random points,
and is timed while it is asked and told the last tenth, in which it fits its hyperparameters again once; of
1,000 trials its last hundred. What is shown is the mean, the worst call of one round, and the mean where
eight free slots are asked for at once. CPU time of the process, with one thread, median of the rounds; a
busy machine still adds a fifth or so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["OMP_NUM_THREADS"] = "1"
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from searching.problems import hartmann, synthetic  # noqa: E402  after the path

from awstune.search.random import RandomSearcher  # noqa: E402  after the path
from awstune.search.searchers import make  # noqa: E402  after the path
from awstune.search.trials import Status, TrialRecord  # noqa: E402  after the path

SPACE = next(p.space for p in synthetic() if p.name == "hartmann-6")
SLOTS = 8
FIRST = """
import time
began = time.perf_counter()
import awstune
s = awstune.Search(awstune.Space(x=awstune.Float(0, 1), y=awstune.Float(0, 1)), "bayes", mode="min")
s.ask()
print(time.perf_counter() - began, time.process_time())
"""


def ended(number: int, params: dict) -> TrialRecord:
    """A trial with its value."""
    return TrialRecord(number, params, Status.SUCCEEDED, value=hartmann(params), completed=number)


def history(count: int) -> list[TrialRecord]:
    """Quasi-random trials."""
    found = RandomSearcher(seed=0).suggest(SPACE, [], count)
    return [ended(number, dict(one.params)) for number, one in enumerate(found)]


def timed(searcher, trials: list[TrialRecord], slots: int) -> tuple[float, list]:
    """CPU milliseconds of one call, and its suggestions."""
    began = time.process_time()
    found = searcher.suggest(SPACE, trials, slots)
    return 1000 * (time.process_time() - began), found


def one_round(until: int, slots: int) -> list[float]:
    """Milliseconds a suggestion of each call, up to that many trials."""
    trials, spent = history(until - until // 10), []
    searcher = make("bayes", mode="min", seed=0)
    searcher.suggest(SPACE, trials, 1)
    while len(trials) < until:
        cost, found = timed(searcher, trials, slots)
        spent.append(cost / slots)
        trials += [ended(len(trials) + i, dict(one.params)) for i, one in enumerate(found)]
    return spent


def main() -> None:
    """Print a line for each size of the history."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at", nargs="+", type=int, default=[50, 100, 300, 1000], metavar="TRIALS")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    firsts = []
    for _ in range(options.rounds):
        done = subprocess.run([sys.executable, "-c", FIRST], check=True, capture_output=True, text=True)
        firsts.append([float(number) for number in done.stdout.split()])
    wall, cpu = (statistics.median(column) for column in zip(*firsts, strict=True))
    print(
        f"import awstune and the first suggestion: {wall:.2f} s, {cpu:.2f} s of CPU with Python's own start"
    )
    for until in options.at:
        alone = [one_round(until, 1) for _ in range(options.rounds)]
        means = [statistics.fmean(spent) for spent in alone]
        at_once = [statistics.fmean(one_round(until, SLOTS)) for _ in range(options.rounds)]
        print(
            f"{until:5} trials: {statistics.median(means):6.1f} ms a suggestion, "
            f"at worst {max(alone[0]):6.1f}; "
            f"{statistics.median(at_once):6.1f} ms with {SLOTS} slots",
            flush=True,
        )


if __name__ == "__main__":
    main()

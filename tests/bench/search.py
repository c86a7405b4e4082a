"""Regret after 50 trials beside the peers': geometric mean and ranks over the problems to develop on.

    scripts/bench search                     the whole table: hours, and it goes on where it was stopped
    scripts/bench search --quick             awstune, random and Optuna's TPE, 3 seeds: ten minutes
    scripts/bench search --only optuna-gp    one searcher
    scripts/bench search --table             only show what there is

Each peer lives in an environment of its own outside of the checkout (see `searching/environments`), made on
first use. Each run is a line of a CSV file in tests/bench/results/search, one file a searcher.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results" / "search"
FAMILIES = ("develop", "plateau", "noisy", "kept-table", "kept-sklearn")

sys.path[:0] = [str(HERE), str(ROOT)]


def work(options: argparse.Namespace) -> None:
    """All runs of one searcher that its file does not have yet."""
    from searching import problems
    from searching.contestants import CONTESTANTS
    from searching.one_run import append, done, run

    path = Path(options.results) / f"{options.searcher}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    there, only = done(path), CONTESTANTS[options.searcher].problems
    for seed in range(options.seeds):
        for name, problem in problems.of(options.families).items():
            wanted = (only is None or name in only) and (not options.on or name in options.on)
            if wanted and (name, seed, options.slots, options.trials) not in there:
                result = run(problem, options.searcher, seed, trials=options.trials, slots=options.slots)
                append(path, name, options.searcher, seed, options.slots, result)


def spawn(searcher: str, seeds: int, options: argparse.Namespace) -> int:
    """Run a searcher's missing runs in its environment, on one core."""
    from searching import environments
    from searching.contestants import CONTESTANTS

    home = CONTESTANTS[searcher].environment
    if home is not None and not environments.ready(home):
        return 1
    python = sys.executable if home is None else str(environments.python(home))
    words = [python, str(HERE / "search.py"), "--work", searcher, "--seeds", str(seeds)]
    words += [
        "--slots",
        str(options.slots),
        "--trials",
        str(options.trials),
        "--results",
        str(options.results),
    ]
    words += ["--families", *options.families, *(["--on", *options.on] if options.on else [])]
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **one, "PYTHONPATH": os.pathsep.join((str(HERE), str(ROOT)))}
    return subprocess.run(words, env=environment, check=False).returncode


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three searchers, three seeds")
    parser.add_argument("--only", nargs="+", default=[], metavar="SEARCHER")
    parser.add_argument("--on", nargs="+", default=[], metavar="PROBLEM")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--problems", action="store_true", help="problem by problem as well")
    parser.add_argument("--seeds", type=int, default=10, help="at most; the slow ones have fewer")
    parser.add_argument("--slots", type=int, default=1, help="trials at once")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--families", nargs="+", default=["develop"], choices=FAMILIES)
    parser.add_argument("--results", default=str(RESULTS), help="where the CSV files are")
    parser.add_argument("--work", dest="searcher", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run what is missing, then print the table."""
    options = parse()
    from searching import environments

    sys.path.append(str(environments.tables()))  # after this environment's own packages
    if options.searcher:
        work(options)
        return
    from searching.contestants import CONTESTANTS

    if not options.table:
        names = options.only or (
            ["awstune-bayes", "random", "optuna-tpe"] if options.quick else list(CONTESTANTS)
        )
        for name in names:
            seeds = min(options.seeds, 3 if options.quick else CONTESTANTS[name].seeds)
            if spawn(name, seeds, options):
                print(f"{name} did not finish: the table has what it has", file=sys.stderr)
    from searching import figure, problems, table

    folder, wanted = Path(options.results), problems.of(options.families)
    if options.families == ["develop"] and options.slots == 1:
        figure.draw(folder, wanted, folder / "regret.svg")
    print(table.text(folder, wanted, options.slots))
    if options.problems:
        print(table.by_problem(folder, wanted, options.slots))


if __name__ == "__main__":
    main()

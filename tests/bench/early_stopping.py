"""Early stopping on real torch training: final score and epochs with and without, beside what peers do.

    scripts/bench early-stopping [--seeds 3] [--trials 40] [--only NAME] [--table]

Two tasks, 27 epochs a whole trial, one trial at a time. The score is the best validation accuracy of a whole
trial or of one that was stopped, averaged over seeds; epochs are a ratio to running every trial whole. The
peers are Optuna's TPE with Hyperband, and Ray Tune's ASHA with the search that it has by itself, each in its
environment of `scripts/bench search`. Each run is a line of results/early_stopping.csv, and is run once.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results" / "early_stopping.csv"
FIELDS = ("task", "run", "seed", "trials", "score", "epochs", "cpu_s", "date", "versions")
TASKS = ("digits", "classes")
EPOCHS = 27
sys.path[:0] = [str(HERE), str(ROOT)]


def data(task: str) -> tuple[Any, ...]:
    """Training and validation tensors."""
    import torch
    from sklearn.datasets import load_digits, make_classification
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    if task == "digits":
        x, y = load_digits(return_X_y=True)
    else:
        x, y = make_classification(2000, 20, n_informative=8, n_classes=4, flip_y=0.05, random_state=0)
    parts = train_test_split(StandardScaler().fit_transform(x), y, random_state=0, test_size=0.4)
    kinds = (torch.float32, torch.float32, torch.long, torch.long)
    return tuple(torch.tensor(part, dtype=kind) for part, kind in zip(parts, kinds, strict=True))


def epochs(task: str, params: dict[str, Any], seed: int, given: tuple[Any, ...]) -> Iterator[float]:
    """Train; yields the validation accuracy after each epoch."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x, x_val, y, y_val = given
    layers: list[Any] = []
    width = x.shape[1]
    for _ in range(params["layers"]):
        layers += [nn.Linear(width, params["width"]), nn.ReLU(), nn.Dropout(params["dropout"])]
        width = params["width"]
    net = nn.Sequential(*layers, nn.Linear(width, int(y.max()) + 1))
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[params["opt"]](net.parameters(), lr=params["lr"], weight_decay=params["decay"])
    for _ in range(EPOCHS):
        net.train()
        for batch in torch.randperm(len(x)).split(params["batch"]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            yield float((net(x_val).argmax(1) == y_val).float().mean())


def space() -> Any:
    """Seven hyperparameters."""
    from awstune.search.space import Choice, Float, Int, Space

    return Space(
        lr=Float(1e-5, 1, log=True),
        width=Int(8, 256, log=True),
        layers=Int(1, 3),
        dropout=Float(0, 0.6),
        decay=Float(1e-6, 1e-1, log=True),
        batch=Choice(16, 32, 64, 128),
        opt=Choice("sgd", "adam"),
    )


def awstune(task: str, seed: int, trials: int, rule: str | None) -> tuple[float, int]:
    """Best accuracy and epochs run."""
    from dataclasses import replace

    from awstune.search.halving import make_stopper
    from awstune.search.searchers import make
    from awstune.search.trials import Report, Status, TrialRecord

    given = data(task)
    searcher = make("bayes", mode="max", seed=seed, metric="accuracy")
    stopper = make_stopper(rule, metric="accuracy", mode="max", trials=trials)
    records: list[TrialRecord] = []
    run = 0
    for number in range(trials):
        params = dict(searcher.suggest(space(), records, 1)[0].params)
        trial = TrialRecord(number, params)
        status = Status.SUCCEEDED
        for epoch, accuracy in enumerate(epochs(task, params, seed, given)):
            run += 1
            trial = replace(trial, reports=(*trial.reports, Report(epoch, {"accuracy": accuracy})))
            if epoch + 1 < EPOCHS and stopper is not None and stopper.should_stop(trial, records):
                status = Status.STOPPED_EARLY
                break
        records.append(replace(trial, status=status, value=accuracy, completed=number))
    return max(record.value or 0.0 for record in records), run


def optuna_hyperband(task: str, seed: int, trials: int) -> tuple[float, int]:
    """The same with Optuna's TPE and Hyperband."""
    import optuna

    from awstune.search.space import Choice, Int

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    given, run = data(task), 0

    def objective(trial: Any) -> float:
        nonlocal run
        params = {}
        for name, p in space().items():
            if isinstance(p, Choice):
                params[name] = trial.suggest_categorical(name, p.options)
            else:
                suggest = trial.suggest_int if isinstance(p, Int) else trial.suggest_float
                params[name] = suggest(name, p.low, p.high, log=p.log)
        for epoch, accuracy in enumerate(epochs(task, params, seed, given)):
            run += 1
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner
    )
    study.optimize(objective, n_trials=trials)
    return study.best_value, run


def ray_asha(task: str, seed: int, trials: int) -> tuple[float, int]:
    """The same with Ray Tune's ASHA and random search; its scheduler is told by hand, one trial at a time."""
    from types import SimpleNamespace

    import numpy as np
    from ray.tune.schedulers import ASHAScheduler, TrialScheduler

    given, run, best, rng = data(task), 0, 0.0, np.random.default_rng(seed)
    rule = ASHAScheduler("epoch", "accuracy", "max", max_t=EPOCHS, grace_period=1, reduction_factor=3)
    for number in range(trials):
        trial = SimpleNamespace(trial_id=str(number))
        rule.on_trial_add(None, trial)
        for epoch, accuracy in enumerate(epochs(task, space().sample(rng), seed, given)):
            run += 1
            result = {"epoch": epoch + 1, "accuracy": accuracy}
            if rule.on_trial_result(None, trial, result) == TrialScheduler.STOP:
                break
        rule.on_trial_complete(None, trial, result)
        best = max(best, accuracy)
    return best, run


RUNS: dict[str, tuple[Callable[[str, int, int], tuple[float, int]], str | None]] = {
    "awstune whole": (lambda task, seed, n: awstune(task, seed, n, None), None),
    "awstune asha": (lambda task, seed, n: awstune(task, seed, n, "asha"), None),
    "awstune median": (lambda task, seed, n: awstune(task, seed, n, "median"), None),
    "optuna hyperband": (optuna_hyperband, "optuna"),
    "ray asha": (ray_asha, "ray"),
}
"""What is compared, and the environment that it runs in."""


def rows() -> list[dict[str, str]]:
    """The runs that there are."""
    if not RESULTS.exists():
        return []
    with RESULTS.open(newline="") as file:
        return list(csv.DictReader(file))


def one(task: str, name: str, seed: int, trials: int) -> None:
    """Run it here, and add its line."""
    from searching.one_run import versions

    began = time.process_time()
    score, run = RUNS[name][0](task, seed, trials)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    cpu, new = f"{time.process_time() - began:.1f}", not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(FIELDS)
        writer.writerow((task, name, seed, trials, f"{score:.5f}", run, cpu, today, versions()))


def elsewhere(task: str, name: str, seed: int, trials: int) -> None:
    """One run in its environment, on one core."""
    from searching import environments

    home = RUNS[name][1]
    if home is not None and not environments.ready(home):
        return
    python = sys.executable if home is None else str(environments.python(home))
    words = [python, __file__, "--one", json.dumps([task, name, seed, trials])]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join((str(HERE), str(ROOT))),
    }
    subprocess.run(words, env=environment, check=True)


def table(trials: int) -> None:
    """Score and epochs, over the seeds that all have."""
    found = [r for r in rows() if int(r["trials"]) == trials]
    for task in TASKS:
        for name in RUNS:
            runs = [r for r in found if (r["task"], r["run"]) == (task, name)]
            if runs:
                scores = [float(r["score"]) for r in runs]
                mean = sum(scores) / len(runs)
                sd = (sum((score - mean) ** 2 for score in scores) / max(len(runs) - 1, 1)) ** 0.5
                share = sum(int(r["epochs"]) for r in runs) / (len(runs) * trials * EPOCHS)
                print(
                    f"{task:10}{name:18}accuracy {mean:.4f} +- {sd / len(runs) ** 0.5:.4f}"
                    f"   epochs {share:.2f} of all   {len(runs)} seeds"
                )


def main() -> None:
    """Run what is missing, then print score and epochs beside running each trial whole."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--only", nargs="+", default=list(RUNS), metavar="NAME")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*json.loads(options.one))
        return
    done = {(r["task"], r["run"], int(r["seed"]), int(r["trials"])) for r in rows()}
    wanted = [(t, n, s, options.trials) for s in range(options.seeds) for t in TASKS for n in options.only]
    for run in [] if options.table else wanted:
        if run not in done:
            elsewhere(*run)
    table(options.trials)


if __name__ == "__main__":
    main()

"""What `worker` measures peers with: each runs the same 64 trials in its own way, in its own environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OPTUNA = """
import time, optuna, torch
from target import run
torch.set_num_threads(1)
optuna.logging.set_verbosity(optuna.logging.WARNING)

def objective(trial):
    return run(trial.suggest_float("lr", 1e-4, 1e-1, log=True), trial.suggest_int("width", 16, 128))

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), storage={storage!r})
began = time.perf_counter()
study.optimize(objective, n_trials={trials})
print(time.perf_counter() - began)
"""

SPAWN = """
import multiprocessing, random, time

def one(lr, width, queue):
    import torch
    torch.set_num_threads(1)
    from target import run
    queue.put(run(lr, width))

if __name__ == "__main__":
    context, draw = multiprocessing.get_context("spawn"), random.Random(0)
    queue = context.Queue()
    began = time.perf_counter()
    for _ in range({trials}):
        process = context.Process(target=one, args=(10 ** draw.uniform(-4, -1), draw.randint(16, 128), queue))
        process.start()
        queue.get()
        process.join()
    print((time.perf_counter() - began) * {scale})
"""

RAY = """
import os, time
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
import ray
from ray import tune

def trial(config):
    import sys
    sys.path.insert(0, {folder!r})
    import torch
    torch.set_num_threads(1)
    from target import run
    tune.report({{"loss": run(config["lr"], config["width"])}})

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
space = {{"lr": tune.loguniform(1e-4, 1e-1), "width": tune.randint(16, 129)}}
config = tune.TuneConfig(metric="loss", mode="min", num_samples={trials}, reuse_actors={reuse})
began = time.perf_counter()
results = tune.Tuner(trial, param_space=space, tune_config=config, run_config=tune.RunConfig(verbose=0)).fit()
taken = time.perf_counter() - began
assert not results.errors and len(results) == {trials}
print(taken * {scale})
"""


# Its trials are processes of a script; looked at every tenth of a second, where its default is 5 s.
SYNE_TUNE = """
import logging, time
from pathlib import Path
logging.disable(logging.CRITICAL)
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend import LocalBackend
from syne_tune.config_space import loguniform, randint
from syne_tune.optimizer.baselines import RandomSearch

Path("one.py").write_text({one!r})
space = {{"lr": loguniform(1e-4, 1e-1), "width": randint(16, 128)}}
tuner = Tuner(
    trial_backend=LocalBackend("one.py", rotate_gpus=False),
    scheduler=RandomSearch(space, metrics=["loss"], random_seed=0),
    stop_criterion=StoppingCriterion(max_num_trials_finished={trials}),
    n_workers=2, sleep_time=0.1, results_update_interval=0.1, save_tuner=False,
    trial_backend_path={folder!r} + "/syne-tune",
)
began = time.perf_counter()
tuner.run()
print((time.perf_counter() - began) * {scale})
"""
ONE = """
import argparse, torch
torch.set_num_threads(1)
from syne_tune import Reporter
from target import run
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--width", type=int)
options, _ = parser.parse_known_args()
Reporter()(loss=run(options.lr, options.width))
"""


def scripts(trials: int, folder: Path) -> dict[str, tuple[str, str]]:
    """Name to environment and script; the slow ones run an eighth of the trials, and say what all would take.

    Args:
        trials: how many.
        folder: where the target lies.
    """
    few = trials // 8
    where = {"folder": str(folder)}
    return {
        "Optuna, in one process": ("optuna", OPTUNA.format(trials=trials, storage=None)),
        "Optuna, with SQLite": ("optuna", OPTUNA.format(trials=trials, storage="sqlite:///optuna.db")),
        "Ray Tune, reusing actors": ("ray", RAY.format(**where, trials=trials, scale=1, reuse=True)),
        "Ray Tune": ("ray", RAY.format(**where, trials=few, scale=8, reuse=False)),
        "Syne Tune, local backend": ("syne-tune", SYNE_TUNE.format(**where, one=ONE, trials=few, scale=8)),
        "a spawned process a trial": ("optuna", SPAWN.format(trials=few, scale=8)),
    }

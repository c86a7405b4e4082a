"""What `worker` measures peers with: each runs the same 64 trials in its own way, in an environment apart."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ["optuna==5.0.0", "ray[tune]==2.60.0", "syne-tune==0.16.0"]

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


def environment(folder: Path) -> Path:
    """The interpreter of an environment with the peers, made if need be; torch is this one's."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        site = next((folder / "lib").glob("python3*")) / "site-packages"
        (site / "torch_of_awstune.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def scripts(trials: int, folder: Path) -> dict[str, str]:
    """Name to script; the slow ones run an eighth of the trials, and say what all would take."""
    few = trials // 8
    ray = {"folder": str(folder)}
    return {
        "Optuna, in one process": OPTUNA.format(trials=trials, storage=None),
        "Optuna, with SQLite": OPTUNA.format(trials=trials, storage="sqlite:///optuna.db"),
        "Ray Tune, reusing actors": RAY.format(**ray, trials=trials, scale=1, reuse=True),
        "Ray Tune": RAY.format(**ray, trials=few, scale=8, reuse=False),
        "a spawned process a trial": SPAWN.format(trials=few, scale=8),
    }

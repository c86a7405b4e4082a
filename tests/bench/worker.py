"""64 small torch trials: a process each in awstune, beside a bare loop in one process, and peers."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import worker_peers
from searching import environments

TRIALS = 64

# One trial: 20 SGD steps of a 2-layer network. Everybody runs this very file.
TARGET = """
import torch

x, y = torch.randn(256, 20), torch.randint(0, 2, (256,))

def run(lr, width):
    model = torch.nn.Sequential(torch.nn.Linear(20, width), torch.nn.ReLU(), torch.nn.Linear(width, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

def train(trial):
    trial.report(loss=run(trial.params["lr"], trial.params["width"]))
"""

BARE = """
import random, sys, time, torch
torch.set_num_threads(1)
from target import run
draw = random.Random(0)
params = [(10 ** draw.uniform(-4, -1), draw.randint(16, 128)) for _ in range({trials} + 1)]
run(*params.pop())
began = time.perf_counter()
for lr, width in params:
    run(lr, width)
print(time.perf_counter() - began)
"""

AWSTUNE = """
import sys
from awstune import Float, Int, Space, sweep
from target import train

if __name__ == "__main__":
    events = []
    space = Space(lr=Float(1e-4, 1e-1, log=True), width=Int(16, 128))
    options = dict(metric="loss", mode="min", search="random", trials={trials}, trial_threads=1)
    done = sweep(train, space, parallel={slots}, on_event=events.append, start="{start}", **options)
    started = [e["t"] for e in events if e["event"] == "started"]
    finished = [e["t"] for e in events if e["event"] == "finished"]
    assert all(trial.counts for trial in done.trials), done.trials
    print(finished[-1] - started[0])
"""


def timed(script: str, folder: Path, python: str = sys.executable) -> tuple[float, float]:
    """Seconds between the first trial's start and the last one's end, and of the whole process."""
    (folder / "target.py").write_text(TARGET)
    (folder / "main.py").write_text(script)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    began = time.perf_counter()
    done = subprocess.run(
        [python, "main.py"], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1]), time.perf_counter() - began


def contestants(*, spawn: bool) -> dict[str, str]:
    """Name to script."""
    found = {
        "bare loop": BARE.format(trials=TRIALS),
        "awstune, 1 slot": AWSTUNE.format(trials=TRIALS, slots=1, start="fork"),
        "awstune, 2 slots": AWSTUNE.format(trials=TRIALS, slots=2, start="fork"),
    }
    if spawn:
        found["awstune, spawned, 2 slots"] = AWSTUNE.format(trials=TRIALS, slots=2, start="spawn")
    return found


def main() -> None:
    """Measure in turns, so that a busy machine is busy for all, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spawn", action="store_true", help="also an interpreter a trial (minutes)")
    parser.add_argument("--peers", action="store_true", help="also others, in environments of their own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scripts = contestants(spawn=options.spawn)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in scripts}
    for _ in range(options.rounds):
        for name, script in scripts.items():
            with tempfile.TemporaryDirectory() as folder:
                seen[name].append(timed(script, Path(folder)))
    if options.peers:
        seen |= peers()
    report(seen, as_json=options.json)


def peers() -> dict[str, list[tuple[float, float]]]:
    """Each peer once: the slow ones take minutes."""
    seen = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (environment, script) in worker_peers.scripts(TRIALS, Path(folder)).items():
            if not environments.ready(environment):
                continue
            seen[name] = [timed(script, Path(folder), str(environments.python(environment)))]
            print(f"{name}: {seen[name][0][0] / TRIALS * 1000:.0f} ms a trial", file=sys.stderr, flush=True)
    return seen


def report(seen: dict[str, list[tuple[float, float]]], *, as_json: bool) -> None:
    """Milliseconds a trial, and how often the bare loop's of the same round."""
    bare = [trials for trials, _ in seen["bare loop"]]
    rows = []
    for name, runs in seen.items():
        ratios = [trials / base for (trials, _), base in zip(runs, bare, strict=False)]
        if len(runs) < len(bare):
            ratios = [runs[0][0] / statistics.median(bare)]
        milliseconds = statistics.median(trials for trials, _ in runs) / TRIALS * 1000
        whole = statistics.median(whole for _, whole in runs)
        rows.append({"name": name, "ms": milliseconds, "ratio": statistics.median(ratios), "whole_s": whole})
    if as_json:
        print(json.dumps(rows))
        return
    print(f"{TRIALS} trials, median of {len(bare)} rounds: first start to last end; the whole process")
    for row in rows:
        print(f"{row['name']:<26} {row['ms']:8.1f} ms a trial {row['ratio']:7.2f} x {row['whole_s']:8.2f} s")


if __name__ == "__main__":
    main()

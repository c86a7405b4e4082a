"""Small networks on a GPU: trials an hour one by one and packed, how busy it is; the processor beside it."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

MODELS = {"mlp": 5000, "cnn": 1500}  # steps of a trial, for it to be more than its start
NEEDED = ("torch", "numpy", "psutil")  # psutil is what awstune itself needs here
OLDEST = (3, 11)

# One trial: data made up on the device, a fixed number of steps, one report. Everything is on one device.
TARGET = """
import torch
from torch import nn

def build(name):
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 10),
    )

def train(trial):
    device = trial.params["device"]
    x = torch.randn(1024, 3, 32, 32, device=device)
    y = torch.randint(0, 10, (1024,), device=device)
    model = build(trial.params["model"]).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(trial.params["steps"]):
        rows = torch.arange(step * 128, step * 128 + 128, device=device) % 1024
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 in (trial.params["steps"] // 2, trial.params["steps"]):
            trial.report(loss=loss.item())
"""


@dataclass(frozen=True)
class Row:
    """What was seen of one way to run trials.

    Attributes:
        model: which network.
        device: that it ran on.
        at_once: how many trials at a time.
        trials_an_hour: those that succeeded.
        busy: the mean share of the GPU's time, 0 to 1; None without a GPU.
        failed: how many did not succeed.
        why: so many at a time.
        times_cpu: trials an hour ÷ those of the same network on the processor.
    """

    model: str
    device: str
    at_once: int
    trials_an_hour: float
    busy: float | None
    failed: int
    why: str = ""
    times_cpu: float = 1.0


class Sampler(threading.Thread):
    """Asks NVIDIA's tool how busy the GPUs are, until it is told to end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.names, self.seen, self.over = names, [], threading.Event()

    def run(self) -> None:
        """Look every half second, and once more at the end."""
        from awstune.sweeps import gpus

        over = not self.names
        while not over:
            over = self.over.wait(0.5)
            found = gpus.readings()
            shares = [reading.busy for name in self.names if (reading := gpus.named(name, found))]
            self.seen += [share for share in shares if share is not None]

    def mean(self) -> float | None:
        """The mean of what was seen."""
        self.over.set()
        if self.ident is not None:
            self.join()
        return sum(self.seen) / len(self.seen) if self.seen else None


def race(folder: Path, params: dict, trials: int, packing, gauge=None) -> tuple[Row, object]:
    """Run so many equal trials; what was seen, and the packing at the end.

    Args:
        folder: holds the target, and the trials' folders.
        params: of every trial.
        trials: how many.
        packing: how many at a time, on which GPUs.
        gauge: measures the first one, where the packing is to be decided.
    """
    from awstune.search.trials import Status
    from awstune.sweeps.executor import Finished, Job, Noted, Packed, Started
    from awstune.sweeps.pool import Pool
    from awstune.sweeps.target import Target

    target = Target("function", file="target.py", function="train")
    pool = Pool(target, cwd=folder, folder=folder, packing=packing, gauge=gauge)
    sampler, began, ended, number, finished = Sampler(packing.gpus), None, 0.0, 0, []
    try:
        while len(finished) < trials:
            while number < trials and pool.slots > number - len(finished):
                pool.start(Job(number, params, number, folder / f"{time.monotonic_ns()}"))
                number += 1
            for message in pool.poll(1.0):
                if isinstance(message, Started) and began is None:
                    began = time.perf_counter()
                    sampler.start()
                elif isinstance(message, Finished):
                    finished.append(message)
                    ended = time.perf_counter()
                elif isinstance(message, Packed):
                    packing = message.packing
                elif isinstance(message, Noted):
                    print(f"note: {message.text}", file=sys.stderr)
    finally:
        pool.close()
    failed = [message.error for message in finished if message.status is not Status.SUCCEEDED]
    for error in failed[:1]:
        print(f"a trial failed: {error}", file=sys.stderr)
    hourly = 3600 * (trials - len(failed)) / (ended - (began or ended - 1))
    row = Row(
        params["model"], params["device"], packing.slots, hourly, sampler.mean(), len(failed), packing.why
    )
    return row, packing


def rows(folder: Path, options: argparse.Namespace):
    """One model after the other: on the processor, one by one, packed as one trial's measure says."""
    from awstune.sweeps import gauge
    from awstune.sweeps.executor import cores
    from awstune.sweeps.packing import Packing, undecided

    (folder / "target.py").write_text(TARGET)
    has = gauge.machine()
    names = tuple(gpu.name for gpu in has.gpus)
    trials = options.trials
    for model in options.models:
        params = {"model": model, "device": "cpu", "steps": options.steps or MODELS[model]}
        cpu = race(folder, params, max(2, trials // 16), Packing(1, (), cores()))[0]
        yield cpu
        params["device"] = options.device
        each = Packing(max(1, len(names)), names, cores(), "one a GPU" if names else "one by one")
        yield against(cpu, race(folder, params, max(2, trials // 2), each)[0])
        # Measured once more from scratch, so that the figure holds nothing of the measuring.
        _, packing = race(folder, params, 1, undecided(has), gauge.Gauge(has))
        if not packing.settled:
            packing = replace(each, why="what a trial takes could not be measured")
        yield against(cpu, race(folder, params, trials, packing)[0])


def against(cpu: Row, row: Row) -> Row:
    """A row, beside the processor's."""
    return replace(row, times_cpu=row.trials_an_hour / cpu.trials_an_hour if cpu.trials_an_hour else 0.0)


def show(row: Row) -> str:
    """One line of the table."""
    busy = "     -" if row.busy is None else f"{row.busy:6.0%}"
    failed = f"  {row.failed} failed" if row.failed else ""
    why = f"  ({row.why})" if row.why else ""
    numbers = f"{row.at_once:9} {row.trials_an_hour:15.0f} {row.times_cpu:6.1f} x {busy}"
    return f"{row.model:<5} {row.device:<5} {numbers}{failed}{why}"


def why_not(device: str) -> str | None:
    """Why nothing can be measured here; None where it can."""
    another = "PYTHON=... names another interpreter"
    if sys.version_info < OLDEST:
        return f"{sys.executable} is Python {platform.python_version()}, awstune needs 3.11; {another}"
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = " and no ".join(missing)
        return f"{sys.executable} has no {names} ({sys.executable} -m pip install, or {another})"
    if device == "cpu":
        return None
    from awstune.sweeps import gpus

    if not gpus.visible():
        return "there is no NVIDIA GPU here (nvidia-smi shows none)"
    return torch_against(this_python("gpu"))


def torch_against(one) -> str | None:
    """Why an interpreter's torch does not compute on the GPU that is here; None where it does."""
    if not one.sees:
        return f"torch {one.torch} cannot use the GPU that is here" + (one.why and f": {one.why}")
    if not one.computes:
        code, gpu = " ".join(one.arches), ".".join(map(str, one.capability))
        return f"torch {one.torch} has code for {code}, and the GPU here is of compute capability {gpu}"
    return None


def this_python(gpu: str):
    """What this interpreter's torch says of itself, in another process: this one leaves the GPU alone."""
    from awstune.remote import pythons

    words = [sys.executable, "-c", pythons.PROBE, sys.executable, gpu]
    return pythons.parse(subprocess.run(words, capture_output=True, text=True, check=True).stdout)[0]


def about(device: str) -> str:
    """The device, the machine, torch, the date."""
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    said = "no GPU"
    if device != "cpu":
        found = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
        said = f"{len(found)} x {found[0].replace(', ', ', driver ')}"
    torch = this_python("none").torch
    return f"{said}, {platform.machine()}, torch {torch}, {dt.datetime.now(dt.UTC):%Y-%m-%d}"


def main() -> int:
    """Print the table, with the device and the date; 1 where a trial failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48, help="of the packed rows; the others run fewer")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--steps", type=int, help="of each trial")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="cpu: only to try this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reason = why_not(options.device)
    if reason:
        print(json.dumps({"skipped": reason}) if options.json else f"skipped: {reason}")
        return 0
    told = about(options.device)
    seen = []
    with tempfile.TemporaryDirectory() as place:
        if not options.json:
            print(told, f"{'model on    at a time  trials an hour    / cpu   busy'}", sep="\n", flush=True)
        for row in rows(Path(place), options):
            seen.append(row)
            if not options.json:
                print(show(row), flush=True)
    if options.json:
        print(json.dumps({"about": told, "rows": [asdict(row) for row in seen]}))
    return 1 if any(row.failed for row in seen) else 0


if __name__ == "__main__":
    sys.exit(main())

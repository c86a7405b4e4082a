"""Small networks on a GPU: trials an hour one by one and packed, how busy it is; the processor beside it."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import platform
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

MODELS = {"mlp": 1000, "cnn": 300}  # steps of a trial
NEEDED = ("torch", "numpy", "psutil")

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
    """What was seen of one way to run trials; ``busy`` is the mean share of the GPU's time, None without."""

    model: str
    device: str
    at_once: int
    trials_an_hour: float
    busy: float | None
    failed: int
    why: str = ""


class Sampler(threading.Thread):
    """Asks NVIDIA's tool how busy the GPUs are, until it is told to end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.names, self.seen, self.over = names, [], threading.Event()

    def run(self) -> None:
        """Look every half second."""
        from awstune.sweeps import gpus

        while self.names and not self.over.wait(0.5):
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
    hourly = 3600 * trials / (ended - (began or ended - 1))
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
        alone = Packing(1, (), cores())
        yield race(folder, params, max(2, trials // 8), alone)[0]
        params["device"] = options.device
        yield race(folder, params, max(2, trials // 2), Packing(max(1, len(names)), names, cores()))[0]
        # Measured once more from scratch, so that the figure holds nothing of the measuring.
        _, packing = race(folder, params, 1, undecided(has), gauge.Gauge(has))
        yield race(folder, params, trials, packing)[0]


def show(row: Row) -> str:
    """One line of the table."""
    busy = "     -" if row.busy is None else f"{row.busy:6.0%}"
    failed = f"  {row.failed} failed" if row.failed else ""
    why = f"  ({row.why})" if row.why else ""
    return f"{row.model:<5} {row.device:<5} {row.at_once:9} {row.trials_an_hour:15.0f} {busy}{failed}{why}"


def why_not(device: str) -> str | None:
    """Why nothing can be measured here; None where it can."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"{sys.executable} has no {' and no '.join(missing)}; PYTHON=... names another interpreter"
    if device == "cpu":
        return None
    from awstune.sweeps import gpus

    if not gpus.visible():
        return "there is no NVIDIA GPU here (nvidia-smi shows none)"
    import torch

    return None if torch.cuda.is_available() else f"torch {torch.__version__} cannot use the GPU that is here"


def main() -> None:
    """Print the table, with the device and the date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48, help="of the packed rows; the others run fewer")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--steps", type=int, help="of each trial")
    parser.add_argument("--device", default="cuda", help="cpu stands in, to try this script itself")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reason = why_not(options.device)
    if reason:
        print(f"skipped: {reason}")
        return
    import torch

    name = torch.cuda.get_device_name(0) if options.device == "cuda" else "no GPU"
    about = f"{name}, {platform.machine()}, torch {torch.__version__}, {dt.datetime.now(dt.UTC):%Y-%m-%d}"
    with tempfile.TemporaryDirectory() as place:
        if options.json:
            seen = [asdict(row) for row in rows(Path(place), options)]
            print(json.dumps({"about": about, "rows": seen}))
            return
        print(about, f"{'model on    at a time  trials an hour   busy':<40}", sep="\n", flush=True)
        for row in rows(Path(place), options):
            print(show(row), flush=True)


if __name__ == "__main__":
    main()

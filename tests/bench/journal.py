"""Reading and folding a large journal, as a ratio to parsing its JSON alone."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from awstune.search.folding import fold
from awstune.sweeps import journal

TRIALS, REPORTS, ROUNDS = 100, 199, 9
ASKED = '{"t":1.0,"event":"asked","trial":%d,"epoch":1,"params":{"x":1}}\n'
REPORT = '{"t":1.0,"event":"report","trial":%d,"epoch":1,"step":%d,"metrics":{"loss":0.5}}\n'


def written(path: Path) -> Path:
    """A journal of many trials that have reported often."""
    with path.open("w") as file:
        for trial in range(TRIALS):
            file.write(ASKED % trial)
            file.writelines(REPORT % (trial, step) for step in range(REPORTS))
    return path


def seconds(work: Callable[[], object]) -> float:
    """What it takes of a processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    """Runs the cases in turn, so that a busy moment hits each alike, and prints medians and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "journal.jsonl")
        events = journal.read(path).events
        cases: dict[str, Callable[[], object]] = {
            "JSON alone": lambda: [json.loads(line) for line in path.read_text().splitlines()],
            "read": lambda: journal.read(path),
            "fold": lambda: fold(events),
            "read and fold": lambda: fold(journal.read(path).events),
        }
        taken: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, work in cases.items():
                taken[name].append(seconds(work))
    bare = statistics.median(taken["JSON alone"])
    print(f"{len(events)} events, median of {ROUNDS} rounds")
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:<14} {1e6 * middle / len(events):6.2f} s a million {middle / bare:6.1f} x JSON alone")


if __name__ == "__main__":
    main()

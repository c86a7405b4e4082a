"""How long a journal of a million events takes to be read and folded."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from awstune.search.folding import fold
from awstune.sweeps import journal

EVENTS, EPOCHS = 1_000_000, 17


def write(path: Path) -> None:
    """A journal of so many events, in trials of 17 epochs."""
    with path.open("w") as file:
        for number in range(EVENTS // (EPOCHS + 3)):
            events = [
                {"event": "asked", "params": {"lr": 0.001 * number, "width": 64}, "why": "random"},
                {"event": "started", "node": "here", "slot": 0, "seed": number, "pid": 1},
                *(
                    {"event": "report", "step": epoch, "metrics": {"loss": 1 / (epoch + 1), "acc": 0.5}}
                    for epoch in range(EPOCHS)
                ),
                {"event": "finished", "status": "succeeded", "value": 0.1, "seconds": 1.0, "error": None},
            ]
            for event in events:
                line = {"t": 1.8e9 + number, "trial": number, "epoch": 1, **event}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


def main() -> None:
    """CPU seconds count: on a busy machine they are steadier than what a clock says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write(path)
        wall, cpu = time.perf_counter(), time.process_time()
        chunk = journal.read(path)
        trials = fold(chunk.events).trials
        print(f"{len(chunk.events):,} events, {path.stat().st_size / 1e6:.0f} MB, {len(trials):,} trials")
        print(f"CPU {time.process_time() - cpu:.2f} s   clock {time.perf_counter() - wall:.2f} s")


if __name__ == "__main__":
    main()

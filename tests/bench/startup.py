"""What a command costs before it does anything, as a ratio to `python -c pass`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
AWSTUNE = str(Path(sys.executable).with_name("awstune"))
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "awstune --help": [AWSTUNE, "--help"],
    "awstune --version": [AWSTUNE, "--version"],
    "awstune launch --help": [AWSTUNE, "launch", "--help"],
    "awstune sweep --help": [AWSTUNE, "sweep", "--help"],
    "import boto3, paramiko": [sys.executable, "-c", "import boto3, paramiko"],
}


def once(words: list[str]) -> float:
    """Seconds that one process takes from start to end."""
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Runs all cases in turn, so that a busy moment hits each alike, and prints medians and ratios."""
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, words in CASES.items():
            taken[name].append(once(words))
    bare = statistics.median(taken["python -c pass"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name:26} {1000 * middle:7.0f} ms   {middle / bare:5.1f} x bare Python")


if __name__ == "__main__":
    main()

"""An interrupt is heard wherever it comes, and once."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.waiting import PATIENCE_S

# What is raised in a finalizer is dropped by Python, as in those that imports are full of.
FINALIZER = """
import os, signal, time
from awstune.cli.signals import Signals

class Ends:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})

Signals().install()
try:
    Ends()
    time.sleep(600)  # until it is heard
except KeyboardInterrupt:
    print("heard")
"""


def test_an_interrupt_in_a_finalizer():
    """The command hears of it all the same, and nothing else is said."""
    for number in (signal.SIGINT, signal.SIGTERM):
        words = [sys.executable, "-c", FINALIZER.format(name=number.name)]
        said = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (said.stdout, said.stderr) == ("heard\n", "")

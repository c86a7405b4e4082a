"""sweep() where there is no script: python -c, stdin, a REPL, a notebook."""

from __future__ import annotations

import os
import sys

import pytest

from tests.waiting import PATIENCE_S
from tests.world import ran

# A function and a class that no trial could import.
CODE = """\
import sys
import awstune
sys.path.append("lib")
import beside

class Net:
    width = 3

def train(trial):
    return (trial.params["x"] - Net.width) ** 2 + beside.zero

done = awstune.sweep(train, {"x": "1,2,3,4"}, mode="min", search="grid", name="here")
print(done.best.params, done.best.value)
"""

LOCKED = """
import threading
lock = threading.Lock()

def locked(trial):
    return lock.acquire()

awstune.sweep(locked, {"x": "1,2"}, mode="min")
"""

KERNEL = """\
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(startup_timeout=150, kernel_name="python3")
try:
    for cell in sys.stdin.read().split("\\n\\n"):
        told = []
        client.execute_interactive(cell, timeout=150, output_hook=told.append)
        for message in told:
            content = message["content"]
            if content.get("name") == "stderr":
                continue  # its lines come before those of stdout, or after them
            print(content.get("text") or content.get("evalue") or "", end="")
            print(*content.get("traceback", ()), sep="\\n", end="")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""


def run(folder, *words, stdin="", **env):
    """A program's output in a folder with a module that only the code knows how to find."""
    (folder / "lib").mkdir(exist_ok=True)
    (folder / "lib" / "beside.py").write_text("zero = 0\n")
    done = ran(words, folder, {**os.environ, **env}, input=stdin, timeout=PATIENCE_S)
    assert done.returncode == 0, done
    return done.stdout


def test_python_c(tmp_path):
    """``python -c`` has no file: the function is copied, with what it refers to."""
    assert run(tmp_path, sys.executable, "-c", CODE) == "{'x': 3} 0.0\n"


def test_stdin(tmp_path):
    """``python < file`` is the same."""
    assert run(tmp_path, sys.executable, stdin=CODE) == "{'x': 3} 0.0\n"


def test_a_repl(tmp_path):
    """What was typed at a prompt can be swept, and the sweep goes on from a shell afterwards."""
    typed = CODE.replace("\n\n", "\n").replace("class", "\nclass").replace("def", "\ndef")
    typed = typed.replace("\ndone", "\n\ndone")
    assert run(tmp_path, sys.executable, "-i", "-q", stdin=typed) == "{'x': 3} 0.0\n"
    more = run(tmp_path, sys.executable, "-m", "awstune", "resume", "here", "--trials", "+1")
    assert "best of 4 trials: value 0" in more


def test_a_notebook(tmp_path):
    """Cells of a real kernel: a function of a cell runs in trials, and one that cannot travel says why."""
    pytest.importorskip("ipykernel")  # the extra dev has it, which CI installs
    cells = f"{CODE}{LOCKED}"
    told = run(tmp_path, sys.executable, "-c", KERNEL, stdin=cells, IPYTHONDIR=str(tmp_path / "ipython"))
    assert told.startswith("{'x': 3} 0.0\n")
    assert "lock, which it uses, cannot be pickled" in told
    assert "hint: make it inside locked" in told

"""What nobody foresaw: no traceback on the screen, but in a file whose name is printed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S
from tests.world import ran

SECRET = "wJalrXUtnFEMI"


@pytest.fixture
def broken(tmp_path):
    """An environment in which boto3 cannot be imported, for no reason that awstune knows."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "boto3.py").write_text("raise RuntimeError('half an upgrade\\nsecond line')\n")
    (tmp_path / "tmp").mkdir()
    return {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "lib"),
        "TMPDIR": str(tmp_path / "tmp"),
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def run(env, *words):
    """One command in a process of its own."""
    command = [sys.executable, "-m", "awstune", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done


def report_of(hint: str) -> str:
    """The content of the file that a hint names; only its owner can read it."""
    found = re.search(r"the details are in (\S+\.txt);", hint)
    assert found, hint
    file = Path(found[1])
    assert file.stat().st_mode & 0o077 == 0
    return file.read_text()


@pytest.mark.parametrize("words", ["sweeps", "sweep train.py", "launch lab --yes", "ls --json"])
def test_a_folder_that_is_gone(tmp_path, words):
    """Whoever stands in a folder that was removed meanwhile is told so, and nothing is launched."""
    script = f'mkdir gone && cd gone && rmdir ../gone && "$0" -m awstune {words}'
    env = {**os.environ, "AWSTUNE_HOME": str(tmp_path / "home"), "AWSTUNE_CLOUD": "local"}
    done = ran(["bash", "-c", script, sys.executable], tmp_path, env)
    assert done.returncode == 2
    assert "the folder that you are in is gone" in done.stdout + done.stderr
    assert "unforeseen" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["types"], ["ls"], ["launch", "lab", "--yes"]], ids=" ".join)
def test_a_traceback_goes_to_a_file(broken, words):
    """One message that says it is a bug, what it was, and where the details are."""
    done = run(broken, *words)
    error, _, hint = done.stderr[done.stderr.index("error: ") :].partition("\n\nhint: ")
    assert error == (
        "error: something unforeseen happened, and that is a bug in awstune: RuntimeError: half an upgrade"
    )
    details = report_of(hint)
    assert details.startswith(f"awstune {words[0]}\nTraceback (most recent call last):\n")
    assert details.rstrip().endswith("RuntimeError: half an upgrade\nsecond line")
    assert SECRET not in details


def test_what_ends_too_early(broken, tmp_path):
    """A file or a connection that ends too early is nobody's Ctrl-D."""
    (tmp_path / "lib" / "boto3.py").write_text("raise EOFError('half a file')\n")
    done = run(broken, "types")
    assert "interrupted" not in done.stderr
    assert "EOFError: half a file" in report_of(" ".join(done.stderr.split()))


def test_with_json(broken):
    """The same as one document."""
    done = run(broken, "types", "--json")
    document = json.loads(done.stdout)["error"]
    assert document["kind"] == "error"
    assert document["message"].endswith("RuntimeError: half an upgrade")
    assert "RuntimeError" in report_of(document["hint"])


def test_where_no_file_can_be_written(broken):
    """A full or missing disk does not hide the message."""
    for place in ("TMPDIR", "TEMP", "TMP"):
        broken[place] = "/proc/nowhere"
    done = run(broken, "types")
    assert "RuntimeError: half an upgrade" in done.stderr
    assert "the details " in done.stderr


def test_a_hint_of_an_error_is_no_cause(tmp_path):
    """The message is the exception's own, also where notes were added to it."""
    text = "error = ValueError('the cause')\nerror.add_note('a note')\nraise error\n"
    (tmp_path / "boto3.py").write_text(text)
    done = run({**os.environ, "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}, "types")
    assert "a bug in awstune: ValueError: the cause\n" in done.stderr

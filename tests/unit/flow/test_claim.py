"""One awstune at a time on a NAME, and a word on who that is."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading

import pytest

from awstune.errors import NameBusy
from awstune.flow import claim


def test_who_has_it_is_told(tmp_path):
    """Whoever comes second learns what goes on there, and how it ends; afterwards the name is free."""
    first = claim.take(tmp_path, "a/r", ["lab"], "launch")
    with pytest.raises(NameBusy, match=f"at work on lab: launch .pid {os.getpid()}") as busy:
        claim.take(tmp_path, "a/r", ["lab", "other"], "terminate")
    assert f"kill {os.getpid()} ends it" in busy.value.hint
    first.release()
    claim.take(tmp_path, "a/r", ["other", "lab"], "terminate").release()


def test_who_is_just_letting_go_is_no_reason(tmp_path):
    """A holder whose word is gone already is as good as gone: whoever comes then has the name."""
    claim.take(tmp_path, "a/r", ["lab"], "extend").release()
    got = []
    with (tmp_path / claim.FOLDER / "a" / "r" / "lab").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        comes = threading.Thread(target=lambda: got.append(claim.take(tmp_path, "a/r", ["lab"], "launch")))
        comes.start()
    comes.join()
    got.pop().release()


def _released(tmp_path):
    claim.take(tmp_path, "a/r", ["lab"], "extend").release()


def _killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    file = tmp_path / claim.FOLDER / "a" / "r" / "lab"
    file.parent.mkdir(parents=True)
    file.write_text(f"{ended.pid} extend\n")


@pytest.mark.parametrize("before", [_released, _killed])
def test_who_has_only_just_got_it_is_told_too(tmp_path, before):
    """Between the lock and its holder's word whoever comes second waits for it, whoever was there before."""
    before(tmp_path)
    with (tmp_path / claim.FOLDER / "a" / "r" / "lab").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = []

        def second():
            with pytest.raises(NameBusy) as busy:
                claim.take(tmp_path, "a/r", ["lab"], "terminate")
            told.append(busy.value.message)

        comes = threading.Thread(target=second)
        comes.start()
        held.truncate(0)
        held.write(f"{os.getpid()} launch\n")
        held.flush()
        comes.join()
    assert told == [f"another awstune is at work on lab: launch (pid {os.getpid()})"]

"""Prose at a terminal's width: broken between words, and never within what somebody copies."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.cli.wrapping import HANGING, fold, visible
from awstune.report.words import too_late
from tests.cli.cases.case import SPEC, SPEC_SPACE
from tests.waiting import PATIENCE_S

WIDTHS = st.integers(20, 120)
WORDS = st.lists(st.text("abcXYZ09-_./:;,()[]'`·…", min_size=1, max_size=30), min_size=1, max_size=40)
LINES = {
    "next: awstune ssh lab · awstune sweep --on lab train.py · awstune terminate lab lab-2": [
        "awstune ssh lab",
        "awstune sweep --on lab train.py",
        "awstune terminate lab lab-2",
    ],
    "hint: awstune attach far looks again; awstune terminate lab fetches it and ends lab, with its disk": [
        "awstune attach far",
        "awstune terminate lab",
    ],
    "no: awstune doctor says more than this line has room for (awstune --cloud local launch lab --ttl 8h)": [
        "awstune --cloud local launch lab --ttl 8h"
    ],
    f"warning: {too_late(7200.0)}, which is late; or sooner": ["awstune extend 2h"],
    "get in yourself, whenever you like, with: ssh -i ~/.awstune/keys/lab.pem -p 22 ubuntu@127.0.0.1": [
        "ssh -i ~/.awstune/keys/lab.pem -p 22 ubuntu@127.0.0.1"
    ],
    "the private key may be read by others than you, whom it lets in: chmod 600 '/home/me/keys/lab.pem'": [
        "chmod 600 '/home/me/keys/lab.pem'"
    ],
    "sign in again, as you did before (`aws sso login`, or new keys with `aws configure --profile mine`)": [
        "`aws sso login`",
        "`aws configure --profile mine`",
    ],
    "hint: /usr/bin/python3 -m pip install nosuchpackage, or --python names an interpreter that has it": [
        "/usr/bin/python3 -m pip install nosuchpackage"
    ],
    "log it; awstune sweep --spec sweeps/cmd/sweep.toml --metric-regex 'loss: ([0-9.]+)' begins anew": [
        "awstune sweep --spec sweeps/cmd/sweep.toml --metric-regex 'loss: ([0-9.]+)'"
    ],
    "read it, as said before, with such as --metric loss --metric-regex 'Loss: ([0-9.]+)', before the --": [
        "'Loss: ([0-9.]+)'"
    ],
    """hint: guard it, so that only a run of the script gets there, at last: if __name__ == "__main__":""": [
        'if __name__ == "__main__":'
    ],
    """hint: write space = Space(lr=Float(1e-5, 1e-1, log=True), opt=Choice("sgd", "adam"), n=Int(1, 4))""": [
        'space = Space(lr=Float(1e-5, 1e-1, log=True), opt=Choice("sgd", "adam"), n=Int(1, 4))'
    ],
    "command: python train.py --lr 0.001 --width 64 --depth 3 --dropout 0.5 --optimizer adam --epochs 30": [
        "python train.py --lr 0.001 --width 64 --depth 3 --dropout 0.5 --optimizer adam --epochs 30"
    ],
}


@given(WORDS, WIDTHS)
def test_the_words_stay(words, width):
    """Whatever the words, they are the same afterwards, in their order."""
    assert fold(" ".join(words), width).split() == " ".join(words).split()


@given(st.lists(st.text("abc0129-./", min_size=1, max_size=12), min_size=1, max_size=40), WIDTHS)
def test_lines_fit(words, width):
    """Words that fit into a line leave no line that does not, and only its second line hangs."""
    first, *more = fold(" ".join(words), width).splitlines()
    assert all(len(line) <= width for line in (first, *more))
    assert not first.startswith(" ")
    assert all(line[:HANGING].isspace() and not line[HANGING].isspace() for line in more)


@pytest.mark.parametrize("width", [24, 50, 80])
@pytest.mark.parametrize("line", LINES)
def test_what_is_copied_is_whole(line, width):
    """A command, a path and what stands in backticks are each on one line, however narrow that is."""
    lines = fold(line, width).splitlines()
    for whole in LINES[line]:
        assert any(whole in one for one in lines), lines


def test_a_starter_is_not_folded():
    """A command over several lines, each but the last with a backslash, can be pasted as it stands."""
    text = (
        "hint: awstune sweep \\\n  -p lr=1e-5..1e-1:log \\\n  -- python train.py --lr {lr} --verbose --much"
    )
    assert fold(text, 40) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("over\rwritten\a", r"over\rwritten\x07"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("größer\t✓ 日本\nnext", "größer\t✓ 日本\nnext"),
    ],
)
def test_nothing_steers_the_terminal(text, shown):
    """What would colour, clear, ring or turn what follows is shown; letters of any language stay."""
    assert fold(text, None) == fold(text, 80) == shown == visible(shown)


def test_a_table_keeps_its_columns():
    """Rows that fit stay as they are, beside a sentence that does not."""
    table = "  lr     1e-5..0.1  float\n  width  16..256    int"
    assert fold(f"{table}\n{'word ' * 20}", 40).startswith(f"{table}\nword word")


def at_a_terminal(columns, words, cwd, **env):
    """What a command shows on a terminal of so many columns, and no more than that."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen = {**os.environ, "AWSTUNE_HOME": str(cwd / "home"), "NO_COLOR": "1", "TERM": "dumb", **env}
    seen.pop("COLUMNS", None)
    with subprocess.Popen(
        [sys.executable, "-m", "awstune", *shlex.split(words)],
        cwd=cwd,
        env=seen,
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        shown = b""
        try:
            while said := os.read(mine, 1 << 16):
                shown += said
        except OSError:  # Linux says EIO where the last writer has gone
            pass
        process.wait(PATIENCE_S)
    os.close(mine)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [50, 80])
def test_on_a_terminal(columns, tmp_path):
    """A refusal breaks where the terminal ends, between its words; a command in it is whole."""
    said = at_a_terminal(columns, "launch lab --ttl soon", tmp_path, AWSTUNE_CLOUD="local")
    assert all(len(line) <= columns for line in said.splitlines())
    assert "\n    " in said
    assert " ".join(said.split()) == (
        "error: Invalid value for '--ttl': 'soon' is no duration; write 8h, 30m, 1h30m or 90s, or none"
        " hint: awstune launch --help"
    )


def test_in_a_pipe(tmp_path):
    """Where nobody has a width nothing is broken: who greps finds whole sentences."""
    done = subprocess.run(
        [sys.executable, "-m", "awstune", "launch", "lab", "--ttl", "soon"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "write 8h, 30m, 1h30m or 90s, or none\n" in done.stderr


def test_no_terminal_is_shown_binary(tmp_path):
    """Parquet goes into a file; on a terminal it is refused, with the line that writes one."""
    folder = tmp_path / "sweeps" / "old"
    folder.mkdir(parents=True)
    (folder / "sweep.toml").write_text(SPEC + SPEC_SPACE)
    said = at_a_terminal(80, "results --format parquet", tmp_path)
    assert "hint: awstune results old --format parquet > old.parquet" in said
    assert "PAR1" not in said

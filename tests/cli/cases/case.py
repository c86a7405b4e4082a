"""One row of the matrix, and the files that rows have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ABSENT = "(absent)"
RING = "(a link to itself)"
PIPE = "(a pipe that nobody writes to)"


@dataclass(frozen=True)
class Case:
    """One row of the matrix.

    Attributes:
        words: the command line, as a shell would split it.
        message: part of the one message.
        hint: part of its fix.
        kind: of the error document.
        status: the exit status.
        files: what lies in the folder one is in, beside a ``train.py`` that works; `ABSENT` removes one,
            and `RING` and `PIPE` are no files.
        env: beside the embedded cloud and a home of its own; ``{cwd}`` is the folder one is in.
        cloud: whether the embedded cloud runs.
        begins: whether it begins, and so leaves word of it, before it fails.
        with_json: whether ``--json`` comes to one document, the error; False where it does not.
    """

    words: str
    message: str
    hint: str
    kind: str = "usage"
    status: int = 2
    files: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    cloud: bool = False
    begins: bool = False
    with_json: bool = True


def script(body: str) -> dict[str, str]:
    """``bad.py``."""
    return {"bad.py": body}


SPACE = 'space = {"x": "0..1.0"}\n'
TRAIN = "def train(trial):\n    trial.report(loss=1.0)\n"
SPEC = 'version = 1\ncreated = 1.0\ntarget = "train.py:train"\nmetric = "loss"\nmode = "min"\ntrials = 2\n'
SPEC_SPACE = '[space]\nx = "0..1.0"\n'
JOURNAL = '{"t": 1.0, "event": "writer", "epoch": 1}\n'


def sweep(spec: str = SPEC + SPEC_SPACE, journal: str | bytes = JOURNAL, **more: Any) -> dict[str, Any]:
    """The folder of a sweep called ``old``, and its script."""
    return {"train.py": TRAIN, "sweeps/old/sweep.toml": spec, "sweeps/old/journal.jsonl": journal, **more}

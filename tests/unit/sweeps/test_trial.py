"""What the user's function holds: reports, epochs, checkpoints."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import awstune
from awstune.sweeps import checkpoint
from awstune.sweeps.trial import Trial
from tests.waiting import PATIENCE_S


class Recorder:
    """A channel that remembers."""

    def __init__(self, stop_after=math.inf):
        self.reports, self.checkpoints, self.stop_after = [], [], stop_after

    @property
    def stopped(self):
        """Whether enough was reported."""
        return len(self.reports) >= self.stop_after

    def report(self, step, metrics):
        """Remember a report."""
        self.reports.append((step, dict(metrics)))

    def checkpointed(self, path, step):
        """Remember a checkpoint."""
        assert path.exists()
        self.checkpoints.append((path.name, step))


def trial_in(folder, channel=None, **params):
    """A trial as a sweep makes it."""
    channel = channel or Recorder()
    return Trial.of_sweep(params, number=3, seed=5, folder=Path(folder), channel=channel), channel


def test_for_a_debugger(capsys):
    """Trial(lr=...) runs one trial anywhere: reports are shown, a folder is there, nothing is saved."""
    trial = awstune.Trial(lr=1e-3, opt="sgd")
    assert trial.params == {"lr": 1e-3, "opt": "sgd"}
    assert (trial.number, trial.stopped) == (0, False)
    for _ in trial.epochs(2, state=[{}]):
        trial.report(loss=0.5)
    assert "1  loss=0.5" in capsys.readouterr().out
    assert list(trial.dir.iterdir()) == []
    (trial.dir / "m").touch()
    assert trial.checkpoint(trial.dir / "m").read_bytes() == b""
    trial.dir.joinpath("m").unlink()


def test_reports_know_their_step(tmp_path):
    """Within epochs() a report is about the epoch; elsewhere reports count, or say it themselves."""
    trial, heard = trial_in(tmp_path)
    trial.report(loss=1)
    trial.report(loss=torch.tensor(0.5), epoch=7)
    trial.report(loss=np.float32(0.25))
    trial.report(loss=0, step=20)
    for _ in trial.epochs(2):
        trial.report(loss=1)
    assert [step for step, _ in heard.reports] == [0, 7, 8, 20, 0, 1]
    assert heard.reports[1][1] == {"loss": 0.5}


def test_two_reports_of_an_epoch_are_one(tmp_path):
    """A second report of the same epoch adds to the first and replaces what it repeats."""
    trial, heard = trial_in(tmp_path)
    for _ in trial.epochs(1):
        trial.report(loss=1, acc=0.5)
        trial.report(loss=2, f1=0.1)
    assert heard.reports[-1] == (0, {"loss": 2.0, "acc": 0.5, "f1": 0.1})


def test_what_is_no_number_is_refused(tmp_path):
    """A report of something else says what; None is a missing number."""
    trial, heard = trial_in(tmp_path)
    with pytest.raises(TypeError, match=r"report\(loss=...\) takes a number, not a list"):
        trial.report(loss=[1])
    with pytest.raises(TypeError, match=r"report\(\) takes metrics"):
        trial.report()
    trial.report(loss=None)
    assert math.isnan(heard.reports[0][1]["loss"])


def test_stopping_early(tmp_path):
    """epochs() ends after the epoch in which the sweep said so."""
    trial, heard = trial_in(tmp_path, Recorder(stop_after=3))
    for _ in trial.epochs(10):
        trial.report(loss=1)
    assert len(heard.reports) == 3


def make_parts():
    """A model, an optimizer, generators and a dict, from a fixed start."""
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  trials use it
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return [model, optimizer, torch.Generator().manual_seed(2), np.random.default_rng(3), {"seen": 0}]


def one_epoch(parts):
    """An epoch that draws from every generator; the loss."""
    model, optimizer, generator, rng, counts = parts
    counts["seen"] += 1
    noise = torch.rand(8, 3, generator=generator) + random.random() + float(rng.random())
    loss = (model(noise) ** 2).mean() + float(np.random.rand())  # noqa: NPY002  trials use it
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item() + counts["seen"]


def losses(folder, count, die_after=None):
    """What a trial reports in one attempt, by epoch."""
    trial, heard = trial_in(folder)
    parts = make_parts()
    for epoch in trial.epochs(count, state=parts):
        trial.report(loss=one_epoch(parts))
        if epoch == die_after:
            break  # before the epoch's checkpoint, as a process that is gone
    return {step: metrics["loss"] for step, metrics in heard.reports}


def epochs_left(folder, count=5):
    """How many epochs a resumed trial would run."""
    return count - checkpoint.restore(folder / "checkpoint", count, make_parts())[0]


@pytest.mark.parametrize("die_after", range(5))
def test_a_resumed_trial_ends_with_the_same_result(tmp_path, die_after):
    """Model, optimizer and every generator go on after the last checkpoint, to the very same losses."""
    whole = losses(tmp_path / "whole", 5)
    losses(tmp_path / "cut", 5, die_after)
    assert epochs_left(tmp_path / "cut") == 5 - die_after
    assert losses(tmp_path / "cut", 5) == whole  # what the sweep may not have heard is said again


def test_a_finished_trial_runs_its_last_epoch_again(tmp_path):
    """A trial that died between its last epoch and its end runs that epoch again, from the right state."""
    whole = losses(tmp_path, 5)
    assert epochs_left(tmp_path) == 1
    assert losses(tmp_path, 5) == whole
    assert [path.name for path in checkpoint.found(tmp_path / "checkpoint")] == [
        "epoch-0004.pt",
        "epoch-0005.pt",
    ]


def test_checkpoints_replace_each_other(tmp_path):
    """One checkpoint at a time is kept while a trial runs, and each is told of."""
    trial, heard = trial_in(tmp_path)
    for epoch in trial.epochs(3, state=[{}]):
        assert len(checkpoint.found(tmp_path / "checkpoint")) == min(epoch, 1)
    assert heard.checkpoints == [("epoch-0001.pt", 0), ("epoch-0002.pt", 1), ("epoch-0003.pt", 2)]


def test_a_torn_checkpoint_is_passed_over(tmp_path, capsys):
    """A file that cannot be read is told of, and an older one, or the beginning, is taken."""
    losses(tmp_path, 5)
    (tmp_path / "checkpoint" / "epoch-0004.pt").write_bytes(b"torn")
    assert epochs_left(tmp_path) == 5
    assert "epoch-0004.pt cannot be read" in capsys.readouterr().err
    losses(tmp_path, 5, 2)
    (tmp_path / "checkpoint" / "epoch-0004.pt").write_bytes(b"torn")
    assert epochs_left(tmp_path) == 3


def test_without_state_a_resumed_trial_begins_again(tmp_path):
    """Nothing is saved of a trial that gives no state."""
    trial, heard = trial_in(tmp_path)
    assert list(trial.epochs(2)) == [0, 1]
    assert heard.checkpoints == []
    assert list(trial.epochs(2)) == [0, 1]


def test_a_state_that_cannot_be_saved(tmp_path):
    """A state without state_dict() is told of by its type."""
    trial, _ = trial_in(tmp_path)
    with pytest.raises(TypeError, match="holds a int, which has no state_dict"):
        list(trial.epochs(2, state=[3]))


def test_a_folder_is_replaced_whole(tmp_path):
    """A folder of one's own takes the place of the one before; who dies in between finds the old one."""
    trial, _ = trial_in(tmp_path)
    source = tmp_path / "model"
    (source / "deep").mkdir(parents=True)
    for text in ("old", "new"):
        (source / "deep" / "weights").write_text(text)
        kept = trial.checkpoint(source)
    assert (kept / "deep" / "weights").read_text() == "new"
    assert [path.name for path in kept.parent.iterdir()] == ["model"]
    before = kept.parent / ".awstune-before"
    before.mkdir()
    kept.rename(before / "model")  # as far as it comes whose process is killed there
    trial.checkpoint(source / "deep")
    assert {path.name for path in kept.parent.iterdir()} == {"model", "deep"}
    assert (kept / "deep" / "weights").read_text() == "new"


RANK = """
import sys
from pathlib import Path
from awstune.sweeps import checkpoint

folder, rank = Path(sys.argv[1]), sys.argv[2]


def write(aside):
    aside.mkdir()
    for name in "abcdef":
        (aside / name).write_text(rank)


for _ in range(40):
    checkpoint.place(folder / "model", write)
    assert checkpoint.newest(folder) == folder / "model"
"""


def test_ranks_that_keep_one_and_the_same(tmp_path):
    """Each process of torchrun's may write it, and look for it: all of them go on, and it is whole."""
    words = [sys.executable, "-c", RANK, str(tmp_path)]
    ranks = [subprocess.Popen([*words, str(rank)], stderr=subprocess.PIPE) for rank in range(3)]
    said = [rank.communicate(timeout=PATIENCE_S)[1].decode() for rank in ranks]
    assert said == ["", "", ""]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert len({path.read_text() for path in (tmp_path / "model").iterdir()}) == 1
    assert len(list((tmp_path / "model").iterdir())) == 6


def test_a_checkpoint_of_ones_own(tmp_path):
    """A file or folder of the user's is copied whole, over an older one of its name."""
    trial, heard = trial_in(tmp_path / "trial")
    model = tmp_path / "model"
    model.mkdir()
    for content in ("a", "b"):
        (model / "weights").write_text(content)
        kept = trial.checkpoint(model)
    assert (kept / "weights").read_text() == "b"
    assert trial.checkpoint(model / "weights").read_text() == "b"
    assert [name for name, _ in heard.checkpoints] == ["model", "model", "weights"]
    assert sorted(path.name for path in kept.parent.iterdir()) == ["model", "weights"]

"""`sweep --try`: one trial, two epochs, and what they show."""

from __future__ import annotations

import os

import pytest

from awstune.config import Config
from awstune.errors import NothingSucceeded
from awstune.flow import spec as specs
from awstune.flow import trying

TRAIN = """
def train(trial):
    for epoch in trial.epochs(50):
        trial.report({reports})
"""


@pytest.fixture
def tried(tmp_path):
    """Tries a training script; what it shows."""

    def run(code):
        (tmp_path / "train.py").write_text(code)
        config = Config("local", None, None, tmp_path / "home", tmp_path)
        made = specs.make(config, specs.Typed("train.py", assignments=["x=0..1.0"]), elsewhere=False)
        story = trying.once(made, tmp_path)
        while True:
            try:
                next(story)
            except StopIteration as end:
                return end.value

    return run


def test_two_epochs_are_enough(tried, tmp_path):
    """However many epochs a script wants, two are run, and no folder is left."""
    seen = tried(TRAIN.format(reports="loss=trial.params['x']"))
    assert (len(seen.trial.reports), seen.metric, seen.mode) == (2, "loss", "min")
    assert not (tmp_path / "sweeps").exists()
    assert "AWSTUNE_EPOCHS" not in os.environ


def test_what_is_not_known_is_found_out(tried):
    """Several metrics, or one that does not say which way is better, are told and not refused."""
    several = tried(TRAIN.format(reports="score=1.0, other=2.0"))
    assert (several.metric, dict(several.trial.reports[-1].metrics)) == (None, {"score": 1.0, "other": 2.0})
    assert tried(TRAIN.format(reports="score=1.0")).mode is None


def test_a_script_that_fails(tried):
    """A script that raises, or reports nothing, fails before any money is spent."""
    with pytest.raises(NothingSucceeded, match="ValueError: nope"):
        tried("def train(trial):\n    raise ValueError('nope')\n")
    with pytest.raises(NothingSucceeded, match="reported"):
        tried("def train(trial):\n    pass\n")

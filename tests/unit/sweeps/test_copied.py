"""What of a sweep's copy in a bucket is brought: what is later there, and would still be on its disk."""

from __future__ import annotations

import hashlib

import pytest

from awstune.search.space import Float, Space
from awstune.search.trials import Status, TrialRecord
from awstune.sweeps import copied
from awstune.sweeps.copied import Stored
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

TRIALS = (
    TrialRecord(0, {}, Status.SUCCEEDED, value=1.0),
    TrialRecord(1, {}, Status.SUCCEEDED, value=2.0),
    TrialRecord(2, {}),
)


def spec(**options):
    """A sweep that looks for the lowest loss."""
    target = Target("function", file="train.py", function="train")
    return Spec(target, Space(x=Float(0, 1)), metric="loss", mode="min", options=options)


def there(*paths, text=b"there"):
    """Files of that content in a bucket."""
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return [Stored(path, len(text), digest) for path in paths]


def brought(folder, stored, *, newer=True, **options):
    """The paths that are brought."""
    return [one.path for one in copied.missing(folder, stored, TRIALS, spec(**options), newer=newer)]


@pytest.mark.parametrize(("keep", "kept"), [("best", {0, 2}), ("none", {2}), ("all", {0, 1, 2})])
def test_only_checkpoints_that_stay(tmp_path, keep, kept):
    """Of each trial the newest one; of those that have ended only what the sweep keeps."""
    paths = [f"trials/{n:04d}/checkpoint/epoch-{e:04d}.pt" for n in range(3) for e in (9, 10)]
    found = brought(tmp_path, there(*paths), keep=keep)
    assert found == [f"trials/{n:04d}/checkpoint/epoch-0010.pt" for n in sorted(kept)]


def test_a_runs_own_folder(tmp_path):
    """A later run of a trial has checkpoints of its own, and what the user keeps there has any name."""
    paths = ["trials/0002/repeat/1/checkpoint/epoch-0001.pt", "trials/0002/checkpoint/model/weights.bin"]
    paths += ["trials/0002/.hydra/config.yaml", "runs/1/trials/0000/.hydra/config.yaml"]
    assert set(brought(tmp_path, there(*paths))) == set(paths)


def test_what_is_here_as_it_is_there_stays(tmp_path):
    """The same content does not travel; another one does, where the bucket is ahead, or a log is longer."""
    (tmp_path / "sweep.toml").write_bytes(b"there")
    (tmp_path / "worker.log").write_bytes(b"here, and longer")
    stored = there("sweep.toml", "worker.log", "trials/0000/artifacts/a.txt")
    assert brought(tmp_path, stored) == ["trials/0000/artifacts/a.txt"]
    (tmp_path / "sweep.toml").write_bytes(b"other")
    (tmp_path / "worker.log").write_bytes(b"the")
    assert brought(tmp_path, stored) == ["sweep.toml", "worker.log", "trials/0000/artifacts/a.txt"]
    assert brought(tmp_path, stored, newer=False) == ["worker.log", "trials/0000/artifacts/a.txt"]


def test_nothing_outside_of_the_folder(tmp_path):
    """Whatever an instance writes there, it names nothing outside, nor what is this machine's own."""
    assert brought(tmp_path, there("../x", "/etc/x", "a//b", ".hidden", "where.json", "journal.jsonl")) == []

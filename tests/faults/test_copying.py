"""A worker with a results bucket: all is in it at its end; one that came too late copies nothing."""

from __future__ import annotations

import os
import sys

import pytest

from awstune import names
from awstune.search.space import Float, Space
from awstune.sweeps import imds, journal
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.serving import Answering, serving
from tests.waiting import PATIENCE_S
from tests.world import ran

VALUES = {
    "instance-id": "i-1",
    "placement/region": "us-east-1",
    "iam/security-credentials/": "writer",
    "iam/security-credentials/writer": '{"AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t"}',
}
PLACE = "/results/sweeps/train-1/i-1/"


class Aws(Answering):
    """The metadata service, and the bucket."""

    def get(self):
        """A value of the instance's."""
        text = VALUES.get(self.path.removeprefix("/latest/meta-data/"))
        self.answer(200 if text else 404, text or "")

    def put(self):
        """A token, or a file."""
        if not self.path.startswith("/latest/"):
            self.server.kept[self.path] = self.body()
        self.answer(200, "token")


@pytest.fixture
def aws():
    """Both on one server."""
    with serving(Aws, kept={}) as server:
        yield server


def test_the_worker_that_has_run_copies(tmp_path, aws):
    """What a sweep wrote is in the bucket when its worker ends; one that came too late leaves at once."""
    (tmp_path / "train.py").write_text("def train(trial):\n    trial.report(loss=1)\n")
    bucket = tmp_path / "root" / names.BUCKET_FILE.lstrip("/")
    bucket.parent.mkdir(parents=True)
    bucket.write_text("results\n")
    folder = Folder.create(tmp_path, "train-1", "train")
    target = Target("function", file="train.py", function="train")
    Spec(target, Space(x=Float(0, 1)), metric="loss", mode="min", trials=2, search="random").write(
        folder.spec_file
    )
    origin = tmp_path / names.ORIGIN_FILE.format(sweep="train-1")
    origin.parent.mkdir()
    origin.write_text("{}")
    own = {
        names.GOING_VARIABLE: str(tmp_path / "going" / "train-1"),
        names.ROOT_VARIABLE: str(tmp_path / "root"),
        names.S3_ENDPOINT_VARIABLE: aws.url,
        imds.VARIABLE: aws.url,
    }

    def work():
        words = [sys.executable, "-m", "awstune.sweeps.worker", str(folder.path)]
        return ran(words, tmp_path, {**os.environ, **own}, timeout=PATIENCE_S).returncode

    assert work() == 0
    assert aws.kept[f"{PLACE}journal.jsonl"] == folder.journal_file.read_bytes()
    assert f"{PLACE}trials/0001/log.txt" in aws.kept
    assert aws.kept[f"{PLACE}where.json"] == b"{}"
    aws.kept.clear()
    with journal.held(folder.journal_file):
        assert work() == 1
    assert aws.kept == {}

"""The copy of a sweep's folder in a bucket, and what signs it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from awstune.sweeps import bucket
from awstune.sweeps.bucket import S3, BucketError, Copy, Credentials
from awstune.sweeps.folder import Folder
from tests.serving import Answering, serving

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "the-session's-token")
NOW = datetime(2026, 11, 23, 18, 0, 0, tzinfo=UTC)


class Kept(Answering):
    """Keeps what is put; a path in ``refused`` is answered with that status."""

    def put(self):
        """One PutObject."""
        body = self.body()
        status, region = self.server.refused.pop(self.path, (200, ""))
        if status == 200:
            self.server.kept[self.path] = body
            self.server.order.append(self.path)
        self.server.headers.append(dict(self.headers))
        self.answer(status, **({"x_amz_bucket_region": region} if region else {}))


@pytest.fixture
def server():
    """An HTTP server that keeps what it is given."""
    with serving(Kept, kept={}, refused={}, headers=[], order=[]) as made:
        yield made


@pytest.fixture
def s3(server):
    """A bucket on it."""
    return S3("results", "us-east-1", lambda: KEYS, now=lambda: NOW, endpoint=server.url)


@pytest.fixture
def folder(tmp_path):
    """A sweep's folder with a journal, a log and a checkpoint."""
    made = Folder(tmp_path / "train-1")
    made.checkpoint_dir(0).mkdir(parents=True)
    made.journal_file.write_text('{"event": "writer"}\n')
    made.log_file(0).write_text("epoch 0\n")
    (made.checkpoint_dir(0) / "epoch 1=ä.pt").write_bytes(b"weights" * 300_000)
    (made.checkpoint_dir(0) / ".awstune-7").write_bytes(b"half")
    (made.trial_dir(0) / ".hydra").mkdir()
    (made.trial_dir(0) / ".hydra" / "config.yaml").write_text("lr: 1")
    return made


def test_the_signature_is_botocores():
    """The headers are those that botocore makes for the same request."""
    path = "/sweeps/a%20b/trials/0001/epoch%3D1.pt"
    ours = bucket.signed("results.s3.eu-west-1.amazonaws.com", path, "eu-west-1", KEYS, NOW)
    request = AWSRequest("PUT", f"https://results.s3.eu-west-1.amazonaws.com{path}")
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    request.context.update({"timestamp": ours["x-amz-date"], "payload_signing_enabled": False})
    signer = S3SigV4Auth(BotoCredentials(KEYS.access_key, KEYS.secret_key, KEYS.token), "s3", "eu-west-1")
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Security-Token"] = KEYS.token
    request.headers["host"] = ours["host"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["Authorization"].endswith(f"Signature={signer.signature(text, request)}")


def test_a_folder_is_copied(server, s3, folder):
    """All of it, byte for byte, the journal last; what is only half written is not."""
    warned = []
    copy = Copy(folder, s3, warned.append, instance=lambda: "i-1")
    assert copy.flush()
    assert warned == []
    assert server.order[-1] == "/results/sweeps/train-1/i-1/journal.jsonl"
    assert max(server.kept.values(), key=len) == b"weights" * 300_000
    assert len(server.kept) == 4
    assert server.headers[0]["x-amz-security-token"] == KEYS.token


def test_only_what_has_changed_is_sent_again(server, s3, folder):
    """A second time nothing is sent but what grew."""
    copy = Copy(folder, s3, print, instance=lambda: "i-1")
    copy.flush()
    server.order.clear()
    with folder.journal_file.open("a") as journal:
        journal.write('{"event": "ended"}\n')
    assert copy.end()
    assert server.order == ["/results/sweeps/train-1/i-1/journal.jsonl"]
    assert server.kept["/results/sweeps/train-1/i-1/journal.jsonl"].count(b"\n") == 2


def test_what_is_refused_is_said_once_and_tried_again(server, s3, folder):
    """A refusal is a warning, not the sweep's end; the next time it may be taken."""
    warned = []
    copy = Copy(folder, s3, warned.append, instance=lambda: "i-1")
    for _ in range(2):
        server.refused["/results/sweeps/train-1/i-1/trials/0000/log.txt"] = (403, "")
        assert not copy.flush()
    assert len(warned) == 1
    assert "did not take" in warned[0]
    assert (
        "/results/sweeps/train-1/i-1/journal.jsonl" not in server.kept
    )  # it would speak of what is not there
    assert copy.flush()
    assert "/results/sweeps/train-1/i-1/journal.jsonl" in server.kept


def test_the_journal_is_never_ahead(folder):
    """What it tells of after the files were looked for is left for the next time."""
    kept = {}

    def put(key, file, size):
        kept[key] = file.read_bytes()[:size]
        if file.name == "log.txt":
            with folder.journal_file.open("a") as journal:
                journal.write('{"event": "ended"}\n')

    copy = Copy(folder, put, print, instance=lambda: "i-1")
    copy.flush()
    assert kept["sweeps/train-1/i-1/journal.jsonl"] == b'{"event": "writer"}\n'
    assert copy.end()
    assert kept["sweeps/train-1/i-1/journal.jsonl"] == folder.journal_file.read_bytes()


@pytest.mark.parametrize(("name", "why"), [("huge", "5 GiB"), ("ä" * 60 + "/" + "x" * 250, "1024 bytes")])
def test_a_file_that_no_bucket_takes(server, s3, folder, name, why):
    """One too large, or with too long a path, is said, and keeps nothing else back; not all is there then."""
    path = folder.artifacts_dir(0) / ("deep/" * 140) / name
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(bucket.MOST_BYTES + 1 if name == "huge" else 1)
    warned = []
    copy = Copy(folder, s3, warned.append, instance=lambda: "i-1")
    assert not copy.flush()
    assert not copy.flush()
    assert [str(path) in text and why in text for text in warned] == [True]
    assert server.order.count("/results/sweeps/train-1/i-1/journal.jsonl") == 1
    assert server.order[-1] == "/results/sweeps/train-1/i-1/journal.jsonl"


def test_where_it_runs_is_told(server, s3, folder, tmp_path):
    """Who finds the copy knows which region and account to ask whether the sweep still runs."""
    origin = tmp_path / "train-1.json"
    origin.write_text('{"region": "eu-west-1"}')
    assert Copy(folder, s3, print, instance=lambda: "i-1", origin=origin).flush()
    assert server.kept["/results/sweeps/train-1/i-1/where.json"] == b'{"region": "eu-west-1"}'


def test_an_end_waits_so_long_and_no_longer(folder):
    """After its ten minutes the instance's end waits for no other file; then not all is in the bucket."""
    kept, clock = [], iter([0.0, 1.0, 601.0, 602.0, 603.0])
    copy = Copy(
        folder, lambda key, *_: kept.append(key), print, instance=lambda: "i", clock=lambda: next(clock)
    )
    assert not copy.end(600)
    assert len(kept) == 1
    assert not kept[0].endswith("journal.jsonl")


def test_an_end_is_not_lost_to_one_bad_moment(server, s3, folder):
    """What the bucket does not take at the end is tried again, and a few times only."""
    slept, log = [], "/results/sweeps/train-1/i-1/trials/0000/log.txt"
    server.refused[log] = (503, "")
    assert Copy(folder, s3, print, instance=lambda: "i-1").end(600, sleep=slept.append)
    assert len(slept) == 1
    assert server.order[-1].endswith("journal.jsonl")

    def refused(*_):
        raise bucket.BucketError("no")

    assert not Copy(folder, refused, print, instance=lambda: "i-1").end(600, sleep=slept.append)
    assert len(slept) == 4


def test_whatever_goes_wrong_it_copies_on(folder):
    """An error that nobody has thought of is said; the next time all is copied."""
    warned, errors = [], [RuntimeError("whatever")]

    def put(*_):
        if errors:
            raise errors.pop()

    copy = Copy(folder, put, warned.append, instance=lambda: "i-1")
    assert not copy.flush()
    assert "whatever" in warned[0]
    assert copy.flush()


def test_a_bucket_elsewhere(server, s3, folder):
    """Where S3 says that the bucket is in another region, it is signed for that one."""
    server.refused["/results/sweeps/train-1/i-1/trials/0000/log.txt"] = (301, "eu-west-1")
    assert Copy(folder, s3, print, instance=lambda: "i-1").flush()
    assert "/eu-west-1/s3/" in server.headers[-1]["Authorization"]


def test_nobody_answers(folder):
    """A bucket that cannot be reached is said, and the sweep goes on."""
    warned = []
    gone = S3("results", "us-east-1", lambda: KEYS, endpoint="http://127.0.0.1:9")
    assert not Copy(folder, gone, warned.append, instance=lambda: "i-1").flush()
    assert "cannot be reached" in warned[0]


class Said:
    """A metadata service with these values."""

    def __init__(self, values=None):
        self._values = values or {}

    def get(self, path):
        """The text at that path."""
        return self._values.get(path)


def test_the_rights_of_the_instance():
    """The profile's credentials are asked for by its role; without a profile that is said."""
    said = {
        "iam/security-credentials/": "writer\n",
        "iam/security-credentials/writer": '{"AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t"}',
    }
    assert bucket.of_instance(Said(said)) == Credentials("a", "s", "t")
    with pytest.raises(BucketError, match="no profile"):
        bucket.of_instance(Said())


@pytest.mark.parametrize("text", ['{"Code": "AssumeRoleUnauthorizedAccess"}', "<html>", "[]"])
def test_a_profile_that_gives_none(text):
    """A role that the instance may not take is said in the service's words."""
    said = {"iam/security-credentials/": "writer\n", "iam/security-credentials/writer": text}
    with pytest.raises(BucketError, match="gives this instance no rights") as refused:
        bucket.of_instance(Said(said))
    assert text in str(refused.value)

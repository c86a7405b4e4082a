"""What a results bucket holds, as its reader sees it."""

import hashlib
import io
from types import SimpleNamespace

import pytest
from botocore.response import StreamingBody

from awstune.ec2 import stored
from awstune.errors import CloudError

PLACE = "sweeps/train-1/i-1/"


def test_a_place_is_listed_and_fetched(cloud, tmp_path):
    """All files below a place are found by their paths from there, also when they come in pages."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="results", Key="sweeps/train-1/i-2/journal.jsonl", Body=b"another's")
    for number in range(1001):
        s3.put_object(Bucket="results", Key=f"{PLACE}trials/{number}/log.txt", Body=b"epoch 0\n")
    found = stored.listed(cloud, "results", PLACE)
    assert len(found) == 1001
    assert (found[0].path, found[0].size, found[0].grows) == ("trials/0/log.txt", 8, True)
    assert found[0].digest == hashlib.md5(b"epoch 0\n", usedforsecurity=False).hexdigest()
    stored.fetch(cloud, "results", PLACE + found[0].path, tmp_path / "a" / "log.txt")
    assert (tmp_path / "a" / "log.txt").read_bytes() == b"epoch 0\n"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["log.txt"]


def test_what_cannot_be_read_is_an_error(cloud, tmp_path):
    """A bucket that is not there, and a file that is gone, are errors of the cloud; nothing is left here."""
    with pytest.raises(CloudError):
        stored.listed(cloud, "nobodys", PLACE)
    cloud.client("s3").create_bucket(Bucket="results")
    with pytest.raises(CloudError):
        stored.fetch(cloud, "results", "sweeps/gone", tmp_path / "gone")
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks(tmp_path):
    """Half a file is an error of the cloud, and is not left here."""

    def half(**_):
        return {"Body": StreamingBody(io.BytesIO(b"half"), content_length=10)}

    broken = SimpleNamespace(client=lambda _: SimpleNamespace(get_object=half))
    with pytest.raises(CloudError, match="GetObject"):
        stored.fetch(broken, "results", f"{PLACE}sweep.toml", tmp_path / "sweep.toml")
    assert list(tmp_path.iterdir()) == []


def test_who_wrote_a_sweep(cloud):
    """The instances that have written a sweep's journal, and no other sweep's, the last one first."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="of-two")
    keys = [
        "i-1; ls/journal.jsonl",
        "i-1/journal.jsonl",
        "i-1/where.json",
        "i-2/trials/0/log.txt",
        "i-4/journal.jsonl",
    ]
    for key in ["train-10/i-3/journal.jsonl", *(f"train-1/{key}" for key in keys)]:
        s3.put_object(Bucket="of-two", Key=f"sweeps/{key}", Body=b"{}")
    found = stored.writers(cloud, "of-two", "train-1")
    assert [(one.instance, one.told) for one in found] == [("i-4", False), ("i-1", True)]
    assert stored.read(cloud, "of-two", "sweeps/train-1/i-1/where.json") == b"{}"

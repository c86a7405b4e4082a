"""Files that are written whole, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from awstune.sweeps.aside import named, whole


@pytest.mark.parametrize("durable", [False, True])
def test_whoever_looks_finds_the_old_or_the_new(tmp_path, durable):
    """A file keeps what it had until all of the new is there; what fails leaves nothing beside it."""
    target = tmp_path / "file"
    target.write_text("old")
    with whole(target, durable=durable) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    with pytest.raises(OSError, match="disk") as failed:
        _half(target, durable=durable)
    assert failed.value.filename == str(target)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "new")]


def _half(target, *, durable):
    with whole(target, durable=durable) as file:
        file.write(b"half")
        raise OSError(errno.EIO, "no disk")


def test_a_disk_that_is_full_is_named():
    """The error of a write names its file, as that of an open does."""
    full = Path("/dev/full")
    with pytest.raises(OSError, match=r"space.*/dev/full") as error, named(full), full.open("wb", 0) as file:
        file.write(b"anything")
    assert error.value.errno == errno.ENOSPC

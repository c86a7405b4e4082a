"""A lost instance's sweep, as far as its results bucket has it and this machine has not.

It is read with the caller's own rights; an instance may only write.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from awstune.amounts import count
from awstune.ec2 import stored
from awstune.ec2.session import Cloud
from awstune.errors import CloudError
from awstune.flow import access
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.names import BUCKET_PREFIX, JOURNAL_FILE
from awstune.remote.mirror import LOCK_FILE, remember
from awstune.remote.where import Where
from awstune.search.folding import fold
from awstune.sweeps import copied, journal
from awstune.sweeps.copied import Stored
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec


def from_bucket(cloud: Cloud, where: Where, folder: Folder) -> Story[None]:
    """Brings here what the bucket has of a sweep whose instance cannot be asked, where that is more.

    What cannot be read is said; what is here stays.

    Args:
        cloud: the instance's.
        where: the instance that had the sweep.
        folder: the sweep's here.
    """
    one = access.described(cloud, where)
    bucket = where.bucket or (one.bucket if one else "")
    if not bucket or where.complete:
        return
    yield Doing(f"looking what the bucket {bucket} has of {folder.name}")
    try:
        with FileLock(folder.path / LOCK_FILE):
            brought, whole = _bring(cloud, bucket, where, folder)
    except CloudError as error:
        yield Warned(f"what the bucket {bucket} has of {folder.name} cannot be read: {error.message}")
        return
    # While its disk is there, the bucket is no proof: only what is fetched from the disk lets that go.
    gone = one is None or not one.live
    remember(folder, where, bucket=bucket, alive=False, complete=whole and gone)
    if brought:
        yield Done(f"{folder.name}: the bucket {bucket} had more of it, which is here now: {_named(brought)}")


def _bring(cloud: Cloud, bucket: str, where: Where, folder: Folder) -> tuple[list[str], bool]:
    """The paths that were brought, and whether all of an ended sweep is here now."""
    place = BUCKET_PREFIX.format(sweep=Path(where.path).name, instance=where.instance)
    found = stored.listed(cloud, bucket, place)
    there = next((one for one in found if one.path == JOURNAL_FILE), None)
    if there is None:
        return [], False
    with tempfile.TemporaryDirectory(prefix=".bucket-", dir=folder.path) as aside:
        theirs = Path(aside) / JOURNAL_FILE
        stored.fetch(cloud, bucket, place + JOURNAL_FILE, theirs)
        newer = _goes_on(folder.journal_file, theirs)
        history = fold(journal.read(theirs if newer else folder.journal_file).events)
        spec = Spec.read(folder.spec_file)
        files = copied.missing(folder.path, found, history.trials, spec, newer=newer)
        _fetch(cloud, bucket, place, folder, files)
        if newer:  # last: nothing that it speaks of is then missing
            theirs.replace(folder.journal_file)
    return [one.path for one in files] + [JOURNAL_FILE] * newer, history.ended is not None


def _fetch(cloud: Cloud, bucket: str, place: str, folder: Folder, files: Sequence[Stored]) -> None:
    for one in files:
        stored.fetch(cloud, bucket, place + one.path, folder.path / one.path)


def _goes_on(here: Path, there: Path) -> bool:
    """Whether a journal there is the one here and more."""
    known = here.read_bytes() if here.exists() else b""
    with there.open("rb") as file:
        return file.read(len(known)) == known and bool(file.read(1))


def _named(paths: Sequence[str]) -> str:
    if JOURNAL_FILE in paths:
        return f"its journal, and {count(len(paths) - 1, 'file')}"
    return count(len(paths), "file")

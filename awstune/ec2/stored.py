"""What instances have written to a results bucket, read with the caller's own rights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from awstune.ec2 import faults
from awstune.names import BUCKET_PREFIX, JOURNAL_FILE
from awstune.sweeps.aside import whole
from awstune.sweeps.copied import Stored

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud


def listed(cloud: Cloud, bucket: str, place: str) -> list[Stored]:
    """The files below a place of a bucket, by their paths from there.

    Args:
        cloud: who asks.
        bucket: its name.
        place: what their keys begin with, to the last slash.

    Raises:
        CloudError: there is no such bucket, or the caller may not look into it.
    """
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=place)
    found = (one for page in pages for one in page.get("Contents", ()))
    return [Stored(one["Key"].removeprefix(place), one["Size"], one["ETag"].strip('"')) for one in found]


def writers(cloud: Cloud, bucket: str, sweep: str) -> list[str]:
    """The ids of the instances that have written a sweep to a bucket, the one that wrote last first.

    Raises:
        CloudError: there is no such bucket, or the caller may not look into it.
    """
    place = BUCKET_PREFIX.format(sweep=sweep, instance="").removesuffix("/")
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=place)
    found = [
        (one["LastModified"], one["Key"].split("/")) for page in pages for one in page.get("Contents", ())
    ]
    journals = [(when, parts[2]) for when, parts in found if len(parts) == 4 and parts[3] == JOURNAL_FILE]  # noqa: PLR2004  sweeps, the sweep, the instance, the file
    return [instance for _, instance in sorted(journals, reverse=True)]


def fetch(cloud: Cloud, bucket: str, key: str, target: Path) -> None:
    """Brings one file here, whole or not at all.

    Raises:
        CloudError: it is not there, or the caller may not read it, or it did not come whole.
        OSError: it cannot be written.
    """
    body = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with faults.translated("GetObject"), whole(target) as file:
        shutil.copyfileobj(body, file)

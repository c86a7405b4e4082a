"""What instances have written to a results bucket, read with the caller's own rights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

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


def fetch(cloud: Cloud, bucket: str, key: str, target: Path) -> None:
    """Brings one file here, whole or not at all.

    Raises:
        CloudError: it is not there, or the caller may not read it.
        OSError: it cannot be written.
    """
    body = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as file:
        shutil.copyfileobj(body, file)

"""What instances have written to a results bucket, read with the caller's own rights."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from awstune.ec2 import faults
from awstune.names import BUCKET_PREFIX, JOURNAL_FILE, WHERE_FILE
from awstune.sweeps.aside import whole
from awstune.sweeps.copied import Stored

if TYPE_CHECKING:
    from datetime import datetime

    from awstune.ec2.session import Cloud


_INSTANCE = re.compile(r"i-[0-9a-f]+")


@dataclass(frozen=True)
class Writing:
    """What an instance has written of a sweep.

    Attributes:
        instance: its id.
        at: when it wrote the journal last.
        told: whether what it knows of itself is there, too.
    """

    instance: str
    at: datetime
    told: bool


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


def writers(cloud: Cloud, bucket: str, sweep: str) -> list[Writing]:
    """The instances that have written a sweep to a bucket, the one that wrote last first.

    Raises:
        CloudError: there is no such bucket, or the caller may not look into it.
    """
    place = BUCKET_PREFIX.format(sweep=sweep, instance="").removesuffix("/")
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=place)
    files: dict[str, dict[str, datetime]] = defaultdict(dict)
    for one in (one for page in pages for one in page.get("Contents", ())):
        _, _, instance, *path = one["Key"].split("/")
        if _INSTANCE.fullmatch(instance):  # whatever an instance writes there, it is named in commands here
            files[instance]["/".join(path)] = one["LastModified"]
    found = [
        Writing(instance, there[JOURNAL_FILE], WHERE_FILE in there)
        for instance, there in files.items()
        if JOURNAL_FILE in there  # it comes last: without it nothing is whole
    ]
    return sorted(found, key=lambda one: (one.at, one.instance), reverse=True)


def read(cloud: Cloud, bucket: str, key: str) -> bytes:
    """The content of a small file.

    Raises:
        CloudError: it is not there, or the caller may not read it, or it did not come whole.
    """
    with faults.translated("GetObject"):
        content: bytes = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


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

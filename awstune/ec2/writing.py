"""Whether what ``--results-bucket`` needs is there: the bucket, and the profile that may write to it.

An account's owner makes both with ``infra/results-bucket.yaml``. They are looked up before a launch makes
anything; a caller who may not look launches all the same, and AWS says then what is missing.

Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html (NoSuchEntity);
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (NoSuchBucket)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune import errors, names
from awstune.ec2.faults import Refused

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

STACK = (
    "aws cloudformation deploy --stack-name awstune-results --template-file infra/results-bucket.yaml "
    "--capabilities CAPABILITY_NAMED_IAM"
)
# All of it that the policy lets a caller list.
_PREFIX = names.BUCKET_PREFIX.partition("{")[0]
_OUTPUT = "aws cloudformation describe-stacks --stack-name awstune-results"


@dataclass(frozen=True)
class Writing:
    """What is there for instances that write their results to a bucket.

    Attributes:
        bucket: its name; empty where none was asked for.
        has_profile: whether the instance profile is there; None where the caller may not ask.
        has_bucket: whether the bucket is there; None where none was named, or the caller may not ask.
    """

    bucket: str
    has_profile: bool | None = None
    has_bucket: bool | None = None


def look(cloud: Cloud, bucket: str) -> Writing:
    """What is there; it changes nothing.

    Args:
        cloud: whose account.
        bucket: its name; empty looks for the profile only.
    """
    profile = _there("NoSuchEntity", lambda: _profile(cloud))
    return Writing(bucket, profile, _there("NoSuchBucket", lambda: _list(cloud, bucket)) if bucket else None)


def refusal(found: Writing) -> errors.UsageError | None:
    """The error for a launch whose results nobody could write; None where nothing is known to be missing."""
    if found.has_profile is False:
        return errors.UsageError(
            f"--results-bucket needs the instance profile {names.RESULTS_PROFILE}, which this account "
            "does not have",
            f"its owner makes it, with a bucket: `{STACK}`; or leave --results-bucket out",
        )
    if found.has_bucket is False:
        return errors.UsageError(
            f"there is no bucket {found.bucket!r}",
            f"`{_OUTPUT}` shows the name of the one that infra/results-bucket.yaml has made",
        )
    return None


def _profile(cloud: Cloud) -> None:
    cloud.client("iam").get_instance_profile(InstanceProfileName=names.RESULTS_PROFILE)


def _list(cloud: Cloud, bucket: str) -> None:
    cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=_PREFIX, MaxKeys=1)


def _there(missing: str, ask: Callable[[], None]) -> bool | None:
    try:
        ask()
    except errors.CloudError as error:
        return False if isinstance(error, Refused) and error.code == missing else None
    return True

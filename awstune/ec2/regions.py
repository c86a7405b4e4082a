"""One's instances in all regions at once."""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from awstune import errors
from awstune.ec2 import instances
from awstune.names import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

_AT_ONCE = 8
_AS_NEAR = 0.01  # of a likeness from 0 to 1


def enabled(cloud: Cloud) -> tuple[str, ...]:
    """The regions that the account may use, in alphabetical order."""
    return tuple(sorted(region["RegionName"] for region in cloud.ec2.describe_regions()["Regions"]))


def nearest(typed: str, known: Sequence[str]) -> list[str]:
    """The regions that a misspelled one may mean, all that are equally near, the default one first."""
    near = difflib.get_close_matches(typed, known, len(known))
    ratio = {region: difflib.SequenceMatcher(None, region, typed).ratio() for region in near}
    best = max(ratio.values(), default=0.0)
    return sorted((r for r in near if ratio[r] > best - _AS_NEAR), key=lambda r: (r != DEFAULT_REGION, r))


def own(
    cloud: Cloud, *, ended: bool = False, everyone: bool = False
) -> tuple[list[Instance], dict[str, errors.CloudError]]:
    """As `instances.own`, in every region that the account may use.

    Returns:
        The instances, and the regions that would not answer with their errors: unknown is not none.

    Raises:
        CloudError: the regions themselves cannot be listed.
    """
    clouds = [cloud if region == cloud.region else cloud.at(region) for region in enabled(cloud)]
    for there in clouds:
        _ = there.ec2  # clients are made here: a boto3 Session is not for several threads
    found: list[Instance] = []
    silent: dict[str, errors.CloudError] = {}

    def ask(there: Cloud) -> list[Instance] | errors.CloudError:
        try:
            return instances.own(there, ended=ended, everyone=everyone)
        except errors.CloudError as error:
            return error

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for there, answer in zip(clouds, pool.map(ask, clouds), strict=True):
            if isinstance(answer, errors.CloudError):
                silent[there.region] = answer
            else:
                found += answer
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for a region far away
    return sorted(found, key=lambda one: (-one.launched, one.name)), silent

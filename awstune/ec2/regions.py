"""One's instances in all regions at once."""

from __future__ import annotations

import difflib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from awstune import errors
from awstune.ec2 import instances
from awstune.names import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

T = TypeVar("T")
_AT_ONCE = 8
_AS_NEAR = 0.01  # of a likeness from 0 to 1


def enabled(cloud: Cloud) -> tuple[str, ...]:
    """The regions that the account may use, in alphabetical order."""
    return tuple(sorted(region["RegionName"] for region in cloud.ec2.describe_regions()["Regions"]))


def _populated(cloud: Cloud) -> tuple[str, ...]:
    """The regions that may have instances, and the one that is asked from."""
    if cloud.endpoint is None or cloud.endpoint.populated is None:
        return enabled(cloud)
    return tuple(sorted({cloud.region, *cloud.endpoint.populated()}))


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
    there, silent = each(
        cloud, lambda one: instances.own(one, ended=ended, everyone=everyone), for_instances=True
    )
    found = [one for _, answer in there for one in answer]
    return sorted(found, key=lambda one: (-one.launched, one.name)), silent


def each(
    cloud: Cloud, ask: Callable[[Cloud], T], *, for_instances: bool = False
) -> tuple[list[tuple[Cloud, T]], dict[str, errors.CloudError]]:
    """Asks every region that the account may use, several at a time.

    Args:
        cloud: who asks.
        ask: what is asked of one of them.
        for_instances: whether for nothing but instances: then EC2's client is the only one that is made (each
            takes a moment), and the embedded cloud, which says where it has any, is asked only there.

    Returns:
        What each answered, and the regions that would not with their errors: unknown is not none.

    Raises:
        CloudError: the regions themselves cannot be listed.
    """
    where = _populated(cloud) if for_instances else enabled(cloud)
    clouds = [cloud if region == cloud.region else cloud.at(region) for region in where]
    for there in clouds:
        # Here: a boto3 Session is not for several threads.
        if for_instances:
            _ = there.ec2
        else:
            there.make_clients()
    found: list[tuple[Cloud, T]] = []
    silent: dict[str, errors.CloudError] = {}

    def answer(there: Cloud) -> T | errors.CloudError:
        try:
            return ask(there)
        except errors.CloudError as error:
            return error

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for there, said in zip(clouds, pool.map(answer, clouds), strict=True):
            if isinstance(said, errors.CloudError):
                silent[there.region] = said
            else:
                found.append((there, said))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for a region far away
    return found, silent

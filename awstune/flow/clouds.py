"""Which EC2 a command talks to: AWS's, or the embedded one, which is found (or started) first."""

from __future__ import annotations

from collections.abc import Callable

from awstune.config import Config, ensure_home
from awstune.ec2 import regions
from awstune.ec2.session import Cloud, Endpoint, open_cloud
from awstune.errors import CloudNotRunning, UsageError
from awstune.localcloud import lifecycle
from awstune.names import DEFAULT_REGION


def open_for(config: Config, *, warn: Callable[[object], None], may_start: bool = False) -> Cloud:
    """The cloud that the options name.

    Args:
        config: the options.
        warn: told where an embedded cloud was killed and its instances are gone.
        may_start: whether the embedded cloud is started where it is not running.

    Raises:
        CloudNotRunning: the embedded cloud is not running and may not be started by this command.
        UsageError: the embedded cloud has no such region.
    """
    endpoint = _embedded(config, warn=warn, may_start=may_start) if config.cloud == "local" else None
    cloud = open_cloud(region=config.region, profile=config.profile, endpoint=endpoint)
    if endpoint is not None:
        _refuse_unknown_region(cloud)
    return cloud


def _embedded(config: Config, *, warn: Callable[[object], None], may_start: bool) -> Endpoint:
    home = ensure_home(config.home)
    found = lifecycle.start(home, on_lost=warn) if may_start else lifecycle.find(home, on_lost=warn)
    if found is None:
        raise CloudNotRunning(
            "the embedded cloud is not running", "awstune local start (or: awstune --cloud local launch)"
        )
    return Endpoint(
        found.endpoint_url,
        found.access_key,
        found.secret_key,
        populated=lambda: {one["region"] for one in lifecycle.instances(found)},
    )


def _refuse_unknown_region(cloud: Cloud) -> None:
    # At AWS a region may be newer than this list; the embedded cloud has no others.
    known = cloud.session.get_available_regions("ec2")
    if cloud.region not in known:
        near = " or ".join(regions.nearest(cloud.region, known)) or DEFAULT_REGION
        raise UsageError(f"there is no region {cloud.region!r}", f"--region {near}")

"""Which EC2 a command talks to: AWS's, or the embedded one, which is found (or started) first."""

from __future__ import annotations

from awstune.config import Config, ensure_home
from awstune.ec2.session import Cloud, Endpoint, open_cloud
from awstune.errors import CloudNotRunning


def open_for(config: Config, *, may_start: bool = False) -> Cloud:
    """The cloud that the options name.

    Args:
        config: the options.
        may_start: whether the embedded cloud is started where it is not running.

    Raises:
        CloudNotRunning: the embedded cloud is not running and may not be started by this command.
    """
    endpoint = _embedded(config, may_start=may_start) if config.cloud == "local" else None
    return open_cloud(region=config.region, profile=config.profile, endpoint=endpoint)


def _embedded(config: Config, *, may_start: bool) -> Endpoint:
    from awstune.localcloud import lifecycle

    home = ensure_home(config.home)
    found = lifecycle.start(home) if may_start else lifecycle.find(home)
    if found is None:
        raise CloudNotRunning("the embedded cloud is not running", "awstune --cloud local launch")
    return Endpoint(found.endpoint_url, found.access_key, found.secret_key)

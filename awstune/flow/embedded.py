"""What goes with the embedded cloud when it ends: its instances, and the sweeps that run on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from awstune.config import Config
from awstune.ec2 import instances
from awstune.errors import AwstuneError
from awstune.localcloud import lifecycle
from awstune.remote import hosts
from awstune.remote.mirror import remember
from awstune.remote.where import Where
from awstune.sweeps import results
from awstune.sweeps.folder import Folder


def names(config: Config) -> tuple[str, ...]:
    """The NAMEs of the instances that the embedded cloud has; none where it does not say."""
    try:
        there = _live(config)
        own = [one for region in sorted({one["region"] for one in there}) for one in _own(config, region)]
    except AwstuneError:
        return ()
    return tuple(sorted(one.name for one in own))


def _own(config: Config, region: str) -> list[instances.Instance]:
    from awstune.flow import clouds  # boto3 comes with it, which whoever lists sweeps does not need

    local = replace(config, cloud="local", region=region)
    return instances.own(clouds.open_for(local, warn=lambda _: None), everyone=True)


def let_go(config: Config) -> tuple[str, ...]:
    """The sweeps of this folder that ended with their instances; from now on they count as interrupted.

    They are those whose instance this home has known, and its embedded cloud has no more.
    """
    gone, live = [], None
    for folder in Folder.all(config.cwd):
        try:
            where = Where.read(folder)
            if where is None or where.cloud != "local" or where.complete or not where.alive:
                continue
            live = {one["id"] for one in _live(config)} if live is None else live
            if where.instance in live or not hosts.pinned(config.home, where.instance):
                continue
            remember(folder, where, alive=False)
            if results.history(folder).ended is None:
                gone.append(folder.name)
        except AwstuneError:
            continue  # a damaged folder is told of where it is asked for
    return tuple(gone)


def _live(config: Config) -> list[dict[str, Any]]:
    """The instances that the embedded cloud has, running or stopped; none where it does not run."""
    found = lifecycle.find(config.home)
    there = [] if found is None else lifecycle.instances(found)
    return [one for one in there if one["state"] not in instances.ENDED]

"""``awstune ls``, ``stop`` and ``start``."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from awstune.cli.completing import instance_names
from awstune.cli.options import command, option
from awstune.cli.params import Dollars, Span
from awstune.cli.screen import LOOK, Screen
from awstune.cli.wrapping import room_of
from awstune.config import Config


@command("ls", example="awstune ls --json")
@option("--everyone", is_flag=True, help="Whoever in the account launched them with awstune.")
@option("--all-regions", is_flag=True, help="In every region of the account.")
@option("--ended", is_flag=True, help="Also what is gone, and what it cost.")
def ls_command(config: Config, everyone: bool, all_regions: bool, ended: bool) -> None:
    """List your instances, what they cost, and when they end.

    What is shown is AWS's word, found by tags: it is the same on any machine of yours. -v adds AWS's ids.
    """
    from awstune.ec2 import instances, prices, regions
    from awstune.flow import access, clouds
    from awstune.report import tables

    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        keys_dir = access.keys_dir(config, cloud)
        screen.doing("asking AWS")
        if all_regions:
            all_found, silent = regions.own(cloud, ended=ended, everyone=everyone)
            for region, error in silent.items():
                screen.warn(f"{region} does not answer, so what is there is not known: {error.message}")
        else:
            all_found = instances.own(cloud, ended=ended, everyone=everyone)
        found = [one.to_json(time.time(), prices.shipped(), keys_dir) for one in all_found]
        if config.json:
            screen.document(found)
        else:
            shown = tables.instances(found, ids=config.verbosity > 0, room=room_of(sys.stdout))
            screen.result(shown)


@command("stop", example="awstune stop lab")
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=instance_names)
def stop_command(config: Config, names: tuple[str, ...]) -> None:
    """Stop instances; their disks stay, and go on costing.

    A NAME may be left out where there is only one instance. `awstune start` brings them back.
    """
    from awstune.flow import clouds, doomed, end

    with Screen(config) as screen:
        screen.if_interrupted("nothing was stopped", LOOK)
        cloud = clouds.open_for(config, warn=screen.warn)
        which = doomed.chosen(cloud, names)
        goes_on = " ".join(one.name for one in which)
        screen.if_interrupted(f"{goes_on}: it may be stopped, or goes on and costs", LOOK)
        screen.follow(end.stop(cloud, which))
        screen.if_interrupted(f"{goes_on}: stopped; a disk costs", f"awstune terminate {goes_on} ends that")
        _show_stopped(config, screen, cloud, which)


@command("start", example="awstune start lab --ttl 2h")
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=instance_names)
@option("--ttl", type=Span(may_be_none=True), help="Time to live from now.  [default: as launched]")
@option("--max-usd", type=Dollars(), metavar="X", help="Another dollar cap, on all that it costs.")
@option("--yes", is_flag=True, help="Answer the question in advance.")
def start_command(
    config: Config, names: tuple[str, ...], ttl: float | None, max_usd: float | None, yes: bool
) -> None:
    """Start stopped instances again.

    Each gets a new end, and is waited for until it passes every status check. One that its dollar cap has
    ended needs another cap.
    """
    from awstune.cli.launch import show_launched
    from awstune.ec2 import prices, restart
    from awstune.flow import clouds, doomed, end

    with Screen(config) as screen:
        screen.if_interrupted("nothing was started", LOOK)
        cloud = clouds.open_for(config, warn=screen.warn)
        table, now = prices.shipped(), time.time()
        which = doomed.chosen(cloud, names)
        restarts = [restart.propose(one, table, now, ttl_s=ttl, max_usd=max_usd) for one in which]
        screen.say("\n".join(one.prose() for one in restarts))
        if not cloud.local:
            screen.confirm("Start?", yes=yes)
        goes_on = " ".join(one.instance.name for one in restarts)
        screen.if_interrupted(f"{goes_on}: it may have started, and then costs", f"awstune stop {goes_on}")
        ready = screen.follow(end.start(config, cloud, restarts))
        screen.if_interrupted(f"{goes_on}: running, and costs", f"awstune stop {goes_on}")
        show_launched(screen, config, ready)


def _show_stopped(config: Config, screen: Screen, cloud: Any, which: Any) -> None:
    from awstune.ec2 import instances, prices
    from awstune.flow import access
    from awstune.report.words import money

    if config.json:
        keys_dir = access.keys_dir(config, cloud)
        now = instances.describe(cloud, [one.id for one in which])
        screen.document([one.to_json(time.time(), prices.shipped(), keys_dir) for one in now])
        return
    names = " ".join(one.name for one in which)
    daily = money(sum(prices.shipped().disk_usd_per_hour(one.disk_gib) for one in which) * 24)
    goes_on = "the disk goes on costing" if len(which) == 1 else "their disks go on costing"
    screen.sentence(f"stopped: {names}; {goes_on} {daily} a day until awstune terminate {names}")

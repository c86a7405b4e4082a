"""``awstune terminate``: fetch, end, look."""

from __future__ import annotations

from typing import Any

import click

from awstune.cli.options import command, option
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import LeftBehind, UsageError


@command("terminate", example="awstune terminate lab")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@option("--all", "every", is_flag=True, help="All of your own.")
@option("--discard", is_flag=True, help="Without fetching what sweeps have not yet sent home.")
@option("--yes", is_flag=True, help="Answer the question in advance.")
def terminate_command(config: Config, names: tuple[str, ...], every: bool, discard: bool, yes: bool) -> int:
    """End instances for good, and check that nothing is left.

    First fetches what a sweep there has not yet sent home. Afterwards it looks for instances, disks,
    network interfaces, security groups and key pairs; exit status 4 means that something is still there.
    A left-out NAME is the only instance there is.
    """
    from awstune.flow import clouds, end

    if every and names:
        raise UsageError("--all and names contradict each other", "awstune terminate --all")
    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        what = end.doomed(cloud, names, every=every)
        if not cloud.local and (what.instances or what.leftovers):
            screen.confirm(f"Terminate {_in_words(what)}? Disks are deleted.", yes=yes)
        left = screen.follow(end.terminate(config, cloud, what, discard=discard))
        return _show(config, screen, what, left)


def _in_words(what: Any) -> str:
    words = [f"{one.name} ({one.type}, {one.state})" for one in what.instances]
    return ", ".join([*words, *(f"what is left of {name}" for name in what.leftovers)])


def _show(config: Config, screen: Screen, what: Any, left: list[dict[str, str]]) -> int:
    if config.json:
        gone = [{"name": one.name, "id": one.id, "state": "terminated"} for one in what.instances]
        screen.document({"instances": gone, "left": left})
        return LeftBehind.exit_status if left else 0
    if left:
        things = ", ".join(f"{thing['kind']} {thing['id']}" for thing in left)
        raise LeftBehind(f"still there: {things}", "awstune terminate again in a minute, then the console")
    names = ", ".join([*(one.name for one in what.instances), *what.leftovers])
    if names:
        rest = "no instance, disk, network interface, group or key pair"
        screen.result(f"{names}: gone. Nothing is left: {rest}.")
    else:
        screen.result("no instances")
    return 0

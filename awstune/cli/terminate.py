"""``awstune terminate``: fetch, end, look."""

from __future__ import annotations

from typing import Any

import click

from awstune.cli.completing import instance_names
from awstune.cli.options import command, option
from awstune.cli.screen import LOOK, Screen
from awstune.config import Config
from awstune.errors import UsageError


@command("terminate", example="awstune terminate lab")
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=instance_names)
@option("--all", "every", is_flag=True, help="All of your own, and what interrupted launches left.")
@option("--all-regions", is_flag=True, help="With --all: in every region of the account.")
@option("--everyone", is_flag=True, help="With --all: whoever in the account launched them.")
@option("--discard", is_flag=True, help="Without fetching what sweeps have not yet sent home.")
@option("--yes", is_flag=True, help="Answer the question in advance.")
def terminate_command(
    config: Config,
    names: tuple[str, ...],
    every: bool,
    all_regions: bool,
    everyone: bool,
    discard: bool,
    yes: bool,
) -> int:
    """End instances for good, and check that nothing is left.

    First fetches what a sweep there has not yet sent home. Afterwards it looks for instances, disks,
    network interfaces, security groups, key pairs and schedules; exit status 4 means that something is
    still there. A left-out NAME is the only instance there is. --all spares, and names, what another
    awstune is at work on.
    """
    from awstune.flow import clouds, doomed, end
    from awstune.flow.ended import silent

    if every and names:
        raise UsageError("--all and names contradict each other", "awstune terminate --all")
    if all_regions and not every:
        raise UsageError("--all-regions is for all of your own", "awstune terminate --all --all-regions")
    if everyone and not every:
        raise UsageError("--everyone is for all there are", "awstune terminate --all --everyone")
    with Screen(config) as screen:
        screen.if_interrupted("nothing was ended: what runs goes on, and costs what it did", LOOK)
        cloud = clouds.open_for(config, warn=screen.warn)
        if all_regions:
            places, unheard = doomed.everywhere(cloud, everyone=everyone)
        else:
            places, unheard = [(cloud, doomed.meant(cloud, names, every=every, everyone=everyone))], []
        asked = [one for _, what in places for one in what.instances]
        without = [base for _, what in places for _, base in what.leftovers]
        if not cloud.local and (asked or without):
            question = f"Terminate {_in_words(asked, without, cloud.owner)}? Disks are deleted."
            screen.confirm(question, yes=yes)
        typed = (" --all-regions" if all_regions else "") + (" --everyone" if everyone else "")
        again = f"awstune terminate --all{typed}" if every else ""
        screen.if_interrupted("what was named may be ended, or goes on and costs", LOOK)
        ended = screen.follow(end.terminate(config, places, discard=discard, again=again))
        screen.if_interrupted("what was named is ended", "awstune ls --all-regions shows what is left")
        ended += silent(unheard, again)
        return _document(screen, ended) if config.json else _show(screen, ended)


def _in_words(asked: list[Any], removed: list[str], mine: str) -> str:
    whose = {one.id: "" if one.owner == mine else f", of {one.owner}" for one in asked}
    words = [f"{one.name} ({one.type}, {one.state}, {one.region}{whose[one.id]})" for one in asked]
    return ", ".join([*words, *(f"what is left of {name}" for name in removed)])


def _document(screen: Screen, ended: Any) -> int:
    gone = [{"name": one.name, "id": one.id, "state": "terminated"} for one in ended.gone]
    screen.document({"instances": gone, "left": ended.left, "removed": ended.removed})
    return ended.failure.exit_status if ended.failure else 0


def _show(screen: Screen, ended: Any) -> int:
    if ended.failure:
        raise ended.failure
    names = ", ".join(ended.names)
    if names and ended.shared:
        rest = "no instance, disk, network interface or schedule"
        goes_on = f"Group and key pair are still used by {', '.join(ended.shared)}"
        screen.sentence(f"{names}: gone. Nothing of that is left: {rest}. {goes_on}.")
    elif names:
        rest = "no instance, disk, network interface, group, key pair or schedule"
        screen.sentence(f"{names}: gone. Nothing is left: {rest}.")
    else:
        screen.result("no instances")
    return 0

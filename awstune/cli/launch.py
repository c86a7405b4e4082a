"""``awstune launch``: a plan, a question, instances."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import click

from awstune.cli.options import command, option
from awstune.cli.params import Span, Tag
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.names import DEFAULT_IDLE_S, DEFAULT_NAME, DEFAULT_TTL_S, DEFAULT_TYPE

WIDTH = 100  # of the plan: sentences longer than that are hard to read
MACHINE, END, ACCESS, HOW = "The machine", "Its end", "Access", "How"


@command("launch", example="awstune launch lab --type g5.xlarge --ttl 4h")
@click.argument("name", default=DEFAULT_NAME)
@option("--type", "type_", default=DEFAULT_TYPE, show_default=True, group=MACHINE, help="Instance type.")
@option("--ami", metavar="IMAGE", group=MACHINE, help="Image: an id, an exact name, or a pattern.")
@option("--count", type=click.IntRange(1, 200), default=1, group=MACHINE, help="How many; NAME-1 ... NAME-N.")
@option("--spot", is_flag=True, group=MACHINE, help="At the spot price; AWS may take it back.")
@option(
    "--disk", type=click.IntRange(1, 16384), metavar="GB", group=MACHINE, help="Root disk, encrypted gp3."
)
@option("--or-similar", is_flag=True, group=MACHINE, help="Take the nearest offered type instead.")
@option("--tag", "tags", type=Tag(), multiple=True, group=MACHINE, help="A tag of your own; repeatable.")
@option(
    "--ttl",
    type=Span(may_be_none=True),
    default=DEFAULT_TTL_S,
    group=END,
    help="Time to live, then it ends itself.  [default: 8h]",
)
@option(
    "--idle",
    type=Span(may_be_none=True),
    default=DEFAULT_IDLE_S,
    group=END,
    help="Ends itself after so long without work.  [default: 30m]",
)
@option(
    "--max-usd",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    group=END,
    help="Ends itself when it has cost so much.",
)
@option(
    "--at-end",
    type=click.Choice(["stop", "terminate"]),
    group=END,
    help="What its end does.  [default: stop; terminate for spot]",
)
@option(
    "--key",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False),
    group=ACCESS,
    help="A private key of your own (mode 600).",
)
@option(
    "--key-type",
    type=click.Choice(["ed25519", "rsa"]),
    default="ed25519",
    group=ACCESS,
    help="Of the key that is made.",
)
@option("--ssh-from", metavar="CIDR", group=ACCESS, help="Who may reach port 22.  [default: your address]")
@option("--subnet", metavar="ID", group=ACCESS, help="Where there is no default network.")
@option("--security-group", metavar="ID", group=ACCESS, help="Use this one as it is.")
@option("--no-wait", is_flag=True, group=HOW, help="Do not wait until it is ready.")
@option("--dry-run", is_flag=True, group=HOW, help="Show the plan and its price, and do nothing.")
@option("--explain", is_flag=True, group=HOW, help="Beside each step, the console step it replaces.")
@option("--yes", is_flag=True, group=HOW, help="Answer the question in advance.")
def launch_command(config: Config, name: str, **typed: Any) -> None:
    """Launch GPU instances and wait until they are ready.

    Shows what will be done, its price and the most it can cost; asks; launches; waits for the state
    running and for every status check; prints the ssh line. Repeating it is harmless: what is there as
    wanted is shown, and what was interrupted is finished.
    """
    from awstune.flow import launch

    with Screen(config) as screen:
        screen.doing(
            f"looking at what is there in {'the embedded cloud' if config.cloud == 'local' else 'AWS'}"
        )
        proposal = launch.propose(config, wanted_of(name, typed), warn=screen.warn)
        screen.still()
        if typed["dry_run"]:
            show_plan(screen, config, proposal.plan, explain=typed["explain"], to_stdout=True)
            return
        if proposal.plan.launches:
            show_plan(screen, config, proposal.plan, explain=typed["explain"])
            if not proposal.cloud.local:
                screen.confirm("Launch?", yes=typed["yes"])
        launched = screen.follow(launch.carry_out(proposal, ready=not typed["no_wait"]))
        show_launched(screen, config, launched)


def wanted_of(name: str, typed: dict[str, Any]) -> Any:
    """What was typed, as the planner's value."""
    from awstune.ec2.wanted import Wanted

    ttl = typed["ttl"]
    return Wanted(
        name=name,
        count=typed["count"],
        type=typed["type_"],
        market="spot" if typed["spot"] else "on-demand",
        image=typed["ami"],
        disk_gib=typed["disk"],
        ttl_s=None if math.isinf(ttl) else ttl,
        idle_s=None if math.isinf(typed["idle"]) else typed["idle"],
        max_usd=typed["max_usd"],
        at_end=typed["at_end"],
        key=typed["key"],
        key_type=typed["key_type"],
        ssh_from=typed["ssh_from"],
        subnet=typed["subnet"],
        security_group=typed["security_group"],
        or_similar=typed["or_similar"],
        tags=dict(typed["tags"]),
    )


def show_plan(screen: Screen, config: Config, plan: Any, *, explain: bool, to_stdout: bool = False) -> None:
    """The plan as prose; a dry run's is the command's result, and JSON where that was asked for."""
    if to_stdout and config.json:
        screen.document(plan.to_json())
        return
    show = screen.result if to_stdout else screen.say
    show(f"Plan:\n{plan_in_words(plan, explain=explain)}")


def plan_in_words(plan: Any, *, explain: bool = False) -> str:
    """The plan's sentences, wrapped for a terminal and indented."""
    return "\n".join(
        textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False,
                      break_on_hyphens=False)
        for line in plan.prose(explain=explain)
    )  # fmt: skip


def show_launched(screen: Screen, config: Config, launched: Any) -> None:
    """The instances that are there now, and how to get in."""
    from awstune.report.words import duration

    if config.json:
        screen.document([one.document for one in launched])
        return
    for one in launched:
        left = one.document["ttl_left_s"]
        ends = "" if left is None else f", and ends itself in {duration(left)}"
        screen.result(f"{one.document['name']} is {one.document['state']}{ends}\n  {one.ssh_line}")
    first, names = launched[0].document["name"], " ".join(one.document["name"] for one in launched)
    screen.say(f"next: awstune ssh {first} · awstune sweep --on {first} train.py · awstune terminate {names}")

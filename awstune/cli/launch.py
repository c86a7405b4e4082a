"""``awstune launch``: a plan, a question, instances."""

from __future__ import annotations

from typing import Any

import click

from awstune.cli.launching import (
    END,
    MACHINE,
    NOT_LAUNCHED,
    perhaps_launched,
    plan_in_words,
    propose,
    wanted_of,
    with_launch_options,
)
from awstune.cli.options import command, option
from awstune.cli.params import Dollars
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.names import DEFAULT_NAME

HOW = "How"


@command("launch", example="awstune launch lab --type g5.xlarge --ttl 4h")
@click.argument("name", default=DEFAULT_NAME)
@with_launch_options
@option("--count", type=click.IntRange(1, 200), default=1, group=MACHINE, help="How many; NAME-1 ... NAME-N.")
@option(
    "--max-usd",
    type=Dollars(),
    metavar="X",
    group=END,
    help="Ends itself before it costs more.",
)
@option("--all-or-none", is_flag=True, group=MACHINE, help="Of a fleet cut short, end what there is.")
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
    with Screen(config) as screen:
        where = "the embedded cloud" if config.cloud == "local" else "AWS"
        screen.if_interrupted(*NOT_LAUNCHED)
        screen.doing(f"looking at what is there in {where}")
        proposal, instead = propose(screen, config, wanted_of(name, typed), dry=typed["dry_run"])
        screen.still()
        if typed["dry_run"]:
            show_plan(screen, config, proposal.plan, explain=typed["explain"], to_stdout=True)
            return
        if proposal.plan.launches:
            show_plan(screen, config, proposal.plan, explain=typed["explain"])
            if not proposal.cloud.local:
                yes = typed["yes"] and not instead
                screen.confirm(instead or "Launch?", yes=yes)
        screen.if_interrupted(*perhaps_launched(proposal.wanted))
        launched = whole(screen, config, proposal, wait=not typed["no_wait"], or_none=typed["all_or_none"])
        there = " ".join(one.document["name"] for one in launched)
        screen.if_interrupted(f"{there}: launched, goes on and costs", f"awstune terminate {there} ends it")
        show_launched(screen, config, launched)


def whole(screen: Screen, config: Config, proposal: Any, *, wait: bool, or_none: bool) -> Any:
    """Launches; of a fleet that did not come in whole, what there is is kept or ended, as asked.

    Args:
        screen: where to.
        config: the options.
        proposal: what is launched.
        wait: until it is ready.
        or_none: whether the question is answered already: what there is is ended.

    Raises:
        PartLaunched: with what there is now.
    """
    from awstune.ec2.launch import PartLaunched
    from awstune.flow import launch

    try:
        return screen.follow(launch.carry_out(proposal, ready=wait))
    except PartLaunched as error:
        part = error
    names = ", ".join(one.name for one in part.launched)
    if not or_none and not proposal.cloud.local and screen.answers:
        screen.warn(part.message)
        or_none = screen.agrees(f"Keep {names}?") is False
    if not or_none:
        raise part
    screen.follow(launch.undo(config, proposal.cloud, part.launched))
    hint = "repeat later, or with a smaller --count"
    raise PartLaunched(f"{part.message}; {names} terminated again", hint, ())


def show_plan(screen: Screen, config: Config, plan: Any, *, explain: bool, to_stdout: bool = False) -> None:
    """The plan as prose; a dry run's is the command's result, and JSON where that was asked for."""
    if to_stdout and config.json:
        screen.document(plan.to_json(explain=explain))
        return
    show = screen.result if to_stdout else screen.say
    show(f"Plan:\n{plan_in_words(plan, explain=explain)}")


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

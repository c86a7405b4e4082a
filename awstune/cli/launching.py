"""What ``launch`` and ``sweep --launch`` share: the options of an instance, and its plan in words."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import click
from click.core import ParameterSource

from awstune.cli.completing import types
from awstune.cli.options import F, option
from awstune.cli.params import Span, Tag
from awstune.cli.screen import Screen
from awstune.cli.wrapping import fold
from awstune.config import Config
from awstune.errors import UsageError
from awstune.names import DEFAULT_IDLE_S, DEFAULT_TTL_S, DEFAULT_TYPE

WIDTH = 80  # of the plan
NOT_LAUNCHED = ("nothing was launched, and nothing costs", "the same command starts again")
MACHINE, END, ACCESS = "The machine", "Its end", "Access"
_end = functools.partial(option, type=Span(may_be_none=True), group=END)

LAUNCH_OPTIONS = (
    option(
        "--type",
        "type_",
        default=DEFAULT_TYPE,
        show_default=True,
        shell_complete=types,
        group=MACHINE,
        help="Instance type.",
    ),
    option("--ami", metavar="IMAGE", group=MACHINE, help="Image: an id, an exact name, or a pattern."),
    option("--spot", is_flag=True, group=MACHINE, help="At the spot price; AWS may take it back."),
    option(
        "--disk", type=click.IntRange(1, 16384), metavar="GB", group=MACHINE, help="Root disk, encrypted gp3."
    ),
    option("--or-similar", is_flag=True, group=MACHINE, help="Take the nearest offered type instead."),
    option("--tag", "tags", type=Tag(), multiple=True, group=MACHINE, help="A tag of your own; repeatable."),
    _end("--ttl", default=DEFAULT_TTL_S, help="Time to live, then it ends itself.  [default: 8h]"),
    _end("--idle", default=DEFAULT_IDLE_S, help="Ends itself after so long without work.  [default: 30m]"),
    option(
        "--at-end",
        type=click.Choice(["stop", "terminate"]),
        group=END,
        help="What its end does.  [default: stop; terminate for spot]",
    ),
    option(
        "--key",
        metavar="PATH",
        type=click.Path(exists=True, dir_okay=False),
        group=ACCESS,
        help="A private key of your own (mode 600).",
    ),
    option(
        "--key-type",
        type=click.Choice(["ed25519", "rsa"]),
        default="ed25519",
        group=ACCESS,
        help="Of the key that is made.",
    ),
    option(
        "--ssh-from", metavar="CIDR", group=ACCESS, help="Who may reach port 22.  [default: your address]"
    ),
    option("--subnet", metavar="ID", group=ACCESS, help="Where there is no default network."),
    option("--security-group", metavar="ID", group=ACCESS, help="Use this one as it is."),
    option(
        "--ssh-jump", metavar="HOST", group=ACCESS, help="SSH goes by way of this host: [USER@]HOST[:PORT]."
    ),
    option("--results-bucket", metavar="NAME", group=ACCESS, help="A bucket that it may write results to."),
)
LAUNCH_KEYS = (
    "type_",
    "ami",
    "spot",
    "disk",
    "or_similar",
    "tags",
    "ttl",
    "idle",
    "at_end",
    "key",
    "key_type",
    "ssh_from",
    "subnet",
    "security_group",
    "ssh_jump",
    "results_bucket",
)


def machine_of(typed: dict[str, Any], *, launch: bool, allowed: Collection[str] = ()) -> dict[str, Any]:
    """Takes what describes an instance out of what was typed.

    Where none is launched it is refused: ignored, it would be missed when the bill comes. What only
    ``awstune.toml`` says waits for a launch, and is None.

    Raises:
        UsageError: such an option was typed without ``--launch``, and is not among those allowed.
    """
    machine = {key: typed.pop(key) for key in LAUNCH_KEYS}
    if launch:
        return machine
    context = click.get_current_context()
    flags = {one.name: one.opts[0] for one in context.command.params}
    for key in machine:
        if context.get_parameter_source(key) is not ParameterSource.COMMANDLINE:
            machine[key] = None
        elif key not in allowed:
            hint = f"add --launch, or leave {flags[key]} out"
            raise UsageError(f"{flags[key]} describes an instance to launch", hint)
    return machine


def with_launch_options(function: F) -> F:
    """Adds the options of an instance to a command."""
    for decorate in reversed(LAUNCH_OPTIONS):
        function = decorate(function)
    return function


def wanted_of(name: str, typed: Mapping[str, Any]) -> Any:
    """What was typed, as the planner's value."""
    from awstune.ec2.wanted import Wanted

    ttl = typed["ttl"]
    return Wanted(
        name=name,
        count=typed.get("count", 1),
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
        ssh_jump=typed["ssh_jump"],
        results_bucket=typed["results_bucket"],
        or_similar=typed["or_similar"],
        tags=dict(typed["tags"]),
    )


def plan_in_words(plan: Any, *, explain: bool = False) -> str:
    """The plan's sentences, wrapped for a terminal and indented."""
    return "\n".join(fold(f"  {line}", WIDTH) for line in plan.prose(explain=explain))


def perhaps_launched(wanted: Any) -> tuple[str, str]:
    """What an interrupt means just before a launch begins and just after its end; in between it says more."""
    names = " ".join(wanted.names)
    return (
        f"{names} may be launched, and then goes on and costs",
        f"awstune ls shows what is there; awstune terminate {names} ends it",
    )


def propose(screen: Screen, config: Config, wanted: Any, *, dry: bool) -> tuple[Any, str]:
    """A plan; where the type is not offered, one with the nearest type, where somebody can be asked.

    Args:
        screen: where to.
        config: the options.
        wanted: what was typed.
        dry: whether it is only to be shown.

    Returns:
        The proposal, and the question that ``--yes`` does not answer; empty where there is none.

    Raises:
        NotOffered: and nobody is there to be asked.
    """
    from awstune.errors import NotOffered
    from awstune.flow import launch

    try:
        return launch.propose(config, wanted, warn=screen.warn, dry=dry), ""
    except NotOffered as error:
        if dry or not error.nearest or config.cloud == "local" or not screen.answers:
            raise
        screen.warn(error.message)
        question = f"Launch {error.nearest} instead?"
    similar = replace(wanted, or_similar=True)
    return launch.propose(config, similar, warn=screen.warn, dry=dry), question

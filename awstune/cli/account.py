"""``awstune types``, ``doctor`` and ``iam``: what the account offers, allows and needs."""

from __future__ import annotations

import functools
import json
import sys
import time
from typing import Any

import click

from awstune.cli.completing import instance_names, types
from awstune.cli.options import command, option
from awstune.cli.params import Dollars, Span
from awstune.cli.screen import LOOK, Screen
from awstune.cli.wrapping import room_of
from awstune.config import Config
from awstune.errors import UsageError
from awstune.names import DEFAULT_TYPE

# What awstune.toml has for a launch is what is looked at.
_of_launch = functools.partial(option, section="launch")


@command("types", example="awstune types --region eu-west-1")
@option("--every", is_flag=True, help="Also those that the region does not offer.")
@option("--zones", is_flag=True, help="The spot price in each zone instead.")
def types_command(config: Config, every: bool, zones: bool) -> None:
    """List the GPU instance types of the region.

    GPU, memory, prices on demand and on the spot market (in its cheapest zone), and how many vCPUs your
    quota of each market still allows.
    """
    from awstune.ec2 import catalog
    from awstune.flow import clouds
    from awstune.report import tables

    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        screen.doing(f"asking what {cloud.region} offers, at what price")
        rows = [row.to_json() for row in catalog.rows(cloud)]
        if config.json:
            screen.document(rows)
        else:
            show = tables.spot_prices if zones else tables.types
            shown = [row for row in rows if every or row["offered"]]
            screen.result(show(shown, cloud.region, room=room_of(sys.stdout)))


@command("doctor", example="awstune doctor")
@_of_launch(
    "--type",
    "type_",
    default=DEFAULT_TYPE,
    show_default=True,
    shell_complete=types,
    help="The type that shall be launched.",
)
@_of_launch("--ami", metavar="IMAGE", help="Image: an id, an exact name, or a pattern.")
@_of_launch("--spot", is_flag=True, help="The quota of the spot market.")
@_of_launch("--count", type=click.IntRange(1, 200), default=1, help="How many shall be launched.")
@_of_launch("--subnet", metavar="ID", help="Where there is no default network.")
@_of_launch("--security-group", metavar="ID", help="The one that shall be used as it is.")
@_of_launch("--ssh-from", metavar="CIDR", help="Who may reach port 22.  [default: your address]")
@_of_launch("--ssh-jump", metavar="HOST", help="SSH shall go by way of this host.")
@_of_launch("--results-bucket", metavar="NAME", help="The bucket that results shall be written to.")
@option("--request-quota", is_flag=True, help="Ask AWS for the vCPUs that are missing.")
@option("--yes", is_flag=True, help="Answer the question in advance.")
def doctor_command(config: Config, type_: str, request_quota: bool, yes: bool, **typed: Any) -> int:
    """Look at every condition of a launch, without spending anything.

    Region, credentials, clock, type, price, what fits what, quota, network, permissions; of what is there
    its keys, doors, disks, ends and leftovers: each finding with its fix. What is not typed is what
    awstune.toml has for a launch. It is also the first thing to run with a new account, or without one.
    """
    from awstune.ec2 import doctor
    from awstune.ec2.patient import Patient
    from awstune.ec2.wanted import Wanted
    from awstune.flow import access, clouds
    from awstune.remote import jump
    from awstune.report import tables

    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        wanted = Wanted(
            type=type_,
            image=typed["ami"],
            market="spot" if typed["spot"] else "on-demand",
            count=typed["count"],
            subnet=typed["subnet"],
            security_group=typed["security_group"],
            ssh_from=typed["ssh_from"],
            ssh_jump=typed["ssh_jump"],
            results_bucket=typed["results_bucket"],
        )
        if request_quota:
            if not cloud.local:
                screen.confirm(f"Ask AWS for the quota that {type_} needs?", yes=yes)
            screen.if_interrupted(
                "AWS may have been asked for the quota; nothing was launched, and nothing costs",
                "awstune doctor shows the quota",
            )
            screen.say(doctor.request_quota(cloud, wanted))
        found = []
        by_jump = functools.partial(jump.source_address, wanted.ssh_jump) if wanted.ssh_jump else None
        patient = Patient(cloud, lambda: access.keys_dir(config, cloud), wanted, seen_from=by_jump)
        for check in doctor.examine(patient):
            found.append(check.to_json())
            screen.doing(f"looked at {check.check}")
        if config.json:
            screen.document(found)
        else:
            screen.sentence(tables.checks(found))
            screen.say(_what_next(found, type_))
        return 0 if all(check["ok"] for check in found) else 1


def _what_next(found: list[dict[str, Any]], type_: str) -> str:
    """The way from where one stands to the first launch."""
    bad = [check["check"] for check in found if not check["ok"]]
    if bad == ["type"]:
        return "next: awstune launch --or-similar"
    if bad:
        return f"next: mend {bad[0]} first, then awstune doctor again"
    return "next: awstune launch" + ("" if type_ == DEFAULT_TYPE else f" --type {type_}")


@command("iam", example="awstune iam > policy.json")
@option("--role", metavar="NAME", help="For whoever assumes this role, and no IAM user.")
@option("--everyone", is_flag=True, help="May also change what others launched with awstune.")
def iam_command(config: Config, role: str | None, everyone: bool) -> None:
    """Print the least-privilege policy for what awstune calls, as JSON.

    It asks nothing and needs no credentials: give the output to whoever owns the account. A user may change
    only what that user launched. Sessions of a role may change what sessions of any role launched, as IAM
    cannot tell them apart, unless the role is named.
    """
    from awstune.ec2 import iam

    if role and everyone:
        raise UsageError("--role and --everyone contradict each other", "awstune iam --everyone")
    del config
    click.echo(json.dumps(iam.policy(role=role, everyone=everyone), indent=2))


@command("extend", example="awstune extend lab 4h")
@click.argument("words", nargs=-1, required=True, metavar="[NAME] DURATION", shell_complete=instance_names)
@option("--max-usd", type=Dollars(), metavar="X", help="Another dollar cap, on all that it costs.")
@option("--yes", is_flag=True, help="Answer the question in advance.")
def extend_command(config: Config, words: tuple[str, ...], max_usd: float | None, yes: bool) -> None:
    """Move an instance's end to a later time.

    Shows first what it may cost by then. A left-out NAME is the only instance there is.
    """
    from awstune.amounts import iso
    from awstune.ec2 import extend, instances, prices
    from awstune.flow import clouds, extending

    if len(words) > 2:  # noqa: PLR2004  # NAME and DURATION
        raise click.UsageError(f"Got unexpected extra argument ({words[2]})")
    by_s = Span().convert(words[-1], None, None)
    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        one = instances.find(cloud, words[0] if len(words) > 1 else None)
        extension = extend.propose(one, by_s, prices.shipped(), time.time(), max_usd)
        screen.say("\n".join(extension.prose()))
        screen.if_interrupted(f"the end of {one.name} has not moved; until then it goes on and costs", LOOK)
        if not cloud.local:
            screen.confirm("Move it?", yes=yes)
        screen.if_interrupted(
            f"{one.name} ends at its old end or at the new one; until then it goes on and costs",
            f"the same command moves it once more; awstune terminate {one.name} ends it now",
        )
        screen.follow(extending.carry_out(config, cloud, extension))
        if config.json:
            screen.document(extension.to_json())
        else:
            ends = iso(extension.ends)
            screen.sentence(f"{one.name} ends at {ends}; awstune terminate {one.name} ends it before")

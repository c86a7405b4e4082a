"""``awstune resume --launch``: a sweep goes on on a new instance."""

from __future__ import annotations

from typing import Any

from awstune.cli import planning, sweeping
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import UsageError
from awstune.flow.resume import Changes
from awstune.sweeps.folder import Folder


def refuse_machine(folder: Folder, *, dry_run: bool) -> None:
    """What only `--launch` can do.

    Raises:
        UsageError: it is asked for without.
    """
    if dry_run:
        again = f"awstune resume {folder.name} --launch --dry-run"
        raise UsageError("--dry-run shows the plan of a new instance", again)


def on_new_instance(
    screen: Screen,
    config: Config,
    folder: Folder,
    changes: Changes,
    machine: dict[str, Any],
    *,
    notify: str | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Launches an instance for a sweep that has begun, and has it go on there.

    Args:
        screen: where to.
        config: the options.
        folder: the sweep's here.
        changes: what shall be otherwise from now on.
        machine: the typed options of the instance.
        notify: an address that is told of the end.
        dry_run: whether only to show what would be done.
        yes: whether the question is answered already.
    """
    from awstune.cli.launching import NOT_LAUNCHED, perhaps_launched, plan_in_words, propose, wanted_of
    from awstune.flow import clouds, follow, launch, look, moving, ship, wanting
    from awstune.flow.sending import Ahead

    screen.if_interrupted(*NOT_LAUNCHED)
    spec = moving.seen_from_here(config, folder, changes)
    parcel = ship.travels(config, spec)
    screen.doing("asking whether the old instance still runs")
    old = screen.follow(moving.refuse(config, folder, changes, sweeping.opener(screen)))
    cap = changes.max_usd or spec.options.get("max_usd")
    cloud = clouds.open_for(config, warn=screen.warn, may_start=True)
    name = moving.free_name(cloud, folder)
    proposal, instead = propose(screen, config, wanted_of(name, {**machine, "max_usd": cap}), dry=dry_run)
    wanting.refuse_plan(proposal.cloud, proposal.plan, spec, parcel)
    screen.still()
    parts = [
        f"Plan:\n{plan_in_words(proposal.plan)}",
        moving.stands(folder),
        planning.afterwards(proposal.plan),
    ]
    told = "\n\n".join(filter(None, [*parts, old]))
    if dry_run:
        screen.sentence(told)
        return 0
    screen.say(told)
    if not proposal.cloud.local:
        question = instead or f"Launch it, and terminate it when {folder.name} is here?"
        screen.confirm(question, yes=yes and not instead)
    came_from = look.where(folder)
    sent = Ahead(config, proposal.cloud, spec, parcel, folder.name)
    launched = launch.carry_out(proposal, again="the same command", running=sent.begin)
    screen.if_interrupted(*perhaps_launched(proposal.wanted))
    (ready,) = screen.follow(launched)
    screen.if_interrupted(
        f"{name} is launched and goes on, and {folder.name} may go on there",
        f"the same command goes on with it; awstune terminate {name} ends {name}",
    )
    story = moving.to_instance(
        config,
        proposal.cloud,
        ready.instance,
        folder,
        parcel,
        changes,
        came_from=came_from,
        notify=notify,
        ahead=sent,
    )
    screen.follow(launch.or_undo(proposal, ready.instance, story))
    attached = follow.attach(config, folder, lambda _: proposal.cloud)
    return sweeping.watch(screen, config, folder, attached, where=name)

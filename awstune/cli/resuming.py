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
    from awstune.cli.launching import NOT_LAUNCHED, plan_in_words
    from awstune.cli.renting import Rental
    from awstune.flow import clouds, follow, look, moving, ship

    screen.if_interrupted(*NOT_LAUNCHED)
    spec = moving.seen_from_here(config, folder, changes)
    parcel = ship.travels(config, spec)
    screen.doing("asking whether the old instance still runs")
    old = screen.follow(moving.refuse(config, folder, changes, sweeping.opener(screen)))
    cap = changes.max_usd or spec.options.get("max_usd")
    cloud = clouds.open_for(config, warn=screen.warn, may_start=True)
    name = moving.free_name(cloud, folder)
    capped = {**machine, "max_usd": cap}
    rental = Rental.propose(screen, config, name, capped, spec, parcel, dry=dry_run)
    launched = rental.proposal.plan
    parts = [f"Plan:\n{plan_in_words(launched)}", moving.stands(folder), planning.afterwards(launched)]
    told = "\n\n".join(filter(None, [*parts, old]))
    if dry_run and config.json:
        screen.document({"sweep": folder.name, **launched.to_json()})
        return 0
    if dry_run:
        screen.sentence(told)
        return 0
    rental.agree(told, f"Launch it, and terminate it when {folder.name} is here?", yes=yes)
    cloud, came_from = rental.proposal.cloud, look.where(folder)
    rental.carry_out(
        folder.name,
        f"{folder.name} may go on there",
        lambda one, sent: moving.to_instance(
            config, cloud, one, folder, parcel, changes, came_from=came_from, notify=notify, ahead=sent
        ),
    )
    attached = follow.attach(config, folder, lambda _: cloud)
    return sweeping.watch(screen, config, folder, attached, where=name)

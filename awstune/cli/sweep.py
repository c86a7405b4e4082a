"""``awstune sweep``: here, or on an instance."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from awstune.cli.completing import files
from awstune.cli.launching import machine_of, with_launch_options
from awstune.cli.options import command
from awstune.cli.screen import Screen
from awstune.cli.searching import SweepCommand, kept_of, with_search_options
from awstune.config import Config
from awstune.errors import UsageError


@command(
    "sweep",
    cls=SweepCommand,
    options_metavar="[OPTIONS]",
    example="awstune sweep train.py -p lr=1e-5..1e-1:log -p batch=16,32",
)
@click.argument("target", required=False, shell_complete=files)
@with_search_options
@with_launch_options
def sweep_command(
    config: Config,
    *,
    on: str | None,
    launch: bool,
    detach: bool,
    name: str | None,
    notify: str | None,
    dry_run: bool,
    try_: bool,
    yes: bool,
    words: tuple[str, ...] | None,
    **typed: Any,
) -> int:
    """Search for the best hyperparameters of a training script.

    TARGET is train.py (its function train), train.py:function or pkg.mod:function, or a command after
    -- with {name} holes. The search space is the module's `space`, overridden by --space and -p. What
    happens is kept in sweeps/SWEEP/, and `awstune resume` goes on after any stop. A sweep whose first
    trials all fail in the same words, three or as many as run at a time, ends with status 3.
    """
    from awstune.flow import entering, spec

    if launch and on is not None:
        raise UsageError("--launch and --on are two places", "leave one of them out")
    machine = machine_of(typed, launch=launch, allowed=() if on is None else ("at_end",))
    options = kept_of(typed)
    with (
        Screen(config) as screen,
        entering.Entry(config, None if try_ else on, screen.warn, log_in=not dry_run) as entry,
    ):
        screen.if_interrupted(*_not_begun(on, try_=try_))
        screen.doing(f"looking into {typed['target'] or 'the target'}")
        made = spec.make(
            config,
            spec.Typed(**typed, command=words, options=options),
            elsewhere=not try_ and (launch or on is not None),
        )
        screen.still()
        from awstune.cli import planning, sweeping
        from awstune.flow import follow, forecast, ship
        from awstune.sweeps.folder import Folder

        if try_:
            return sweeping.show_tried(screen, config, made)
        if on is None and not launch:
            spec.refuse_unpriced(made)
        if name is not None:
            Folder.refuse(config.cwd, name)
        if not dry_run:
            Folder.refuse_unwritable(config.cwd)
        if launch:
            machine["max_usd"] = options.get("max_usd")
            keeping = nullcontext(name) if dry_run else ship.reserved(config, made, name)
            with keeping as kept:
                return sweeping.on_new_instance(
                    screen,
                    config,
                    made,
                    machine,
                    kept,
                    notify=notify,
                    dry_run=dry_run,
                    detach=detach,
                    yes=yes,
                )
        if on is not None:
            return _on_instance(
                screen,
                config,
                made,
                on,
                entry,
                name,
                at_end=machine["at_end"],
                notify=notify,
                dry_run=dry_run,
                detach=detach,
                yes=yes,
            )
        ahead = forecast.make(config, made, elsewhere=False, suggest=dry_run)
        if dry_run:
            return sweeping.show_forecast(screen, config, ahead)
        screen.say(planning.beginning(ahead, room=screen.room))
        folder = spec.new_folder(config, made, name)
        if detach:
            screen.if_interrupted(
                f"{folder.name} may have begun in the background",
                f"awstune attach {folder.name} shows it; awstune cancel {folder.name} ends it",
            )
            screen.follow(follow.detached(folder, notify))
            return sweeping.leave(screen, config, folder, where=sweeping.BACKGROUND)
        return sweeping.watch(screen, config, folder, follow.here(folder, notify), where=None)


def _not_begun(on: str | None, *, try_: bool) -> tuple[str, str]:
    """What an interrupt means before there is a sweep."""
    again = "the same command starts again"
    if try_:
        return "the trial was ended, and nothing of it is kept or costs", again
    if on is None:
        return "no sweep has begun, and nothing costs", again
    goes_on = f"no sweep has begun; {on} is as it was, and costs while it runs"
    return goes_on, f"{again}; awstune terminate {on} ends {on}"


def _on_instance(
    screen: Screen,
    config: Config,
    made: Any,
    on: str,
    entry: Any,
    name: str | None,
    *,
    at_end: str | None,
    notify: str | None,
    dry_run: bool,
    detach: bool,
    yes: bool,
) -> int:
    from awstune.cli import planning, sweeping
    from awstune.ec2 import prices
    from awstune.flow import follow, forecast, ship

    cloud, one = entry.found()
    rate = one.usd_per_hour(prices.shipped())
    ahead = forecast.make(config, made, elsewhere=True, usd_per_hour=rate, instance=one, suggest=dry_run)
    if dry_run:
        return sweeping.show_forecast(screen, config, ahead)
    told = [planning.beginning(ahead, room=screen.room), planning.unattended(one)]
    screen.say("\n\n".join(filter(None, told)))
    parcel = ahead.travels or ship.travels(config, made)
    if parcel.size > ship.ASKED_ABOVE:
        screen.confirm(f"Send all of it to {on}?", yes=yes)
    if at_end is not None and not cloud.local:
        when = "when the sweep has ended" + (" and is here" if at_end == "terminate" else "")
        screen.confirm(f"{at_end.capitalize()} {on} {when}?", yes=yes)
    story = ship.to_instance(
        config,
        cloud,
        one,
        made,
        name,
        parcel,
        at_end=at_end,
        notify=notify,
        followed=not detach,
        opened=entry.opened,
    )
    screen.if_interrupted(
        f"a sweep may have begun on {on}, which goes on and costs",
        f"awstune sweeps shows it; awstune terminate {on} fetches it and ends {on}",
    )
    folder = screen.follow(story)
    if detach:
        return sweeping.leave(screen, config, folder, where=on)
    return sweeping.watch(screen, config, folder, follow.attach(config, folder, lambda _: cloud), where=on)

"""``awstune sweep``: here, or on an instance."""

from __future__ import annotations

from typing import Any

import click

from awstune.cli.launching import LAUNCH_KEYS, with_launch_options
from awstune.cli.options import TailCommand, command, option
from awstune.cli.params import Dollars, Span
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import UsageError
from awstune.names import MOST_TRIALS

WHAT, HOW, WHERE = "What is searched", "How", "Where"
OPTIONS = (
    "acquisition", "keep", "max_time", "max_usd", "metric_regex", "stop_early", "stop_when", "trial_timeout",
)  # fmt: skip


@command("sweep", cls=TailCommand, options_metavar="[OPTIONS]",
         example="awstune sweep train.py -p lr=1e-5..1e-1:log -p batch=16,32")  # fmt: skip
@click.argument("target", required=False)
@option(
    "-p",
    "assignments",
    multiple=True,
    metavar="NAME=SPACE",
    group=WHAT,
    help="A parameter: lr=1e-5..1e-1:log, opt=sgd,adam.",
)
@option("--space", "space_file", type=click.Path(), metavar="FILE", group=WHAT, help="A space in TOML.")
@option(
    "--spec",
    "spec_file",
    type=click.Path(),
    metavar="FILE",
    group=WHAT,
    help="A sweep.toml; what is typed beside it wins.",
)
@option("--metric", metavar="NAME", group=WHAT, help="What the trials are measured by.")
@option("--metric-regex", metavar="REGEX", group=WHAT, help="Finds it in a command's output.")
@option("--mode", type=click.Choice(["min", "max"]), group=WHAT, help="Which way is better.")
@option(
    "--value",
    type=click.Choice(["last", "best"]),
    group=WHAT,
    help="Which report of a trial counts.  [default: last]",
)
@option(
    "--search",
    type=click.Choice(["bayes", "random", "grid"]),
    group=HOW,
    help="How trials are chosen.  [default: bayes]",
)
@option(
    "--trials",
    type=click.IntRange(1, MOST_TRIALS),
    group=HOW,
    help="How many, the baseline among them.  [default: 20]",
)
@option("--parallel", type=click.IntRange(1, 1000), group=HOW, help="How many at a time.  [default: 1]")
@option("--search-seed", "seed", type=int, group=HOW, help="The search's seed.  [default: 0]")
@option("--trial-timeout", type=Span(), group=HOW, help="A trial that takes longer has failed.")
@option(
    "--acquisition",
    type=click.Choice(["ei", "ucb", "thompson"]),
    group=HOW,
    help="What bayes maximizes.  [default: ei]",
)
@option(
    "--stop-early",
    type=click.Choice(["asha", "median"]),
    group=HOW,
    help="End trials that are not worth going on with.",
)
@option("--stop-when", metavar="RULE", group=HOW, help="End when no trial is worth its price.")
@option("--max-time", type=Span(), group=HOW, help="End after so long.")
@option(
    "--max-usd",
    type=Dollars(),
    metavar="X",
    group=HOW,
    help="End when its instance has cost so much.",
)
@option(
    "--keep",
    type=click.Choice(["all", "best", "none"]),
    group=HOW,
    help="Whose checkpoints stay.  [default: best]",
)
@option("--python", metavar="PATH", group=HOW, help="The interpreter of the trials.")
@option("--try", "try_", is_flag=True, group=HOW, help="One trial here, two epochs, and nothing else.")
@option("--dry-run", is_flag=True, group=HOW, help="Show what would be done, and do nothing.")
@option("--on", metavar="NAME", group=WHERE, help="On an instance of yours; else on this machine.")
@option(
    "--env",
    multiple=True,
    metavar="NAME",
    group=WHERE,
    help="Hand this variable over to the instance; repeatable.",
)
@option("--launch", is_flag=True, group=WHERE, help="On a new instance, which ends with the sweep.")
@option("--detach", is_flag=True, group=WHERE, help="Start it and leave; `awstune attach` looks again.")
@option("--yes", is_flag=True, group=WHERE, help="Answer questions in advance.")
@option("--name", metavar="SWEEP", group=WHERE, help="Its name.  [default: the target's, numbered]")
@with_launch_options
def sweep_command(
    config: Config, *, on: str | None, launch: bool, detach: bool, name: str | None, dry_run: bool,
    try_: bool, yes: bool, words: tuple[str, ...] | None, **typed: Any,
) -> int:  # fmt: skip
    """Search for the best hyperparameters of a training script.

    TARGET is train.py (its function train), train.py:function or pkg.mod:function, or a command after
    -- with {name} holes. The search space is the module's `space`, overridden by --space and -p. What
    happens is kept in sweeps/SWEEP/, and `awstune resume` goes on after any stop.
    """
    from awstune.cli import sweeping
    from awstune.flow import follow, spec

    if launch and on is not None:
        raise UsageError("--launch and --on are two places", "leave one of them out")
    machine = {key: typed.pop(key) for key in LAUNCH_KEYS}
    options = {key: value for key in OPTIONS if (value := typed.pop(key)) is not None}
    if env := list(typed.pop("env")):
        options["env"] = env
    with Screen(config) as screen:
        screen.doing(f"looking into {typed['target'] or 'the target'}")
        made = spec.make(
            config,
            spec.Typed(**typed, command=words, options=options),
            elsewhere=not try_ and (launch or on is not None),
        )
        screen.still()
        if try_:
            return sweeping.show_tried(screen, config, made)
        if launch:
            machine["max_usd"] = options.get("max_usd")
            return sweeping.on_new_instance(
                screen, config, made, machine, name, dry_run=dry_run, detach=detach, yes=yes
            )
        if dry_run:
            return _show_forecast(screen, config, made, on)
        screen.say(sweeping.plan(made))
        if on is not None:
            return _on_instance(screen, config, made, on, name, detach=detach, yes=yes)
        folder = spec.new_folder(config, made, name)
        if detach:
            screen.follow(follow.detached(folder))
            return sweeping.leave(screen, config, folder)
        return sweeping.watch(screen, config, folder, follow.here(folder), where=None)


def _on_instance(
    screen: Screen, config: Config, made: Any, on: str, name: str | None, *, detach: bool, yes: bool
) -> int:
    from awstune.cli import sweeping
    from awstune.ec2 import instances
    from awstune.flow import follow, ship

    open_cloud = sweeping.opener(screen, config)
    cloud = open_cloud()
    one = instances.find(cloud, on)
    ship.refuse_real_image(cloud)
    parcel = ship.travels(config, made)
    if parcel.size > ship.ASKED_ABOVE:
        screen.confirm(f"{sweeping.heaviest(parcel)}\nSend all of it to {on}?", yes=yes)
    folder = screen.follow(ship.to_instance(config, cloud, one, made, name, parcel))
    if detach:
        return sweeping.leave(screen, config, folder)
    return sweeping.watch(screen, config, folder, follow.attach(config, folder, open_cloud), where=on)


def _show_forecast(screen: Screen, config: Config, made: Any, on: str | None) -> int:
    from awstune.cli import sweeping
    from awstune.ec2 import instances, prices
    from awstune.flow import forecast

    rate = None
    if on is not None:
        one = instances.find(sweeping.opener(screen, config)(), on)
        rate = prices.shipped().usd_per_hour(one.type, one.market)
    ahead = forecast.make(config, made, elsewhere=on is not None, usd_per_hour=rate)
    if config.json:
        screen.document(ahead.to_json())
    else:
        screen.result(sweeping.forecast(ahead))
    return 0

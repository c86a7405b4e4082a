"""``awstune sweep``: here, or on an instance."""

from __future__ import annotations

from typing import Any

import click

from awstune.cli.options import command, option
from awstune.cli.screen import Screen
from awstune.config import Config

WHAT, HOW, WHERE = "What is searched", "How", "Where"


@command("sweep", example="awstune sweep train.py -p lr=1e-5..1e-1:log -p batch=16,32")
@click.argument("target")
@option(
    "-p",
    "assignments",
    multiple=True,
    metavar="NAME=SPACE",
    group=WHAT,
    help="A parameter: lr=1e-5..1e-1:log, opt=sgd,adam.",
)
@option("--space", "space_file", type=click.Path(), metavar="FILE", group=WHAT, help="A space in TOML.")
@option("--metric", metavar="NAME", group=WHAT, help="What the trials are measured by.")
@option("--mode", type=click.Choice(["min", "max"]), group=WHAT, help="Which way is better.")
@option(
    "--value",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    group=WHAT,
    help="Which report of a trial counts.",
)
@option(
    "--search",
    type=click.Choice(["bayes", "random", "grid"]),
    default="bayes",
    show_default=True,
    group=HOW,
    help="How trials are chosen.",
)
@option(
    "--trials",
    type=click.IntRange(min=1),
    group=HOW,
    help="How many, the baseline among them.  [default: 20]",
)
@option(
    "--parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    group=HOW,
    help="How many at a time.",
)
@option("--search-seed", "seed", type=int, default=0, show_default=True, group=HOW, help="The search's seed.")
@option("--python", metavar="PATH", group=HOW, help="The interpreter of the trials.")
@option("--on", metavar="NAME", group=WHERE, help="On an instance of yours; else on this machine.")
@option("--detach", is_flag=True, group=WHERE, help="Start it and leave; `awstune attach` looks again.")
@option("--name", metavar="SWEEP", group=WHERE, help="Its name.  [default: the target's, numbered]")
def sweep_command(
    config: Config, target: str, on: str | None, detach: bool, name: str | None, **typed: Any
) -> int:
    """Search for the best hyperparameters of a training script.

    TARGET is train.py (its function train), train.py:function or pkg.mod:function. The search space is
    the module's `space`, overridden by --space and -p. What happens is kept in sweeps/SWEEP/, and
    `awstune resume` goes on after any stop.
    """
    from awstune.cli import sweeping
    from awstune.flow import follow, spec

    with Screen(config) as screen:
        screen.doing(f"looking into {target}")
        made = spec.make(config, spec.Typed(target, **typed), elsewhere=on is not None)
        screen.still()
        screen.say(sweeping.plan(made))
        if on is not None:
            return _on_instance(screen, config, made, on, name, detach=detach)
        folder = spec.new_folder(config, made, name)
        if detach:
            screen.follow(follow.detached(folder))
            return sweeping.leave(screen, config, folder, "in the background")
        return sweeping.watch(screen, config, folder, follow.here(folder), where=None)


def _on_instance(
    screen: Screen, config: Config, made: Any, on: str, name: str | None, *, detach: bool
) -> int:
    from awstune.cli import sweeping
    from awstune.ec2 import instances
    from awstune.flow import follow, ship

    open_cloud = sweeping.opener(screen, config)
    cloud = open_cloud()
    folder = screen.follow(ship.to_instance(config, cloud, instances.find(cloud, on), made, name))
    if detach:
        return sweeping.leave(screen, config, folder, f"on {on}")
    return sweeping.watch(screen, config, folder, follow.attach(config, folder, open_cloud), where=on)

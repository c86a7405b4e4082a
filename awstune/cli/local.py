"""``awstune local``: the embedded cloud's process."""

from __future__ import annotations

from dataclasses import asdict

import click

from awstune.amounts import count
from awstune.cli.options import Listing, command, with_global_options
from awstune.cli.screen import Screen
from awstune.config import Config, ensure_home


@command("start", example="awstune local start")
def start_command(config: Config) -> None:
    """Start the embedded cloud, or find it running."""
    with Screen(config) as screen:
        screen.if_interrupted("the embedded cloud was not started", "awstune local start")
        screen.doing("starting the embedded cloud")
        from awstune.localcloud import lifecycle

        lifecycle.start(ensure_home(config.home), on_lost=screen.warn)
        screen.if_interrupted("the embedded cloud runs; nothing in it costs", "awstune local stop ends it")
        _show(config, screen)


@command("stop", example="awstune local stop")
def stop_command(config: Config) -> None:
    """End the embedded cloud with every instance, and remove what it kept."""
    from awstune.flow import embedded
    from awstune.localcloud import lifecycle

    with Screen(config) as screen:
        screen.if_interrupted("the embedded cloud may still be ending", "awstune local stop")
        screen.doing("stopping the embedded cloud")
        names = embedded.names(config)
        stopped = lifecycle.stop(config.home, on_lost=screen.warn)
        sweeps = embedded.let_go(config)
        if config.json:
            _show(config, screen)
        elif stopped.pid is None:
            screen.result("the embedded cloud was not running")
        else:
            gone = count(stopped.instances, "instance") if stopped.instances else "no instance"
            told = f" ({', '.join(names)})" if names else ""
            screen.sentence(f"the embedded cloud is stopped, and {gone} with it{told}")
        for name in sweeps:
            goes_on = f"awstune --cloud local resume {name} --launch goes on on a new one"
            screen.warn(f"{name} ended with its instance, and what was not fetched is lost; {goes_on}")


@command("status", example="awstune local status --json")
def status_command(config: Config) -> None:
    """Show whether the embedded cloud runs, where, and with how many instances."""
    with Screen(config) as screen:
        _show(config, screen)


class LocalGroup(Listing, click.Group):
    """The group, with the help of the others."""


@click.group("local", cls=LocalGroup, epilog="Example: awstune local status")
@with_global_options
def local_command() -> None:
    """Start, stop or show the embedded cloud.

    It is a moto server and one SSH server per instance, on loopback: what awstune does at AWS, it does
    there, and nothing costs anything. `awstune --cloud local launch` starts it too.
    """


for _command in (start_command, stop_command, status_command):
    local_command.add_command(_command)


def _show(config: Config, screen: Screen) -> None:
    from awstune.localcloud import lifecycle

    status = lifecycle.status(config.home, on_lost=screen.warn)
    if config.json:
        screen.document(asdict(status))
    elif status.running:
        what = f"the embedded cloud runs at {status.endpoint} (pid {status.pid})"
        screen.sentence(f"{what}, with {count(status.instances, 'instance')}")
    else:
        screen.result("the embedded cloud is not running")

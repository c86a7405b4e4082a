"""``awstune ssh``: a verified shell, by the system's own ssh where there is one."""

from __future__ import annotations

import os
import shutil
import signal

import click

from awstune.cli.completing import instance_names
from awstune.cli.options import TailCommand, command
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import UsageError


@command("ssh", cls=TailCommand, example="awstune ssh lab -- nvidia-smi", options_metavar="[OPTIONS]")
@click.argument("name", required=False, shell_complete=instance_names)
@click.argument("rest", nargs=-1, metavar="[-- CMD...]")
def ssh_command(
    config: Config, name: str | None, rest: tuple[str, ...], words: tuple[str, ...] | None
) -> int:
    """Open a shell on an instance, or run one command there.

    The host key is the one that was pinned at launch; an unknown or changed one is refused. A command's
    words are joined by blanks and given to the shell there, as ssh does; its exit status is passed on.
    """
    from awstune.ec2 import instances
    from awstune.flow import access, clouds, login
    from awstune.remote import hosts, openssh

    if rest:
        raise UsageError(f"{rest[0]!r}: a command goes after --", f"awstune ssh {name} -- {' '.join(rest)}")
    with Screen(config) as screen:
        cloud = clouds.open_for(config, warn=screen.warn)
        one = instances.find(cloud, name)
        address = screen.follow(login.ready(config, cloud, one))
    if shutil.which("ssh"):
        arguments = openssh.arguments(address, hosts.file_of(config.home), words or ())
        signal.setitimer(signal.ITIMER_REAL, 0)  # an alarm would outlive this process's program
        os.execvp(arguments[0], arguments)  # noqa: S606  # a list of words, no shell
    from awstune.remote import terminal

    with access.enter(config, cloud, one) as connection:
        return terminal.run(connection, " ".join(words or ()))

"""``awstune sweeps``, ``status``, ``attach``, ``logs`` and ``resume``: looking at sweeps, and going on."""

from __future__ import annotations

import time
from typing import Any

import click

from awstune.cli.launching import machine_of, with_launch_options
from awstune.cli.options import command, option, sweep_argument
from awstune.cli.params import Dollars, Span, Url
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import AwstuneError

CHANGES, WHERE = "What changes", "Where"


@command("sweeps", example="awstune sweeps")
def sweeps_command(config: Config) -> None:
    """List the sweeps of this folder."""
    from awstune.flow import embedded, look
    from awstune.report import tables
    from awstune.sweeps.folder import Folder

    with Screen(config) as screen:
        found = []
        embedded.let_go(config)
        for folder in Folder.all(config.cwd):
            try:
                found.append(look.status(folder, time.time()))
            except AwstuneError as error:
                # One damaged folder does not hide the others.
                screen.warn(f"{folder.name}: {error.message}")
        if config.json:
            screen.document(found)
        else:
            screen.result(tables.sweeps(found))


@command("status", example="awstune status")
@sweep_argument
def status_command(config: Config, sweep: str | None) -> None:
    """Show how a sweep is getting on.

    A left-out SWEEP is the newest one here. One that runs on an instance is looked at there first; where
    that is not possible, it is said how old the news is.
    """
    from awstune.cli import sweeping
    from awstune.flow import look
    from awstune.report import tables
    from awstune.sweeps.folder import Folder

    with Screen(config) as screen:
        folder = Folder.find(config.cwd, sweep)
        screen.follow(look.refresh(config, folder, sweeping.opener(screen)))
        document = look.status(folder, time.time())
        if config.json:
            screen.document(document)
        else:
            screen.sentence(tables.status(document))


def _known(config: Config, sweep: str | None) -> Any:
    from awstune.sweeps.folder import Folder

    return _understood(Folder.find(config.cwd, sweep))


def _understood(folder: Any) -> Any:
    """A sweep's folder, whose spec this version must be able to read.

    Raises:
        UsageError: a newer awstune wrote it.
    """
    from awstune.sweeps.spec import Spec

    Spec.read(folder.spec_file)
    return folder


@command("attach", example="awstune attach train-3")
@sweep_argument
@option(
    "--results-bucket",
    metavar="NAME",
    section="launch",
    help="Where a sweep may be whose instance is gone.",
)
@option("--from", "writer", metavar="ID", help="The instance that wrote it there, where several have.")
def attach_command(config: Config, sweep: str | None, results_bucket: str | None, writer: str | None) -> int:
    """Follow a sweep live.

    From its first trial until it ends; one that has ended is shown as it was. Ctrl-C leaves it running.
    One that is not known here is looked for on your running instances, in all regions, then in the bucket
    that they, or those that are gone, wrote it to: once EC2 says that it runs nowhere else.
    """
    from awstune.cli import sweeping
    from awstune.flow import finding, follow, look

    with Screen(config, looks=True) as screen:
        opener = sweeping.opener(screen)
        folder = _understood(screen.follow(finding.find(config, sweep, opener, results_bucket, writer)))
        story = follow.attach(config, folder, opener)
        return sweeping.watch(screen, config, folder, story, where=look.where(folder) or sweeping.BACKGROUND)


@command("logs", example="awstune logs train-3 --trial 7 -f")
@sweep_argument
@option("--trial", type=click.IntRange(min=0), metavar="N", help="Which; left out, the newest one.")
@option("-f", "--follow", is_flag=True, help="Go on until the trial has ended.")
def logs_command(config: Config, sweep: str | None, trial: int | None, follow: bool) -> None:
    """Print a trial's log.

    It is what the trial wrote to stdout and stderr; one that lies on an instance is fetched first. With
    --json each line is an object, {"trial": 7, "line": "..."}.
    """
    from awstune.cli import sweeping
    from awstune.flow import look

    with Screen(config, looks=True) as screen:
        folder = _known(config, sweep)
        opener = sweeping.opener(screen)
        if follow:
            screen.if_interrupted(*sweeping.left(folder, look.where(folder) or sweeping.BACKGROUND))
        story = look.log(config, folder, trial, opener, follow=follow, lines=config.json)
        screen.follow(story, screen.document)


@command("resume", example="awstune resume train-3 --trials +30")
@sweep_argument
@option("--trials", metavar="N|+N", group=CHANGES, help="A new number of trials, or so many more.")
@option("--metric", metavar="NAME", group=CHANGES, help="What the trials are measured by.")
@option("--mode", type=click.Choice(["min", "max"]), group=CHANGES, help="Which way is better.")
@option("--max-usd", type=Dollars(), metavar="X", group=CHANGES, help="End before it costs more.")
@option("--max-time", type=Span(), group=CHANGES, help="End after so long, what it has run included.")
@option("--notify", type=Url(), metavar="URL", group=CHANGES, help="Post the headline there when it ends.")
@option("--launch", is_flag=True, group=WHERE, help="On a new instance, which ends with the sweep.")
@option("--dry-run", is_flag=True, group=WHERE, help="With --launch: show the plan, and do nothing.")
@option("--yes", is_flag=True, group=WHERE, help="Answer questions in advance.")
@with_launch_options
def resume_command(
    config: Config,
    *,
    sweep: str | None,
    launch: bool,
    dry_run: bool,
    yes: bool,
    notify: str | None,
    **typed: Any,
) -> int:
    """Go on with a sweep after any stop.

    Finished trials are kept and not repeated; what was running when it stopped starts again, after its
    last checkpoint where it has one. With --launch it goes on on a new instance, once AWS says that the
    old one is stopped or gone.
    """
    from awstune.cli import resuming, sweeping
    from awstune.flow import follow, look
    from awstune.flow import resume as story

    machine = machine_of(typed, launch=launch)
    with Screen(config) as screen:
        folder = _known(config, sweep)
        screen.if_interrupted(f"{folder.name} is as it was", f"awstune resume {folder.name} goes on with it")
        changes = story.Changes(**typed)
        changes.refuse(folder)
        if launch:
            return resuming.on_new_instance(
                screen, config, folder, changes, machine, notify=notify, dry_run=dry_run, yes=yes
            )
        resuming.refuse_machine(folder, dry_run=dry_run)
        if look.where(folder) is None:
            with story.here(folder, changes):
                return sweeping.watch(screen, config, folder, follow.here(folder, notify), where=None)
        opener, there = sweeping.opener(screen), look.where(folder)
        screen.if_interrupted(
            f"the sweep {folder.name} may go on on the instance {there}, which costs while it runs",
            f"awstune attach {folder.name} looks; awstune terminate {there} fetches it and ends {there}",
        )
        screen.follow(story.there(config, folder, changes, opener, notify))
        attached = follow.attach(config, folder, opener)
        return sweeping.watch(screen, config, folder, attached, where=look.where(folder))


@command("cancel", example="awstune cancel train-3 --trial 7")
@sweep_argument
@option("--trial", type=click.IntRange(min=0), metavar="N", help="One trial only; the sweep goes on.")
def cancel_command(config: Config, sweep: str | None, trial: int | None) -> None:
    """End a running sweep, or one of its trials.

    What has finished stays; `awstune resume` can take the sweep up again. Its instance goes on.
    """
    from awstune.cli import sweeping
    from awstune.flow import cancel

    with Screen(config) as screen:
        folder = _known(config, sweep)
        screen.if_interrupted(
            f"{folder.name} may have been told to end",
            f"awstune status {folder.name} shows it; awstune cancel {folder.name} tells it again",
        )
        done = screen.follow(cancel.tell(config, folder, trial, sweeping.opener(screen)))
        what = folder.name if trial is None else f"trial {trial} of {folder.name}"
        if config.json:
            screen.document({"sweep": folder.name, "trial": trial, "asked": "cancel", "done": done})
        elif done:
            goes_on = "takes it up again" if trial is None else "goes on without it"
            told = f"{what} did not run, and is cancelled"
            screen.sentence(f"{told}; awstune resume {folder.name} {goes_on}")
        else:
            screen.sentence(f"{what} is being ended; awstune status {folder.name} shows when it is")

"""``awstune results``: a sweep's trials."""

from __future__ import annotations

import click

from awstune.cli.options import command, option
from awstune.cli.screen import Screen
from awstune.config import Config


@command("results", example="awstune results train-3 --best")
@click.argument("sweep", required=False, metavar="[SWEEP]")
@option("--best", is_flag=True, help="The best trial, and its checkpoint.")
def results_command(config: Config, sweep: str | None, best: bool) -> None:
    """Show a sweep's trials as a table.

    A left-out SWEEP is the newest one here. The best trial is marked with a star.
    """
    from awstune.cli import sweeping
    from awstune.flow import look
    from awstune.report import tables
    from awstune.sweeps import results
    from awstune.sweeps.folder import Folder

    with Screen(config) as screen:
        folder = Folder.find(config.cwd, sweep)
        screen.follow(look.refresh(config, folder, sweeping.opener(screen, config)))
        document = results.results(folder)
        if config.json:
            screen.document(document)
        else:
            screen.result(tables.best(document) if best else tables.results(document))

"""``awstune results``: a sweep's trials."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from awstune.cli.options import command, option, sweep_argument
from awstune.cli.screen import Screen
from awstune.cli.wrapping import room_of
from awstune.config import Config
from awstune.errors import NothingSucceeded, UsageError

SHAPES = ("table", "csv", "parquet", "json", "args", "toml")
OF_BEST = ("args", "toml")


@command("results", example="awstune results train-3 --best")
@sweep_argument
@option("--best", is_flag=True, help="The best trial: its values and its checkpoint.")
@option(
    "--format",
    "shape",
    type=click.Choice(SHAPES),
    default="table",
    show_default=True,
    help="args and toml are the best trial's values.",
)
def results_command(config: Config, sweep: str | None, best: bool, shape: str) -> int:
    """Show a sweep's trials as a table.

    A left-out SWEEP is the newest one here. The best trial is marked with a star.
    """
    from awstune.cli import sweeping
    from awstune.flow import look
    from awstune.report import formats
    from awstune.sweeps import results
    from awstune.sweeps.folder import Folder

    with Screen(config) as screen:
        folder = Folder.find(config.cwd, sweep)
        if shape == "parquet" and sys.stdout.isatty() and not config.json:
            raise UsageError(
                "Parquet is binary, and no terminal shows it",
                f"awstune results {folder.name} --format parquet > {folder.name}.parquet",
            )
        screen.follow(look.refresh(config, folder, sweeping.opener(screen)))
        document = look.found(folder, time.time())
        if best and document["best"]:
            document["findings"] = results.findings(folder)
        if config.json or shape == "json":
            screen.document(document)
            return NothingSucceeded.exit_status if best and not document["best"] else 0
        if best or shape in OF_BEST:
            formats.refuse_without_best(document)
        if shape == "table":
            _show_table(screen, folder, document, best=best)
        else:
            _show_format(screen, document, shape, best=best)
        return 0


def _show_table(screen: Screen, folder: Any, document: dict[str, Any], *, best: bool) -> None:
    from awstune.report import tables

    if best:
        found = tables.findings(document, document["findings"])
        screen.sentence("\n".join(filter(None, (tables.best(document, folder.path), found))))
        return
    going_on = document["state"] == "running"
    screen.result(tables.results(document, going_on=going_on, room=room_of(sys.stdout)))


def _show_format(screen: Screen, document: dict[str, Any], shape: str, *, best: bool) -> None:
    from awstune.report import formats

    chosen = [document["best"]] if best else document["trials"]
    written = formats.FORMATS[shape]({**document, "trials": chosen})
    if isinstance(written, bytes):
        screen.raw(written)
    else:
        screen.result(written.rstrip("\n"), exact=True)

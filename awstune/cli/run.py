"""``awstune run``: the target once more, outside of the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from awstune.cli.options import command, option, sweep_argument
from awstune.cli.screen import Screen
from awstune.cli.searching import MOST_RUNS
from awstune.config import Config
from awstune.errors import NothingSucceeded


@command("run", example="awstune run train-3 --trial best --set epochs=50 --seeds 3")
@sweep_argument
@option("--trial", metavar="best|N", default="best", show_default=True, help="Whose values it takes.")
@option("--set", "changes", multiple=True, metavar="K=V", help="Another value; repeatable.")
@option(
    "--seeds",
    type=click.IntRange(1, MOST_RUNS),
    metavar="K",
    help="So many new seeds.  [default: the trial's own]",
)
def run_command(
    config: Config, sweep: str | None, trial: str, changes: tuple[str, ...], seeds: int | None
) -> int:
    """Run a sweep's target once more, outside of its search.

    With the best trial's values, or another's. It runs where the sweep ran: here, or on its instance as
    long as that is up. The search does not count it; log, checkpoint and value stay in runs/ of the
    sweep's folder, and `awstune results` lists it. Without --seeds it repeats the trial with the seed
    that it had.
    """
    from awstune.cli import sweeping
    from awstune.flow import again
    from awstune.sweeps.folder import Folder

    with Screen(config) as screen:
        folder = Folder.find(config.cwd, sweep)
        screen.if_interrupted(f"nothing was run; {folder.name} is as it was", "the same command starts again")
        wish = again.wish(folder, trial, changes, seeds)
        place = again.machine(config, folder, sweeping.opener(screen))
        if isinstance(place, tuple):
            where = place[1].name
            screen.say(f"{_plan(wish)}, on {where}, with the code that was sent there")
            run = again.new_folder(wish)
            story = again.there(config, wish, run, *place)
        else:
            where = None
            wish, cwd = again.at_home(config, wish)
            if place is not None:
                screen.warn(f"{place}, so it runs on this machine, with the code that is here")
            screen.say(f"{_plan(wish)}, on this machine")
            run = again.new_folder(wish)
            story = again.here(run, cwd)
        screen.if_interrupted(*_left(wish, run, where))
        document = screen.follow(story, lambda event: _show(screen, wish, event))
        return _done(screen, config, wish, document)


def _plan(wish: Any) -> str:
    from awstune.amounts import count
    from awstune.report.words import params

    spec = wish.spec
    return f"{spec.target.text} once more: {params(wish.params)}, {count(spec.trials, 'seed')}"


def _show(screen: Screen, wish: Any, event: Mapping[str, Any]) -> None:
    from awstune.report.words import duration, value

    if event["event"] != "finished" or screen.config.json:
        return
    seed = wish.spec.options["seeds"][event["trial"]]
    told = event["error"] or f"{wish.spec.metric} {value(event['value'])}"
    screen.say(f"seed {seed}: {told} ({duration(event.get('seconds'))})")


def _left(wish: Any, run: Any, where: str | None) -> tuple[str, str]:
    name = wish.sweep.name
    costs = f"; {where} goes on" if where else ""
    ends = f"; awstune terminate {where} ends {where}" if where else ""
    what = f"run {run.name} of {name} has stopped; what it did is in {run.path}{costs}"
    return what, f"awstune run {name} --trial {wish.trial.number} begins anew{ends}"


def _done(screen: Screen, config: Config, wish: Any, document: Mapping[str, Any]) -> int:
    from awstune.amounts import count
    from awstune.report.words import spread
    from awstune.search import runs

    if config.json:
        screen.document(document)
        return 0 if document["mean"] is not None else NothingSucceeded.exit_status
    logs = wish.sweep.path / document["runs"][0]["log"] if document["runs"] else wish.sweep.path
    if document["mean"] is None:
        why = next((run["error"] for run in document["runs"] if run["error"]), "it did not run")
        raise NothingSucceeded(f"no run succeeded: {why}", f"its log is {logs}")
    good = sum(run["value"] is not None for run in document["runs"])
    before = f"trial {wish.trial.number} had {spread(wish.trial.value, runs.spread(wish.trial.repeats).sd)}"
    told = spread(document["mean"], document["sd"])
    screen.sentence(f"{document['metric']} {told} over {count(good, 'seed')} ({before})")
    screen.say(f"what it left: {wish.sweep.path / document['dir']}")
    return 0

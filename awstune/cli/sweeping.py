"""What ``sweep``, ``attach`` and ``resume`` share: the plan, the watching, and the last word."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

from awstune.amounts import count
from awstune.cli import planning
from awstune.cli.progress import Progress
from awstune.cli.screen import Screen
from awstune.cli.wrapping import width_of
from awstune.config import Config
from awstune.errors import NothingSucceeded
from awstune.names import SPEC_FILE, SWEEPS_DIR
from awstune.report import tables
from awstune.report.words import value
from awstune.sweeps.folder import Folder
from awstune.sweeps.scoring import never, reported_instead
from awstune.sweeps.spec import Spec
from awstune.sweeps.words import quoted

BACKGROUND = "in the background"


def opener(screen: Screen) -> Callable[[Config], Any]:
    """Opens a cloud when it is first needed: a sweep here needs none, and no boto3."""

    def open_cloud(config: Config) -> Any:
        from awstune.flow import clouds

        return clouds.open_for(config, warn=screen.warn)

    return open_cloud


def show_tried(screen: Screen, config: Config, made: Spec) -> int:
    """Tries the target once, and says what it reports."""
    from awstune.flow import trying

    tried = screen.follow(trying.once(made, config.cwd))
    last = dict(tried.trial.reports[-1].metrics)
    if config.json:
        document = {
            "metric": tried.metric,
            "mode": tried.mode,
            "reports": last,
            "seconds": tried.trial.seconds,
        }
        screen.document(document)
        return 0
    reported = ", ".join(f"{name} {value(number)}" for name, number in last.items())
    screen.sentence(f"{made.target.text} works: after {trying.EPOCHS} epochs it reports {reported}")
    if tried.metric is None:
        screen.sentence(f"say which of them is the metric: --metric {next(iter(last))}")
    elif tried.mode is None:
        screen.sentence(
            f"say whether a higher or a lower {tried.metric} is better: --mode max, or --mode min"
        )
    else:
        screen.result(f"metric: {tried.metric}, mode: {tried.mode}")
    return 0


def on_new_instance(
    screen: Screen,
    config: Config,
    made: Spec,
    machine: dict[str, Any],
    name: str | None,
    *,
    notify: str | None,
    dry_run: bool,
    detach: bool,
    yes: bool,
) -> int:
    """Launches an instance for a sweep, runs it there, fetches it, and ends the instance.

    Args:
        screen: where to.
        config: the options.
        made: the sweep's spec.
        machine: the typed options of the instance.
        name: the sweep's, and so the instance's; None numbers it.
        notify: an address that is told of the sweep's end.
        dry_run: whether only to show what would be done.
        detach: whether to leave once it runs.
        yes: whether the question is answered already.
    """
    from awstune.cli.launching import NOT_LAUNCHED, plan_in_words
    from awstune.cli.renting import Rental
    from awstune.flow import follow, forecast, ship

    name = name or ship.free_name(config, made)
    parcel = ship.travels(config, made)
    screen.if_interrupted(*NOT_LAUNCHED)
    screen.doing("looking at what is there")
    rental = Rental.propose(screen, config, name, machine, made, parcel, dry=dry_run)
    launched, cloud = rental.proposal.plan, rental.proposal.cloud
    rate = launched.usd_per_hour
    ahead = forecast.make(config, made, elsewhere=True, usd_per_hour=rate, launch=launched, suggest=dry_run)
    if dry_run:
        return show_forecast(screen, config, ahead)
    plan = f"Plan:\n{plan_in_words(launched)}"
    told = [plan, planning.beginning(ahead, room=screen.room), planning.afterwards(launched)]
    question = "Launch it, and terminate it when the sweep is here?"
    rental.agree("\n\n".join(filter(None, told)), question, yes=yes)
    one, folder = rental.carry_out(
        name,
        "its sweep may have begun",
        lambda one, sent: ship.to_instance(
            config,
            cloud,
            one,
            made,
            name,
            parcel,
            at_end="terminate",
            notify=notify,
            ahead=sent,
            followed=not detach,
        ),
    )
    if detach:
        screen.say(f"{_at_end(one)}; awstune attach {name} fetches all and terminates it")
        return leave(screen, config, folder, where=name)
    return watch(screen, config, folder, follow.attach(config, folder, lambda _: cloud), where=name)


def _at_end(one: Any) -> str:
    """What becomes of a sweep's own instance when nobody is there at its end."""
    from awstune.flow import ship

    if ship.at_end_of(one) == "stop":
        return f"{one.name} stops itself when the sweep has ended"
    return (
        f"{one.name} terminates itself when it has idled after the sweep's end, with what nobody has fetched"
    )


def show_forecast(screen: Screen, config: Config, ahead: Any) -> int:
    """What a sweep would do, as text or JSON."""
    if config.json:
        screen.document(ahead.to_json())
        return 0
    screen.sentence(planning.forecast(ahead, room=width_of(sys.stdout)))
    return 0


def watch(screen: Screen, config: Config, folder: Folder, story: Any, *, where: str | None) -> int:
    """Runs a sweep's story, shows it, and gives the exit status.

    Args:
        screen: where to.
        config: the options.
        folder: the sweep's.
        story: events of its journal, then its results.
        where: the NAME of the instance it runs on, `BACKGROUND` for another process here; None for this one.

    Raises:
        Interrupted: by Ctrl-C; says what goes on.
        NothingSucceeded: it ended without one successful trial.
    """
    screen.if_interrupted(*left(folder, where))
    document = screen.follow(story, Progress(screen, stream=config.json))
    if config.json:
        from awstune.flow import look

        screen.document(look.found(folder, time.time()))
        return 0 if document["best"] else NothingSucceeded.exit_status
    if document["best"] is None:
        elsewhere = where is not None and where != BACKGROUND
        raise _nothing(document, Spec.read(folder.spec_file).trials, elsewhere=elsewhere)
    from awstune.sweeps import results

    screen.sentence(tables.best(document))
    for line in tables.findings(document, results.findings(folder, model=False)).splitlines():
        screen.say(line)
    screen.say(f"next: awstune results {folder.name} · awstune results {folder.name} --best")
    return 0


def leave(screen: Screen, config: Config, folder: Folder, *, where: str) -> int:
    """The last word of a sweep that goes on without this terminal."""
    screen.if_interrupted(*left(folder, where))
    if config.json:
        from awstune.flow import look

        screen.document(look.found(folder, time.time()))
        return 0
    screen.result(folder.name)
    screen.say(f"next: awstune attach {folder.name} · awstune status {folder.name}")
    return 0


def left(folder: Folder, where: str | None) -> tuple[str, str]:
    """What an interrupt of whoever watches leaves, and the commands that go on with it or end it.

    Args:
        folder: the sweep's.
        where: as `watch` has it.
    """
    name = folder.name
    if where is None:
        return (
            f"{name} has stopped, and what has finished is kept",
            f"awstune resume {name} goes on; what ran starts again, after its last checkpoint if it has one",
        )
    if where == BACKGROUND:
        look = f"awstune attach {name} looks again"
        return f"{name} goes on in the background", f"{look}; awstune cancel {name} ends it"
    return (
        f"the sweep {name} goes on on the instance {where}, which goes on costing",
        f"awstune attach {name} looks again; awstune terminate {where} fetches it and ends {where}",
    )


def _nothing(document: dict[str, Any], planned: int | None, *, elsewhere: bool) -> NothingSucceeded:
    trials = document["trials"]
    errors = [trial["error"] for trial in trials if trial["error"]]
    why = f": {errors[0]}" if errors else ""
    return NothingSucceeded(
        f"{document['sweep']} ended after {count(len(trials), 'trial')}, and none succeeded{why}",
        _missing(errors, elsewhere=elsewhere)
        or _unread(document, errors)
        or _mended(document["sweep"], errors, open_ended=planned is None or len(trials) < planned),
    )


def _missing(errors: list[str], *, elsewhere: bool) -> str | None:
    """What has a module on an instance that the trials miss there; None where that is not the trouble."""
    found = re.search(r"No module named '(\w+)", errors[0]) if errors and elsewhere else None
    return found and (
        f"what provides {found[1]} goes into requirements.txt, else into [project] of pyproject.toml, "
        "which are what is installed on an instance; the line .[NAME] stands for an extra"
    )


def _unread(document: dict[str, Any], errors: list[str]) -> str | None:
    """How the output of a command is read, where it ran and nothing of it was; None where that is not so."""
    name, metric = document["sweep"], document["metric"]
    if not errors or errors[0] != never(metric) or not document["trials"][0]["command"]:
        return None
    read = f"awstune sweep --spec {SWEEPS_DIR}/{name}/{SPEC_FILE} --metric-regex '{metric}: ([0-9.eE+-]+)'"
    return f"awstune logs {name} --trial 0 shows what it printed; {read} begins anew, and reads such a line"


def _mended(name: str, errors: list[str], *, open_ended: bool) -> str:
    """What mends a sweep without one success; where it has trials left, that goes on with it."""
    instead = reported_instead(errors[0]) if errors else None
    if instead and open_ended:
        return f"awstune resume {name} --metric {quoted(instead)} goes on with what they do report"
    if instead:
        return f"awstune sweep --spec {SWEEPS_DIR}/{name}/{SPEC_FILE} --metric {quoted(instead)} begins anew"
    hint = f"awstune logs {name} --trial 0"
    return f"{hint} shows more; awstune resume {name} goes on once it is mended" if open_ended else hint

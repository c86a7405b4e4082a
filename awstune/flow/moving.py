"""Going on with a sweep on another instance, once AWS says that the old one runs no more."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from awstune.config import Config
from awstune.ec2 import instances, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import CloudError, CloudNotRunning, SweepBusy, UsageError
from awstune.flow import access, login, look, luggage, salvage, ship, writers
from awstune.flow.events import Doing, Done, Story
from awstune.flow.pace import REAL, Pace
from awstune.flow.resume import Changes
from awstune.flow.sending import Ahead
from awstune.flow.spec import refuse_unknown, relative_to_root
from awstune.flow.writers import Writer
from awstune.names import JOURNAL_FILE, TAG_SWEEP
from awstune.remote import sync
from awstune.remote.project import Project
from awstune.remote.where import Where
from awstune.sweeps import journal
from awstune.sweeps.copied import travels
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import history
from awstune.sweeps.spec import Spec

_BETWEEN = ("stopping", "shutting-down")
_SETTLES_S = 10 * 60.0


def refuse(
    config: Config,
    folder: Folder,
    changes: Changes,
    open_cloud: look.Open,
    *,
    pace: Pace = REAL,
) -> Story[str | None]:
    """Says why a sweep cannot go on on another instance; nothing is made or changed at AWS.

    An old instance that is about to end is waited for. What it has written to a bucket is brought here,
    once it runs no more.

    Args:
        config: the options.
        folder: the sweep's here.
        changes: what shall be otherwise from now on.
        open_cloud: opens the cloud that the sweep ran in.
        pace: how it waits.

    Returns:
        What the user should know of the old instance; None where there is none any more.

    Raises:
        SweepBusy: it runs, or its instance does.
        UsageError: it has ended, or the old instance is another account's.
    """
    where = Where.read(folder)
    if where is None and journal.is_open(folder.journal_file):
        changes.refuse_busy(folder, always=True)
    _refuse_ended(folder, changes)
    if where is None:
        return None
    try:
        cloud = open_cloud(look.at(config, folder))
    except CloudNotRunning:
        return None  # no instance of an embedded cloud outlives it
    old = _refuse_running(folder, (yield from _settled(folder, where, cloud, pace)))
    yield Doing(f"looking whether {folder.name} has gone on elsewhere already")
    _refuse_moved(folder, where, cloud)
    yield from salvage.from_bucket(cloud, where, folder)
    _refuse_ended(folder, changes)
    return old


def _refuse_ended(folder: Folder, changes: Changes) -> None:
    if history(folder).ended is not None and changes.trials is None:
        raise UsageError(
            f"{folder.name} has ended: a new instance would have nothing to do",
            f"awstune resume {folder.name} --launch --trials +30 has more to do",
        )


def _settled(folder: Folder, where: Where, cloud: Cloud, pace: Pace) -> Story[Instance | None]:
    """The old instance, once it is not on its way to its end any more; None where there is none."""
    one, deadline = access.described(cloud, where), pace.now() + _SETTLES_S
    if one is not None and one.state in _BETWEEN:
        yield Doing(f"waiting: {one.name}, which has {folder.name}, is {one.state}")
    while one is not None and one.state in _BETWEEN and pace.now() < deadline:
        pace.sleep(cloud.look_every_s)  # AWS tells nobody of a new state: one asks
        one = access.described(cloud, where)
    return one


def _refuse_running(folder: Folder, one: Instance | None) -> str | None:
    if one is None or one.state == "terminated":
        return None
    if one.state == "stopped":
        return (
            f"{one.name} ({one.id}) is stopped and keeps its disk, which costs; what finished there after "
            f"the last look is run again. Instead, awstune start {one.name} lets {folder.name} go on there; "
            f"awstune terminate {one.name} --discard ends it"
        )
    if one.state in _BETWEEN:
        raise SweepBusy(
            f"{one.name}, which has {folder.name}, is {one.state}", "the same command in a minute"
        )
    raise SweepBusy(
        f"{one.name}, which has {folder.name}, is {one.state}: two at once would run trials twice",
        f"awstune resume {folder.name} goes on there; to move, awstune terminate {one.name} fetches it first",
    )


def _refuse_moved(folder: Folder, where: Where, cloud: Cloud) -> None:
    """Another laptop may have had it go on elsewhere since, of which this folder knows nothing."""
    sweep, created = PurePosixPath(where.path).name, Spec.read(folder.spec_file).created
    for one in writers.everywhere(cloud).instances:
        runs = one.state in ("pending", "running") and one.id != where.instance
        if runs and one.tags.get(TAG_SWEEP) == unfetched.mark(sweep, created):
            raise SweepBusy(
                f"{folder.name} has gone on on {one.name} ({one.id}, {one.region}), and not from here",
                f"move {folder.path} away, then awstune attach {sweep}",
            )
    found: Sequence[Writer] = ()
    with suppress(CloudError):  # said by whoever brings here what the bucket has
        found = writers.of_sweep(cloud, where.bucket, sweep) if where.bucket else ()
    alike = [one.id for one in found if one.created == created]
    if where.instance in alike[1:]:
        raise SweepBusy(
            f"{folder.name} has gone on on {alike[0]}, as the bucket {where.bucket} shows, and not from here",
            f"move {folder.path} away, then awstune attach {sweep} --results-bucket {where.bucket}",
        )


def stands(folder: Folder) -> str:
    """How far a sweep is, by what is here, in a sentence."""
    trials = history(folder).trials
    running = [trial for trial in trials if trial.running]
    kept = [trial for trial in running if trial.checkpoint and (folder.path / trial.checkpoint).exists()]
    planned = Spec.read(folder.spec_file).trials
    of = f" of {planned}" if planned else ""
    words = f"{folder.name}: {len(trials) - len(running)}{of} trials are finished and are not run again"
    return (
        f"{words}; {len(running)} start again, {len(kept)} of them after a checkpoint" if running else words
    )


def free_name(cloud: Cloud, folder: Folder) -> str:
    """The NAME of the new instance: the sweep's, or with a number where the old one still has it."""
    taken = {one.name for one in instances.own(cloud)}
    numbered = (f"{folder.name}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (folder.name, *numbered) if name not in taken)


def seen_from_here(config: Config, folder: Folder, changes: Changes) -> Spec:
    """The sweep's spec as one of an instance, its target as seen from the folder one is in.

    Raises:
        UsageError: the target is not here, or cannot travel; metric or mode is not known; or a variable
            that it is handed is not set.
    """
    spec, where = Spec.read(folder.spec_file), Where.read(folder)
    if where is None:
        spec = _begun_here(folder, spec, changes)
    if spec.target.file is not None:
        root = config.cwd.resolve() / (where.root if where else ".")
        if not (root / spec.target.file).exists():
            raise UsageError(
                f"{folder.name} runs {spec.target.file}, which is not here",
                "go to the folder of its project, with its sweeps/ folder in it",
            )
        found = os.path.relpath(root / spec.target.file, config.cwd.resolve())
        spec = replace(spec, target=replace(spec.target, file=found))
    for name in spec.options.get("env", ()):
        if name not in os.environ:
            raise UsageError(f"{name} is not set here, and {folder.name} is handed it", f"export {name}=...")
    return spec


def _begun_here(folder: Folder, spec: Spec, changes: Changes) -> Spec:
    """The spec of a sweep that has run on this machine, without what is of this machine alone."""
    if spec.target.kind == "pickle":
        function = spec.target.function
        raise UsageError(
            f"{folder.name} runs {function}, which is in no file, and so runs here only",
            f"put it into a file, say train.py, and begin anew: awstune sweep train.py:{function} --launch",
        )
    metric, mode = changes.metric or spec.metric, changes.mode_over(spec)
    refuse_unknown(spec.target.text, metric, mode)
    return replace(spec, python=None, metric=metric, mode=mode)


def to_instance(
    config: Config,
    cloud: Cloud,
    one: Instance,
    folder: Folder,
    parcel: Project,
    changes: Changes,
    *,
    came_from: str | None,
    notify: str | None = None,
    ahead: Ahead | None = None,
) -> Story[None]:
    """Sends the project and what there is of the sweep to a new instance, which ends with it.

    Until the sweep can start there, it is still where it was: the same command begins again.

    Args:
        config: the options.
        cloud: the new instance's.
        one: the instance.
        folder: the sweep's here.
        parcel: what `ship.travels` found.
        changes: what shall be otherwise from now on.
        came_from: the NAME of the old instance.
        notify: an address that the worker there tells of the end.
        ahead: sends to the instance already.

    Raises:
        RemoteError: the connection broke, or the worker did not start.
    """
    spec = seen_from_here(config, folder, changes)
    place = ship.place_of(config, cloud, one, spec, parcel, folder.name, owned=True)
    with (
        (yield from login.enter(config, cloud, one)) as connection,
        _claimed(folder, one, came_from) as claimed,
    ):
        goods = yield from ahead.pack() if ahead else luggage.pack(config, spec, parcel)
        yield Doing(f"{one.name}: sending {parcel.root.name} and {folder.name}")
        sent_before = ahead or Ahead(config, cloud, spec, parcel, folder.name)
        runtime = yield from sent_before.finish(connection, one, [claimed, *_unfinished(folder)])
        if goods is not None:
            yield from luggage.send(connection, runtime, folder, goods, sent_before.delivered)
        ship.hand_over(connection, folder, spec.options.get("env", ()), notify)
        changes.apply(folder)
        priced = Spec.read(folder.spec_file)
        rate = {} if place.usd_per_hour is None else {"usd_per_hour": place.usd_per_hour}
        options = {**priced.options, **rate}
        options = options if goods is None else goods.options(options)
        target = relative_to_root(spec.target, config.cwd, parcel.root)
        replace(priced, target=target, python=spec.python, options=options).write(folder.spec_file)
        place.write(folder)
        ship.send_state(connection, folder)
        unfetched.add(cloud, one, folder.name, begun=priced.created)
        yield from ship.start_worker(connection, runtime, folder, at_end=ship.at_end_of(one))
    yield Done(f"the sweep {folder.name} goes on on the instance {one.name}")


@contextmanager
def _claimed(folder: Folder, one: Instance, came_from: str | None) -> Iterator[sync.Parcel]:
    """The journal as the new instance gets it: a writer later than any that the old one has known.

    It comes back with the mirror; the one here stays what it is until the sweep is there.
    """
    with tempfile.TemporaryDirectory(prefix="awstune-") as aside:
        copy = Path(aside) / JOURNAL_FILE
        if folder.journal_file.exists():
            shutil.copyfile(folder.journal_file, copy)
        before = f", after {came_from}" if came_from else ""
        with journal.Journal(copy).open() as writer:
            writer.append("note", text=f"{folder.name} goes on on {one.name} ({one.id}){before}")
        yield sync.Parcel(copy, f"sweeps/{folder.name}/{JOURNAL_FILE}")


def _unfinished(folder: Folder) -> list[sync.Parcel]:
    """The folders of the trials that have not ended, with their logs and newest checkpoints."""
    files = [
        path
        for trial in history(folder).running
        for path in sorted(folder.trial_dir(trial.number).rglob("*"))
        if path.is_file() and travels(path.relative_to(folder.path).as_posix())
    ]
    found = [*files, *(path for path in [folder.worker_log_file] if path.exists())]
    return [sync.Parcel(path, f"sweeps/{folder.name}/{path.relative_to(folder.path)}") for path in found]

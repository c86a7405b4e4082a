"""Going on with a sweep after any stop."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from awstune.amounts import count
from awstune.config import Config
from awstune.ec2 import unfetched
from awstune.errors import SweepBusy, UsageError
from awstune.flow import access, login, look, ship
from awstune.flow.events import Done, Story
from awstune.names import MOST_TRIALS, REMOTE_ROOT, SPEC_FILE, SWEEPS_DIR
from awstune.remote import bootstrap, sync
from awstune.remote.mirror import Mirror, remember
from awstune.remote.where import Where
from awstune.sweeps import journal, results
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import mode_of


@dataclass(frozen=True)
class Changes:
    """What a sweep shall do otherwise from now on; None is what stays.

    Attributes:
        trials: a number of trials, or ``+N`` for so many more.
        metric: its name.
        mode: min or max.
        max_usd: dollars after which it ends.
        max_time: seconds after which it ends; those that it has run already count.
    """

    trials: str | None = None
    metric: str | None = None
    mode: Any = None
    max_usd: float | None = None
    max_time: float | None = None

    def __post_init__(self) -> None:
        if self.trials is not None:
            _trials(self.trials, 0)

    def apply(self, folder: Folder) -> None:
        """Writes it into the sweep's spec.

        Raises:
            UsageError: see `refuse`.
        """
        self.refuse(folder)
        spec = Spec.read(folder.spec_file)
        limits = {"max_usd": self.max_usd, "max_time": self.max_time}
        changed = replace(
            spec,
            trials=spec.trials if self.trials is None else self._whole(self.trials, spec, folder),
            metric=self.metric or spec.metric,
            mode=self.mode_over(spec),
            options={**spec.options, **{key: limit for key, limit in limits.items() if limit is not None}},
        )
        if changed != spec:
            changed.write(folder.spec_file)

    def refuse(self, folder: Folder) -> None:
        """What cannot be changed, so that nothing is done for it.

        Raises:
            UsageError: too many trials, or fewer than there are; another metric than there are values of.
        """
        spec = Spec.read(folder.spec_file)
        trials = results.history(folder).trials
        if self.trials is not None and self._whole(self.trials, spec, folder) < len(trials):
            raise UsageError(
                f"{folder.name} has {count(len(trials), 'trial')} already, and what is there stays",
                f"awstune resume {folder.name} --trials +{len(trials)} goes on with as many more",
            )
        known = sorted({name for trial in trials for report in trial.reports for name in report.metrics})
        if self.metric is not None and known and self.metric not in known:
            raise UsageError(
                f"the trials of {folder.name} report {', '.join(known)}, and no {self.metric}",
                f"awstune resume {folder.name} --metric {known[0]} goes on; {self._anew(folder)}",
            )
        if self.metric in (None, spec.metric) or spec.metric is None:
            return
        if any(trial.value is not None for trial in trials):
            raise UsageError(
                f"the trials of {folder.name} have values of {spec.metric}, which {self.metric} is not",
                self._anew(folder),
            )
        if self.mode_over(spec) is None:
            typed = f"awstune resume {folder.name} --metric {self.metric} --mode"
            raise UsageError(
                f"is a higher or a lower {self.metric} better?", f"{typed} max, or the same with --mode min"
            )

    def _whole(self, typed: str, spec: Spec, folder: Folder) -> int:
        # All points of a grid are no number: what there is counts.
        before = len(results.history(folder).trials) if spec.trials is None else spec.trials
        return _trials(typed, before)

    def mode_over(self, spec: Spec) -> Any:
        """The mode from now on: another metric does not inherit it, since it may be the other way round."""
        if self.mode is not None or self.metric in (None, spec.metric) or spec.metric is None:
            return self.mode or spec.mode
        return mode_of(str(self.metric))

    def _anew(self, folder: Folder) -> str:
        spec = f"{SWEEPS_DIR}/{folder.name}/{SPEC_FILE}"
        return f"awstune sweep --spec {spec} --metric {self.metric} begins anew"

    def refuse_busy(self, folder: Folder, *, always: bool = False) -> None:
        """A sweep that runs cannot be told otherwise.

        Raises:
            SweepBusy: something shall change, or ``always``.
        """
        if always or self != Changes():
            name = folder.name
            raise SweepBusy(f"{name} is running", f"awstune attach {name} follows it")


def _trials(typed: str, before: int) -> int:
    digits = typed.removeprefix("+")
    more = int(digits) if digits.isdecimal() and len(digits) <= len(str(MOST_TRIALS)) else 0
    whole = more + (before if typed.startswith("+") else 0)
    if more == 0 or whole > MOST_TRIALS:
        raise UsageError(
            f"--trials {typed} is no number of trials from 1 to {MOST_TRIALS}",
            "--trials 50, or --trials +30 for 30 more",
        )
    return whole


def there(
    config: Config, folder: Folder, changes: Changes, open_cloud: look.Open, notify: str | None = None
) -> Story[None]:
    """Starts the worker of a sweep again, on the instance that has it.

    Args:
        config: the options.
        folder: the sweep's here.
        changes: what shall be otherwise from now on.
        open_cloud: opens the instance's.
        notify: an address that the worker tells of the end; left out, the one that it knows, if any.

    Raises:
        UnknownName: the instance is gone.
        SweepBusy: it runs, and shall run otherwise.
        RemoteError: it cannot be reached, or the worker did not start.
    """
    where = Where.read(folder)
    if where is None:
        raise UsageError(f"{folder.name} runs here", f"awstune resume {folder.name}")
    config = look.at(config, folder)
    cloud = open_cloud(config)
    one = access.instance_of(cloud, where)
    with _alone(folder), (yield from login.enter(config, cloud, one)) as connection:
        if Mirror(connection, where.path, folder).poll().alive:  # else it is only about to be started
            changes.refuse_busy(folder)
            return
        # Written before it is true: a crash after this line at worst looks once too often.
        remember(folder, where, complete=False, alive=True)
        changes.apply(folder)
        runtime = bootstrap.of_sweep(connection, folder.name)
        spec = sync.Parcel(folder.spec_file, f"sweeps/{folder.name}/{SPEC_FILE}")
        sync.push(connection, [spec], REMOTE_ROOT)
        ship.hand_over(connection, folder, (), notify)
        at_end = ship.at_end_of(one) if where.owned or where.stops else None
        unfetched.add(cloud, one, folder.name)
        yield from ship.start_worker(connection, runtime, folder, at_end=at_end)
    yield Done(f"the sweep {folder.name} goes on on the instance {one.name}")


@contextmanager
def here(folder: Folder, changes: Changes) -> Iterator[None]:
    """Makes a sweep on this machine ready to go on, which is then to be done within the context.

    Raises:
        SweepBusy: it runs, or is about to, in this process's or another one's hands.
    """
    with _alone(folder):
        if journal.is_open(folder.journal_file):
            changes.refuse_busy(folder, always=True)
        with journal.held(folder.journal_file):
            changes.apply(folder)
        yield


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Nobody else on this machine resumes the sweep: of two at once only one shall count its changes.

    Raises:
        SweepBusy: another process does.
    """
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _take(descriptor, folder.name)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        follows = f"awstune attach {name} follows it"
        raise SweepBusy(f"another process is resuming the sweep {name}", follows) from None

"""Going on with a sweep after any stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from awstune.config import Config
from awstune.ec2 import instances
from awstune.ec2.session import Cloud
from awstune.errors import UsageError
from awstune.flow import access, ship
from awstune.flow.events import Done, Story
from awstune.names import REMOTE_ROOT, SPEC_FILE
from awstune.remote import bootstrap, sync
from awstune.remote.mirror import Mirror, Where
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec


def change(folder: Folder, *, trials: str | None, metric: str | None, mode: Any) -> None:
    """Writes down what the sweep shall do from now on.

    Args:
        folder: the sweep's.
        trials: a number of trials, or ``+N`` for so many more; None leaves it.
        metric: its name; None leaves it.
        mode: min or max; None leaves it.

    Raises:
        UsageError: ``trials`` is neither.
    """
    spec = Spec.read(folder.spec_file)
    changed = replace(
        spec,
        trials=spec.trials if trials is None else _trials(trials, spec.trials),
        metric=metric or spec.metric,
        mode=mode or spec.mode,
    )
    if changed != spec:
        changed.write(folder.spec_file)


def _trials(typed: str, before: int | None) -> int:
    digits = typed.removeprefix("+")
    if not digits.isdecimal() or int(digits) == 0:
        raise UsageError(
            f"--trials {typed} is no number of trials", "--trials 50, or --trials +30 for 30 more"
        )
    return int(digits) + (before or 0 if typed.startswith("+") else 0)


def there(config: Config, cloud: Cloud, folder: Folder) -> Story[None]:
    """Starts the worker of a sweep again, on the instance that has it.

    Raises:
        UnknownName: the instance is gone.
        RemoteError: it cannot be reached, or the worker did not start.
    """
    where = Where.read(folder)
    if where is None:
        raise UsageError(f"{folder.name} runs here", f"awstune resume {folder.name}")
    one = instances.find(cloud, where.name)
    with access.connect(access.address_of(config, cloud, one)) as connection:
        if Mirror(connection, where.path, folder).worker_alive():
            return
        runtime, package = bootstrap.install(connection)
        spec = sync.Parcel(folder.spec_file, f"sweeps/{folder.name}/{SPEC_FILE}")
        sync.push(connection, [*package, spec], REMOTE_ROOT)
        ship.start_worker(connection, runtime, folder.name)
        replace(where, complete=False).write(folder)
    yield Done(f"{folder.name} goes on on {one.name}")

"""A sweep's target once more, outside of its search: ``awstune run``.

Such a run is a small sweep of its own, in ``runs/1`` of the sweep's folder: one trial a seed, all with the
same values. The sweep's own journal knows nothing of it.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.config import Config
from awstune.ec2 import unfetched
from awstune.errors import CloudError, CloudNotRunning, ConnectionLost, RemoteError, UnknownName, UsageError
from awstune.flow import access, follow, login, look, luggage
from awstune.flow.events import Doing, Story
from awstune.names import REMOTE_ROOT, SPEC_FILE
from awstune.remote import bootstrap, sync
from awstune.remote.holding import HOLD
from awstune.remote.mirror import Mirror, remember
from awstune.remote.where import Where
from awstune.search.compact import parse_assignment
from awstune.search.parameters import Fixed, Float, Int, Parameter
from awstune.search.space import Space
from awstune.search.trials import TrialRecord, best_of
from awstune.sweeps import data, loop, results
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import OF_A_TRIAL, Spec
from awstune.sweeps.turns import seed_of

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

BEST = "best"


@dataclass(frozen=True)
class Again:
    """What shall run once more.

    Attributes:
        sweep: its folder.
        trial: the trial whose values it takes.
        spec: of the run, as the machine that it runs on sees it.
    """

    sweep: Folder
    trial: TrialRecord
    spec: Spec

    @property
    def params(self) -> dict[str, Any]:
        """The values that it runs with."""
        return self.spec.space.defaults()


def wish(folder: Folder, trial: str, changes: Sequence[str], seeds: int | None) -> Again:
    """What was asked for.

    Args:
        folder: the sweep's.
        trial: "best" or a number.
        changes: ``NAME=VALUE`` each, over the trial's values.
        seeds: how many new seeds; None takes the trial's own.

    Raises:
        UsageError: there is no such trial, or no such parameter, or the metric is not known yet.
        SpaceError: a value that cannot be read.
    """
    spec = Spec.read(folder.spec_file)
    record = _record(folder, spec, trial)
    if spec.metric is None or spec.mode is None:
        hint = f"awstune resume {folder.name} --metric NAME --mode min (or max)"
        raise UsageError(f"{folder.name} does not know yet what its trials are measured by", hint)
    params = {**record.params, **_changed(spec, record, changes)}
    known = _seeds(folder, spec, record, seeds)
    options = {key: value for key, value in spec.options.items() if key in OF_A_TRIAL}
    made = replace(
        spec,
        space=Space({name: Fixed(value) for name, value in params.items()}),
        search="again",
        trials=len(known),
        options={**options, "keep": "all", "seeds": known},
        created=time.time(),
    )
    return Again(folder, record, made)


def _record(folder: Folder, spec: Spec, trial: str) -> TrialRecord:
    trials = results.history(folder).trials
    if trial == BEST:
        best = best_of(trials, spec.mode) if spec.mode else None
        if best is None:
            hint = f"awstune run {folder.name} --trial 0 runs another one"
            raise UsageError(f"{folder.name} has no best trial: none has succeeded", hint)
        return best
    for record in trials:
        if str(record.number) == trial:
            return record
    known = f"trials are 0 to {trials[-1].number}" if trials else "no trial has begun"
    raise UnknownName(f"{folder.name} has no trial {trial}", f"{known}: awstune results {folder.name}")


def _changed(spec: Spec, record: TrialRecord, changes: Sequence[str]) -> dict[str, Any]:
    found = {}
    for text in changes:
        if "=" not in text:
            raise UsageError(f"--set {text} gives no value", f"--set {text}=VALUE")
        name, parameter = parse_assignment(text)
        if name not in record.params:
            raise UsageError(f"there is no parameter {name}", f"they are {', '.join(record.params)}")
        if not isinstance(parameter, Fixed):
            raise UsageError(f"--set {text} is no single value", f"--set {name}=VALUE")
        found[name] = _fitting(name, parameter.value, spec.space.get(name))
    return found


def _fitting(name: str, value: Any, parameter: Parameter | None) -> Any:
    """A value of the parameter's kind; it may lie outside of its range."""
    if not isinstance(parameter, (Int, Float)):
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    number = number and abs(value) <= sys.float_info.max
    if not number or (isinstance(parameter, Int) and not float(value).is_integer()):
        kind = "an int" if isinstance(parameter, Int) else "a number"
        raise UsageError(f"{name} is {kind}, and {value} is none", f"--set {name}={parameter.baseline}")
    return int(value) if isinstance(parameter, Int) else float(value)


def _seeds(folder: Folder, spec: Spec, record: TrialRecord, count: int | None) -> list[int]:
    if count is None and record.repeats:
        return [run.seed for run in record.repeats if run.seed is not None]
    if count is None:
        return [record.seed if record.seed is not None else seed_of(spec.seed, record.number)]
    return [seed_of(spec.seed, "run", _next(folder), index) for index in range(count)]


def _next(folder: Folder) -> int:
    return max((int(run.name) for run in folder.runs()), default=0) + 1


def new_folder(again: Again) -> Folder:
    """The run's own folder, with its spec."""
    while True:
        made = Folder(again.sweep.runs_dir / str(_next(again.sweep)))
        try:
            made.path.mkdir(parents=True)
        except FileExistsError:  # another process was as quick
            continue
        except OSError as error:
            raise UsageError(
                f"cannot write {made.path}: {error.strerror}", f"see to the permissions of {again.sweep.path}"
            ) from error
        again.spec.write(made.spec_file)
        return made


# Where it runs


def machine(config: Config, folder: Folder, open_cloud: look.Open) -> tuple[Cloud, Instance] | str | None:
    """Where it runs: on the sweep's instance where that is up.

    Returns:
        The instance; or, where it runs here, why (None where the sweep itself ran here).

    Raises:
        AwstuneError: it cannot be told; then nothing is run in a place that nobody expects.
    """
    where = Where.read(folder)
    if where is None:
        return None
    try:
        cloud = open_cloud(look.at(config, folder))
        one = access.instance_of(cloud, where)
    except (UnknownName, CloudNotRunning) as error:
        return error.message.partition(";")[0]
    if one.state == "running":
        return cloud, one
    return f"{one.name} is {one.state} (awstune start {one.name} brings it back)"


def at_home(config: Config, again: Again) -> tuple[Again, Path]:
    """The same on this machine, and the folder that it runs in.

    Raises:
        UsageError: its data is not there.
    """
    where, spec = Where.read(again.sweep), again.spec
    if where is None:
        luggage.of_spec(config, spec)
        return again, config.cwd
    here = replace(spec, options=data.at_home(spec.options), python=None)
    luggage.of_spec(config, here)
    return replace(again, spec=here), config.cwd / where.root / where.workdir


def here(run: Folder, cwd: Path) -> Story[dict[str, Any]]:
    """Runs it in this process; its document."""
    yield from loop.run(run, make_executor(Spec.read(run.spec_file), run, cwd))
    return results.rerun(run)


def there(config: Config, again: Again, run: Folder, cloud: Cloud, one: Instance) -> Story[dict[str, Any]]:
    """Runs it on the sweep's instance, with the project as it was sent there; its document.

    An interrupt ends it there too. Where the connection breaks it goes on, and belongs to what `attach` and
    `terminate` fetch with the sweep.

    Raises:
        RemoteError: the connection broke, or it did not start.
    """
    where = Where.read(again.sweep)
    path = f"{REMOTE_ROOT}/sweeps/{again.sweep.name}/runs/{run.name}"
    workdir = f"{REMOTE_ROOT}/projects/{again.sweep.name}/{where.workdir if where else '.'}"
    yield Doing(f"{one.name}: opening a verified SSH connection")
    with (yield from login.enter(config, cloud, one)) as connection:
        connection.run(HOLD, check=False)  # one whose sweep has just ended may be about to stop itself
        runtime = bootstrap.of_sweep(connection, again.sweep.name)
        spec = sync.Parcel(run.spec_file, f"{path.removeprefix(f'{REMOTE_ROOT}/')}/{SPEC_FILE}")
        sync.push(connection, [spec], REMOTE_ROOT)
        env = f"{REMOTE_ROOT}/env/{again.sweep.name}"
        command = runtime.command("awstune.sweeps.detached", path, env)
        mirror = Mirror(connection, path, run)
        home = where is not None and where.complete
        if where is not None:  # noted before it is true, as a sweep is
            unfetched.add(cloud, one, again.sweep.name)
            remember(again.sweep, where, complete=False)
        try:
            connection.run(f"cd {shlex.quote(workdir)} && {command}")
            yield from _watched(mirror)
        except ConnectionLost as error:
            raise ConnectionLost(
                f"{error.message}; run {run.name} goes on on the instance {one.name}, if it has begun",
                f"awstune attach {again.sweep.name} fetches it, and so does awstune terminate {one.name}",
            ) from error
        except BaseException as error:  # it is raised again when what there is has been fetched
            with suppress(RemoteError):  # what went wrong is told, not what came of it
                if isinstance(error, KeyboardInterrupt):
                    mirror.stop_worker()
                mirror.fetch()
            raise
        if home and where is not None and Mirror(connection, where.path, again.sweep).fetch().complete:
            with suppress(CloudError):  # then it counts as not fetched, and is looked for once more
                unfetched.remove(cloud, one, again.sweep.name)
    return results.rerun(run)


def _watched(mirror: Mirror) -> Story[None]:
    tail, alive = follow.Tail(mirror.folder), True
    while alive:
        alive = mirror.poll().alive
        yield from tail.news()
        if alive:
            time.sleep(follow.EVERY_S)  # a journal over there tells nobody that it has grown
    mirror.fetch()

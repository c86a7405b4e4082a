"""From what was typed to a sweep's spec: everything that can be refused is refused here, before money."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from awstune.config import Config
from awstune.errors import SpaceError, TargetError, UsageError
from awstune.flow import luggage, starting
from awstune.flow.overriding import override
from awstune.names import DEFAULT_TRIALS, IMPORT_VARIABLE
from awstune.search.space import Space
from awstune.search.trials import Mode
from awstune.sweeps import inspection, local, scripts, target
from awstune.sweeps.choosing import searcher_of
from awstune.sweeps.data import at_home
from awstune.sweeps.ending import Endings
from awstune.sweeps.folder import Folder
from awstune.sweeps.inspection import Inspection, NoFunction
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target, mode_of

_MOST_PATIENCE_S = 3600.0
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Typed:
    """What was typed for a sweep; None is what was not.

    Attributes:
        target: ``train.py``, ``train.py:function`` or ``pkg.mod:function``.
        command: the words after ``--``.
        spec_file: ``--spec FILE``: a ``sweep.toml`` that says whatever else was not typed.
        assignments: ``-p NAME=SPACE``, as typed.
        space_file: ``--space FILE``.
        search: bayes, random or grid.
        trials: how many.
        metric: its name.
        mode: min or max.
        parallel: trials at a time.
        value: last or best.
        seed: the search's.
        python: the interpreter of the trials.
        options: the rest, as `Spec.options` has it.
    """

    target: str | None = None
    command: Sequence[str] | None = None
    spec_file: str | None = None
    assignments: Sequence[str] = ()
    space_file: str | None = None
    search: str | None = None
    trials: int | None = None
    metric: str | None = None
    mode: Any = None
    parallel: int | None = None
    value: Any = None
    seed: int | None = None
    python: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def make(config: Config, typed: Typed, *, elsewhere: bool) -> Spec:
    """The spec of a sweep: what was typed, over what ``--spec`` says, over what the module says.

    Args:
        config: says which folder one is in.
        typed: what was typed.
        elsewhere: whether the sweep runs on an instance: then metric and mode must be known by now.

    Raises:
        TargetError: the target cannot be used.
        SpaceError: there is no space, or it says nothing.
        UsageError: metric or mode is not known and has to be.
    """
    base = Spec.read(Path(typed.spec_file)) if typed.spec_file is not None else None
    found = _target(config, typed, base)
    scripts.refuse_missing(found, config.cwd, elsewhere=elsewhere)
    python = project_python(config.cwd, os.environ)
    python = python if elsewhere else typed.python or python
    seen = _look(config, typed, found, python)
    said = base or Spec(found, Space(), parallel=1)
    metric = typed.metric or said.metric or seen.metric
    mode = _mode(typed, metric, (said.metric, said.mode), (seen.metric, seen.mode))
    if elsewhere:
        refuse_unknown(found.text, metric, mode)
    search = typed.search or said.search
    made = Spec(
        target=found,
        space=_space(found, typed, said.space, seen) or _nothing_to_search(config, found, python),
        metric=metric,
        mode=mode,
        search=search,
        trials=_trials(typed.trials, base, search),
        parallel=typed.parallel or said.parallel,
        seed=said.seed if typed.seed is None else typed.seed,
        value=typed.value or said.value,
        python=typed.python if elsewhere else python,
        options=_options(said.options, typed.options),
    )
    _refuse_unset(made.options.get("env", ()), os.environ)
    luggage.of_spec(config, made)
    if "acquisition" in made.options and search != "bayes":
        raise UsageError(f"--acquisition does not belong to --search {search}", "leave one of them out")
    # Made once here, so that what they refuse is refused before anything begins.
    Endings(made)
    searcher = searcher_of(made)
    if search == "grid":
        searcher.suggest(made.space, [], 1)
    local.check(made)
    return made


def refuse_unpriced(made: Spec) -> None:
    """Refuse, for a sweep on this machine, to end it where a trial is not worth its dollars: there are none.

    Raises:
        UsageError: ``--stop-when worth=``.
    """
    if str(made.options.get("stop_when", "")).startswith("worth="):
        raise UsageError(
            "--stop-when worth= ends nothing here: a sweep on this machine has no price",
            "write gain=1% or patience=20; with --on NAME or --launch it has a price",
        )


def _options(said: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**at_home(said), **typed}.items() if key != "usd_per_hour"}


def _target(config: Config, typed: Typed, base: Spec | None) -> Target:
    if typed.command is not None and typed.target is not None:
        raise TargetError(
            f"{typed.target} and a command after -- are two targets",
            "leave one of them out; options go before --",
        )
    if typed.command is not None:
        return target.of_command(typed.command)
    if typed.target is not None:
        return target.parse(typed.target, config.cwd)
    if base is not None:
        return base.target
    raise TargetError(
        "nothing says what to run", "awstune sweep train.py, or awstune sweep -- python train.py ..."
    )


def project_python(cwd: Path, environ: Mapping[str, str]) -> str:
    """The interpreter of the trials: ``$VIRTUAL_ENV``'s, ``.venv``'s, else the one that runs awstune."""
    places = [Path(environ["VIRTUAL_ENV"])] if environ.get("VIRTUAL_ENV") else []
    for place in (*places, cwd / ".venv"):
        if (place / "bin" / "python").exists():
            return str(place / "bin" / "python")
    return sys.executable


def _trials(typed: int | None, base: Spec | None, search: str) -> int | None:
    if typed is not None:
        return typed
    if base is not None:
        return base.trials
    # A grid without a typed budget runs all its points.
    return None if search == "grid" else DEFAULT_TRIALS


def _look(config: Config, typed: Typed, found: Target, python: str) -> Inspection:
    program = starting.as_program(found, config.cwd, python, typed.assignments)
    if program is not None:
        raise program
    try:
        return inspection.inspect(found, config.cwd, python, _patience(os.environ))
    except NoFunction as refused:
        raise starting.as_command(refused, found, config.cwd, python, typed.assignments) from None


def _patience(environ: Mapping[str, str]) -> float:
    """Seconds that the target may take to be imported."""
    text = environ.get(IMPORT_VARIABLE) or str(inspection.IMPORT_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_PATIENCE_S:
        raise UsageError(
            f"{IMPORT_VARIABLE}={text} is no number of seconds up to {_MOST_PATIENCE_S:g}",
            f"export {IMPORT_VARIABLE}=300, or leave it out",
        )
    return seconds


def _nothing_to_search(config: Config, found: Target, python: str) -> NoReturn:
    raise starting.no_space(found, config.cwd, python)


def _space(found: Target, typed: Typed, said: Space, seen: Inspection) -> Space:
    # A spec's space is whole; the module's is what the sweep would have begun with.
    space = said if len(said) else seen.space or Space()
    if typed.space_file is not None:
        file = read_space(Path(typed.space_file))
        rules = [rule.text for rule in (*space.constraints, *file.constraints)]
        space = Space({**space, **file}, joint=(*space.joint, *file.joint), constraints=rules)
    # A command's holes say what it takes, and a target without a space has all of it from -p.
    whose = None if found.kind == "command" else _name(found)
    return override(space, typed.assignments, whose)


def _name(found: Target) -> str:
    return str(found.file or found.module)


def _mode(typed: Typed, metric: str | None, *told: tuple[str | None, Mode | None]) -> Mode | None:
    """What was typed, else what is told of this very metric, else what its name says.

    A module that calls its loss lower-is-better says nothing of another metric.
    """
    if typed.mode:
        typed_mode: Mode = typed.mode
        return typed_mode
    for of, mode in told:
        if mode and (of in (None, metric) or metric is None):
            return mode
    return mode_of(metric) if metric else None


def read_space(path: Path) -> Space:
    """The space of a TOML file: its ``[space]`` table, or all of it.

    Raises:
        SpaceError: the file is not there, is not TOML, or says nothing.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(f"cannot read {path}: {error.strerror}", "--space names a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpaceError(
            f"{path} is not TOML: {error}", 'write lr = "1e-5..1e-1:log", a line each'
        ) from error
    return Space.from_toml(table.get("space", table))


def refuse_unknown(name: str, metric: str | None, mode: str | None) -> None:
    """Refuses a sweep on an instance whose metric or mode only a first trial would tell.

    Raises:
        UsageError: so it is.
    """
    if metric is None:
        raise UsageError(
            f"nothing says what {name} is measured by, and an instance is not rented to find out",
            f'--metric val_loss (or write metric = "val_loss" in {name.partition(":")[0]})',
        )
    if mode is None:
        raise UsageError(f"is a higher or a lower {metric} better?", "--mode max, or --mode min")


def new_folder(config: Config, spec: Spec, name: str | None) -> Folder:
    """The folder of a new sweep on this machine, with its spec.

    Raises:
        NameTaken: there is a sweep of that name already.
        UsageError: the name cannot be a folder's.
    """
    with Folder.create(config.cwd, name, spec.target.stem).newborn() as folder:
        spec.write(folder.spec_file)
    return folder


def _refuse_unset(names: Sequence[str], environ: Mapping[str, str]) -> None:
    for name in names:
        if not _VARIABLE.fullmatch(name):
            what = f"{name!r} is no name of a variable; its value here is what travels"
            raise UsageError(what, "export API_KEY=..., then --env API_KEY")
        if name not in environ:
            raise UsageError(
                f"the variable {name} is not set here", f"export {name}=..., or leave --env {name} out"
            )


def relative_to_root(found: Target, cwd: Path, root: Path) -> Target:
    """The target as seen from the project's root, where it runs on an instance."""
    if found.file is None:
        return found
    return Target(
        found.kind, file=str((cwd / found.file).resolve().relative_to(root)), function=found.function
    )

"""``awstune.sweep``: a sweep on this machine, from Python."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cloudpickle

from awstune import names
from awstune.errors import UsageError
from awstune.search.space import Space
from awstune.search.trials import Mode, TrialRecord, best_of
from awstune.sweeps import loop
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.results import history
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awstune.sweeps.journal import Event
    from awstune.sweeps.trial import Trial

_PICKLE = "function.pkl"


@dataclass(frozen=True)
class Sweep:
    """A sweep that has ended.

    Attributes:
        best: the best trial, with ``params`` and ``value``; None where none succeeded.
        trials: all of them, by number.
        dir: the sweep's folder.
    """

    best: TrialRecord | None
    trials: tuple[TrialRecord, ...]
    dir: Path


def sweep(
    function: Callable[[Trial], Any],
    space: Space | Mapping[str, Any],
    *,
    metric: str | None = None,
    mode: Mode | None = None,
    trials: int | None = None,
    search: str = "bayes",
    parallel: int = 1,
    seed: int = 0,
    value: Literal["last", "best"] = "last",
    name: str | None = None,
    on_event: Callable[[Event], object] = lambda _: None,
    **options: Any,
) -> Sweep:
    """Search for the best parameters of a function, each trial in a process of its own.

    Call it below ``if __name__ == "__main__":``, since the trials import the script. A function that has
    no file, as in a notebook, travels by cloudpickle.

    Args:
        function: one trial; see `Trial`.
        space: what is searched; values may be in the compact form (``"1e-5..1e-1:log"``).
        metric: what to optimize; left out, the only one reported.
        mode: "min" or "max"; left out, what an obvious name of the metric says.
        trials: how many to run, the baseline among them; left out, 20, or all points of a grid.
        search: "bayes", "random" or "grid".
        parallel: how many at a time.
        seed: the search's.
        value: whether a trial's last report counts or its best one.
        name: the sweep's folder below ``sweeps/``; numbered after the script if left out.
        on_event: is called with each event of the journal.
        **options: as `Spec.options`: ``trial_timeout=60`` (seconds), ``keep="all"`` ...

    Raises:
        UsageError: it was reached inside a trial, or metric or mode stay unknown.
        SpaceError: the space says nothing, or nonsense.
    """
    if names.SWEEP_MARK in os.environ:
        raise UsageError(
            "sweep() was reached while a trial imported the script",
            'guard it: if __name__ == "__main__":',
        )
    if trials is None and search != "grid":
        trials = names.DEFAULT_TRIALS
    known = space if isinstance(space, Space) else Space.from_toml(space)
    spec = Spec(
        Target("function"), known, metric, mode, search, trials, parallel, seed, value, options=options
    )
    folder = _folder(function, spec, name)
    for event in loop.run(folder, make_executor(Spec.read(folder.spec_file), folder)):
        on_event(event)
    ended, mode = history(folder).trials, Spec.read(folder.spec_file).mode
    return Sweep(best_of(ended, mode) if mode else None, ended, folder.path)


def _folder(function: Callable[[Trial], Any], spec: Spec, name: str | None) -> Folder:
    target = _importable(function)
    stem = target.stem if target else Target("pickle", function=function.__name__).stem
    folder = Folder.create(Path.cwd(), name, stem)
    if target is None:
        pickle = folder.path / _PICKLE
        pickle.write_bytes(cloudpickle.dumps(function))
        file = pickle.relative_to(Path.cwd().resolve())
        target = Target("pickle", file=str(file), function=function.__name__)
    Spec(**{**spec.__dict__, "target": target}).write(folder.spec_file)
    return folder


def _importable(function: Callable[[Trial], Any]) -> Target | None:
    """The target that imports this very function; None where there is none."""
    module = sys.modules.get(function.__module__)
    if module is None or getattr(module, function.__name__, None) is not function:
        return None
    spec = getattr(module, "__spec__", None)
    if spec is not None and getattr(module, "__package__", None):
        return Target("function", module=spec.name, function=function.__name__)
    file = inspect.getsourcefile(module)
    if file is None or not Path(file).is_file():
        return None
    path, here = Path(file).resolve(), Path.cwd().resolve()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return Target("function", file=str(shown), function=function.__name__)

"""``awstune.sweep``: a sweep on this machine, from Python."""

from __future__ import annotations

import difflib
import inspect
import os
import sys
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from awstune import names
from awstune.amounts import count
from awstune.errors import NothingSucceeded, TargetError, UsageError
from awstune.search.space import Space
from awstune.search.trials import Mode, TrialRecord, best_of
from awstune.sweeps import carrying, guarding, kinds, loading, loop
from awstune.sweeps.choosing import searcher_of
from awstune.sweeps.ending import Endings
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import check, make_executor
from awstune.sweeps.results import history
from awstune.sweeps.spec import OPTIONS, Spec
from awstune.sweeps.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from awstune.sweeps.journal import Event
    from awstune.sweeps.trial import Trial

_GUARD = 'guard it, so that only a run of the script gets there: if __name__ == "__main__":'
_ONE = "def train(trial): is one trial"


@dataclass(frozen=True, repr=False)
class Sweep:
    """A sweep that has ended.

    Attributes:
        trials: all of them, by number.
        dir: its folder.
        mode: "min" or "max"; None where no report told.
    """

    trials: tuple[TrialRecord, ...]
    dir: Path
    mode: Mode | None = None

    def __repr__(self) -> str:
        """In a line, as a REPL or a notebook shows it: all records in full would fill a screen."""
        best = best_of(self.trials, self.mode) if self.mode else None
        top = f"best {best.value:.6g} at trial {best.number} with {dict(best.params)}" if best else "no best"
        return f"<Sweep {self.dir.name}: {count(len(self.trials), 'trial')}, {top}>"

    @property
    def best(self) -> TrialRecord:
        """The best trial, with ``number``, ``params`` and ``value``.

        Raises:
            NothingSucceeded: there is none; says why the first one failed.
        """
        found = best_of(self.trials, self.mode) if self.mode else None
        if found is None:
            why = next((f": {trial.error}" for trial in self.trials if trial.error), "")
            raise NothingSucceeded(
                f"{self.dir.name} ended after {count(len(self.trials), 'trial')}, and none succeeded{why}",
                f"awstune logs {self.dir.name} --trial 0",
            )
        return found


def sweep(
    function: Callable[[Trial], Any],
    space: Space | Mapping[str, Any],
    *,
    metric: str | None = None,
    mode: Mode | None = None,
    trials: int | None = None,
    search: str = "bayes",
    parallel: int | Literal["auto"] = 1,
    seed: int = 0,
    value: Literal["last", "best"] = "last",
    name: str | None = None,
    on_event: Callable[[Event], object] | None = None,
    **options: Any,
) -> Sweep:
    """Search for the best parameters of a function, each trial in a process of its own.

    Call it below ``if __name__ == "__main__":``, since the trials import the script. A function that has
    no file, as one of a notebook or a REPL, is copied into the trials' processes with all it refers to.

    Args:
        function: one trial; see `Trial`.
        space: what is searched; values may be in the compact form (``"1e-5..1e-1:log"``).
        metric: what to optimize; left out, the only one reported.
        mode: "min" or "max"; left out, what an obvious name of the metric says.
        trials: how many to run, the baseline among them; left out, 20, or all points of a grid.
        search: "bayes", "random" or "grid".
        parallel: how many at a time; "auto" is as many as fit.
        seed: the search's.
        value: whether a trial's last report counts or its best one.
        name: the sweep's folder below ``sweeps/``; numbered after the script if left out.
        on_event: is called with each event of the journal; left out, a REPL or a notebook is told of each
            trial that has ended, on stderr.
        **options: as `Spec.options`: ``trial_timeout=60`` (seconds), ``keep="all"`` ...

    Raises:
        UsageError: trials would reach this call too, an option is unknown, or metric or mode stay unknown.
        TargetError: no trial can run the function.
        SpaceError: the space says nothing, or nonsense.

    Example:
        >>> def train(trial):
        ...     return (trial.params["x"] - 2) ** 2
        >>> done = sweep(train, {"x": "1,2,3"}, search="grid", mode="min")
        >>> done.best.params, done.best.value
        ({'x': 2}, 0.0)
        >>> len(done.trials)
        3
    """
    here = Path.cwd()
    target = _refuse(function, here)
    _refuse_options(options)
    if trials is None and search != "grid":
        trials = names.DEFAULT_TRIALS
    known = space if isinstance(space, Space) else Space.from_toml(space)
    spec = Spec(
        target or Target("pickle", function=carrying.name_of(function)),
        known,
        metric,
        mode,
        search,
        _own(trials),
        _own(parallel),
        _own(seed),
        value,
        sys.executable,
        {option: _own(given) for option, given in options.items()},
    )
    # What none of them can do is refused before there is a folder.
    kinds.refuse_others(spec.to_json(), "sweep() was told")
    searcher_of(spec, said="trials=50").suggest(known, [], 1)
    Endings(spec)
    check(spec)
    folder = Folder.create(here, name, spec.target.stem)
    try:
        _write(function, spec, folder, here)
    except TargetError:
        folder.path.rmdir()
        raise
    told = on_event or (_tell if _is_watched() else lambda _: None)
    for event in loop.run(folder, make_executor(Spec.read(folder.spec_file), folder)):
        told(event)
    ended, mode = history(folder).trials, Spec.read(folder.spec_file).mode
    return Sweep(ended, folder.path, mode)


def _is_watched() -> bool:
    """Whether somebody sits at a REPL, or before a notebook."""
    return hasattr(sys, "ps1") or "ipykernel" in sys.modules


def _tell(event: Event) -> None:
    if event["event"] == "finished":
        value, why = event.get("value"), event.get("error")
        what = f"{event.get('status')}{f': {why}' if why else ''}" if value is None else f"{value:.6g}"
        sys.stderr.write(f"trial {event['trial']}: {what}\n")


def _refuse(function: Callable[[Trial], Any], here: Path) -> Target | None:
    """Refuses what no trial could run; the target where the function has a file of its own."""
    if names.SWEEP_MARK in os.environ:
        raise UsageError("sweep() was reached while a trial imported the script", _GUARD)
    if not callable(function):
        raise TargetError(f"sweep() takes a function that is one trial, not {function!r}", _ONE)
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise TargetError(f"{carrying.name_of(function)} cannot be given a trial: {error}", _ONE) from None
    except ValueError:  # written in C: nobody can say what it takes
        pass
    loading.refuse_unrun(function, carrying.name_of(function))
    target = carrying.importable(function, here)
    file = str((here / target.file).resolve()) if target and target.file else None
    line = guarding.unguarded(sys._getframe(2), file)  # noqa: SLF001  the caller of sweep()
    if file and line:
        raise UsageError(
            f"every trial imports {Path(file).name}, and would reach sweep() there (line {line})", _GUARD
        )
    return target


def _own(given: Any) -> Any:
    """A number of numpy's as Python's own: a spec's file knows no other."""
    if isinstance(given, list | tuple):
        return type(given)(map(_own, given))
    if isinstance(given, bool):
        return given
    if isinstance(given, Integral):
        return int(given)
    return float(given) if isinstance(given, Real) else given


def _refuse_options(options: Mapping[str, Any]) -> None:
    for option in options:
        if option not in OPTIONS:
            near = difflib.get_close_matches(option, OPTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(OPTIONS))}"
            raise UsageError(f"sweep() has no option {option}", hint)


def _write(function: Callable[[Trial], Any], spec: Spec, folder: Folder, here: Path) -> None:
    pickled = spec.target.kind == "pickle"
    target = carrying.pickled(function, folder.path, here) if pickled else spec.target
    replace(spec, target=target).write(folder.spec_file)

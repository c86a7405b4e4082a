"""Which checkpoints stay once a trial has ended."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from awstune import names
from awstune.search.trials import TrialRecord, best_of
from awstune.sweeps import checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from awstune.sweeps.folder import Folder
    from awstune.sweeps.spec import Spec


def prune(folder: Folder, trials: Sequence[TrialRecord], spec: Spec, ended: int) -> None:
    """Delete the checkpoints that the end of a trial makes useless.

    With ``keep`` "best", the default, only the best trial's stay; with "all" the last of each; with "none"
    none. Running trials keep theirs.

    Args:
        folder: the sweep's.
        trials: as they stand now.
        spec: its option ``keep`` says what stays.
        ended: the number of the trial that has just ended.
    """
    _keep_newest(folder, ended)
    if spec.options.get("keep") == "all":
        return
    kept = stays(trials, spec)
    for trial in trials:
        if not trial.running and trial.number not in kept and trial.checkpoint is not None:
            _drop(folder, trial)


def stays(trials: Sequence[TrialRecord], spec: Spec) -> set[int]:
    """The numbers of the trials whose checkpoints stay when they have ended."""
    keep = spec.options.get("keep", "best")
    if keep == "all":
        return {trial.number for trial in trials if not trial.running}
    best = best_of(trials, spec.mode) if keep == "best" and spec.mode else None
    return set() if best is None else {best.number}


def prune_run(spec: Spec, run: Path) -> None:
    """Delete what a run outside of the search leaves: its value is all that it was for.

    Args:
        spec: its option ``keep`` says what stays.
        run: the run's own folder.
    """
    if spec.options.get("keep", "best") != "all":
        shutil.rmtree(run / names.CHECKPOINT_DIR, ignore_errors=True)


def _drop(folder: Folder, trial: TrialRecord) -> None:
    number = trial.number
    for path in folder.checkpoint_dirs(number) if trial.repeats else [folder.checkpoint_dir(number)]:
        shutil.rmtree(path, ignore_errors=True)


def _keep_newest(folder: Folder, number: int) -> None:
    """The checkpoint before the last one was there to resume from."""
    for place in folder.checkpoint_dirs(number):
        for path in checkpoint.found(place)[:-1]:
            path.unlink(missing_ok=True)

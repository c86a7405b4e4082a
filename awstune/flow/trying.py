"""One trial here, two epochs: whether a target works, and what it reports, before any money is spent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from awstune.errors import NothingSucceeded, UsageError
from awstune.flow.events import Doing, Story
from awstune.names import EPOCHS_VARIABLE
from awstune.search.trials import TrialRecord
from awstune.sweeps import loop, results
from awstune.sweeps.folder import Folder
from awstune.sweeps.local import make_executor
from awstune.sweeps.spec import OF_A_TRIAL, Spec

EPOCHS = 2


@dataclass(frozen=True)
class Tried:
    """What one short trial has shown.

    Attributes:
        trial: the baseline's record.
        metric: what the sweep would be measured by; None where the trial reports several.
        mode: the better direction; None where the metric's name does not tell.
        log: what the trial wrote, its last lines.
    """

    trial: TrialRecord
    metric: str | None
    mode: str | None
    log: str


def once(spec: Spec, cwd: Path) -> Story[Tried]:
    """Runs the baseline for two epochs on this machine; nothing of it is kept.

    Args:
        spec: the sweep's.
        cwd: the folder that the target is named from.

    Raises:
        NothingSucceeded: the trial failed; with the last lines of its log.
    """
    yield Doing(f"trying {spec.target.text}: the baseline, {EPOCHS} epochs, on this machine")
    with tempfile.TemporaryDirectory(prefix="awstune-try-") as place, _few_epochs():
        folder = Folder.create(Path(place), "try", "try")
        options = {key: value for key, value in spec.options.items() if key in OF_A_TRIAL}
        replace(spec, trials=1, parallel=1, search="random", options=options).write(folder.spec_file)
        unknown = False
        try:
            for _ in loop.run(folder, make_executor(Spec.read(folder.spec_file), folder, cwd)):
                pass
        except UsageError:
            unknown = True  # metric or mode is what is to be found out
        tried = _read(folder)
    if not tried.trial.reports or (tried.trial.error and not unknown):
        why = tried.trial.error or "it reported nothing"
        raise NothingSucceeded(f"the trial failed: {why}", tried.log)
    return tried


def _read(folder: Folder) -> Tried:
    spec = Spec.read(folder.spec_file)
    trial = results.history(folder).trials[0]
    log = folder.log_file(0)
    lines = log.read_text(errors="replace").strip().splitlines()[-8:] if log.exists() else []
    return Tried(trial, spec.metric, spec.mode, "\n".join(lines))


@contextmanager
def _few_epochs() -> Iterator[None]:
    os.environ[EPOCHS_VARIABLE] = str(EPOCHS)
    try:
        yield
    finally:
        del os.environ[EPOCHS_VARIABLE]

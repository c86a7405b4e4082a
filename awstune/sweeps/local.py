"""Run a sweep on this machine: the executor that its spec asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from awstune.sweeps.pool import Limits, Pool

if TYPE_CHECKING:
    from awstune.sweeps.executor import Executor
    from awstune.sweeps.folder import Folder
    from awstune.sweeps.spec import Spec


def make_executor(spec: Spec, folder: Folder, cwd: Path | None = None) -> Executor:
    """The executor for a sweep's trials; nothing is started before its first trial.

    Args:
        spec: the sweep's.
        folder: the sweep's.
        cwd: the folder that trials run in; the one one is in.
    """
    memory = spec.options.get("trial_memory")
    limits = Limits(
        seconds=spec.options.get("trial_timeout"),
        memory_bytes=None if memory is None else int(memory * 2**30),
        threads=spec.options.get("trial_threads"),
    )
    return Pool(
        spec.target,
        cwd=cwd or Path.cwd(),
        folder=folder.path,
        python=spec.python or sys.executable,
        slots=spec.parallel,
        limits=limits,
        mode=spec.options.get("start", "fork"),
    )

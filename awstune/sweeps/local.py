"""Run a sweep on this machine: the executor that its spec asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError
from awstune.sweeps import data, gauge, metricfile, picking, words
from awstune.sweeps.commands import Commands
from awstune.sweeps.packing import Packing, undecided
from awstune.sweeps.pool import Pool
from awstune.sweeps.results import history
from awstune.sweeps.running import Limits
from awstune.sweeps.spec import AUTO

if TYPE_CHECKING:
    from awstune.sweeps.executor import Executor
    from awstune.sweeps.folder import Folder
    from awstune.sweeps.spec import Spec


def make_executor(
    spec: Spec, folder: Folder, cwd: Path | None = None, *, standbys: Path | None = None
) -> Executor:
    """The executor for a sweep's trials; nothing is started before its first trial.

    Args:
        spec: the sweep's.
        folder: the sweep's.
        cwd: the folder that trials run in; the one one is in.
        standbys: on an instance, the folder of processes that trials may begin sooner by.

    Raises:
        TargetError: a command leaves a parameter out, or has a hole too many.
        UsageError: its ``metric_regex`` is no pattern, or its data is gone.
    """
    check(spec)
    here, limits, share = cwd or Path.cwd(), _limits(spec), _share(spec, folder)
    data.refuse_missing(spec, here)
    if spec.target.kind == "command":
        return Commands(
            spec.target,
            cwd=here,
            folder=folder.path,
            limits=limits,
            patterns=_patterns(spec),
            metric=spec.metric,
            metric_file=spec.options.get("metric_file"),
            **share,
        )
    return Pool(
        spec.target,
        cwd=here,
        folder=folder.path,
        python=spec.python or sys.executable,
        limits=limits,
        mode=spec.options.get("start", "fork"),
        standbys=standbys,
        **share,
    )


def _share(spec: Spec, folder: Folder) -> dict[str, Any]:
    """How many trials run at a time, and where: as it was decided before, if this machine is the same."""
    has = gauge.machine()
    gpus = tuple(gpu.name for gpu in has.gpus)
    decided = history(folder).packing
    known = None if decided is None else Packing.from_json(decided)
    if known is not None and (known.gpus, known.cores) != (gpus, has.cores):
        known = None
    if spec.parallel == AUTO:
        new = known is None
        return {"packing": known or undecided(has), "gauge": gauge.Gauge(has) if new else None}
    # What was lowered for want of memory stays so.
    lower = known is not None and known.slots < spec.parallel
    return {"packing": known if lower else Packing(spec.parallel, gpus, has.cores)}


def check(spec: Spec) -> None:
    """Refuses what no executor could run, before there is anything of a sweep.

    Raises:
        TargetError: a command leaves a parameter out, or has a hole too many.
        UsageError: its ``metric_regex`` is no pattern, or a function has one.
    """
    file = spec.options.get("metric_file")
    if file is not None:
        metricfile.check(file, spec.target.kind)
    if spec.target.kind == "command":
        words.check(spec.target.command, spec.space)
        picking.Picker(_patterns(spec))
    elif "metric_regex" in spec.options:
        raise UsageError(
            "a pattern that finds the metric is for commands",
            "a function reports by itself: trial.report(val_loss=0.3)",
        )


def _limits(spec: Spec) -> Limits:
    memory = spec.options.get("trial_memory")
    return Limits(
        seconds=spec.options.get("trial_timeout"),
        memory_bytes=None if memory is None else int(memory * 2**30),
        threads=spec.options.get("trial_threads"),
    )


def _patterns(spec: Spec) -> list[str]:
    given = spec.options.get("metric_regex", ())
    return [given] if isinstance(given, str) else list(given)

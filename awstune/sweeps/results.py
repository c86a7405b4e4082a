"""What a sweep's folder says, in the shapes that ``--json`` promises."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

from awstune.search.trials import History, Status, TrialRecord, best_of, fold
from awstune.sweeps import journal
from awstune.sweeps.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.sweeps.folder import Folder


def history(folder: Folder) -> History:
    """The folded journal of a sweep; an empty one where it has not begun."""
    chunk = journal.read(folder.journal_file)
    return fold(chunk.events, skipped=chunk.skipped)


def results(folder: Folder) -> dict[str, Any]:
    """``{sweep, metric, mode, best: TRIAL | None, trials: [TRIAL...]}``.

    A TRIAL is ``{trial, params, value, status, started, seconds, steps, error, node, why, checkpoint}``:
    ``started`` in ISO 8601 (UTC), ``steps`` the number of reports, ``checkpoint`` relative to the folder
    and only where it is still there.
    """
    spec, trials = Spec.read(folder.spec_file), history(folder).trials
    best = best_of(trials, spec.mode) if spec.mode else None
    return {
        "sweep": folder.name,
        "metric": spec.metric,
        "mode": spec.mode,
        "best": None if best is None else _trial(folder, best),
        "trials": [_trial(folder, trial) for trial in trials],
    }


def _trial(folder: Folder, trial: TrialRecord) -> dict[str, Any]:
    kept = trial.checkpoint and (folder.path / trial.checkpoint).exists()
    return {
        "trial": trial.number,
        "params": dict(trial.params),
        "value": trial.value,
        "status": str(trial.status),
        "started": None if trial.started is None else iso(trial.started),
        "seconds": trial.seconds,
        "steps": len(trial.reports),
        "error": trial.error,
        "node": trial.node,
        "why": trial.why,
        "checkpoint": trial.checkpoint if kept else None,
    }


def iso(t: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(t, dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def status(folder: Folder, now: float, *, running: bool | None = None) -> dict[str, Any]:
    """``{sweep, where, state, trials: {...}, best, usd_so_far, eta_s}``.

    Args:
        folder: the sweep's.
        now: seconds since the epoch.
        running: whether its worker runs, where the caller knows better (a mirrored folder); None looks
            whether a process here is writing to the journal.

    Returns:
        ``state`` is running, finished, stopped, failed or cancelled; ``where`` "local", for the caller to
        replace; ``usd_so_far`` 0; ``eta_s`` seconds, None where nothing can be said yet.
    """
    spec, known = Spec.read(folder.spec_file), history(folder)
    alive = journal.is_open(folder.journal_file) if running is None else running
    best = best_of(known.trials, spec.mode) if spec.mode else None
    return {
        "sweep": folder.name,
        "where": "local",
        "state": _state(known, alive=alive),
        "trials": _counts(known.trials, spec),
        "best": best and {"trial": best.number, "value": best.value, "params": dict(best.params)},
        "usd_so_far": 0.0,
        "eta_s": _eta(known.trials, spec, now) if alive else None,
    }


def _state(known: History, *, alive: bool) -> str:
    if alive:
        return "running"
    if known.ended is None:
        return "stopped"
    if known.ended == "cancelled":
        return "cancelled"
    return "finished" if any(trial.counts for trial in known.trials) else "failed"


def _counts(trials: Sequence[TrialRecord], spec: Spec) -> dict[str, int | None]:
    seen = Counter(trial.status for trial in trials)
    return {
        "running": seen[Status.RUNNING],
        "succeeded": seen[Status.SUCCEEDED],
        "failed": seen[Status.FAILED],
        "stopped_early": seen[Status.STOPPED_EARLY],
        "planned": _planned(spec),
    }


def _planned(spec: Spec) -> int | None:
    size = spec.space.size if spec.search == "grid" else None
    bounds = [bound for bound in (spec.trials, size) if bound is not None]
    return min(bounds, default=None)


def _eta(trials: Sequence[TrialRecord], spec: Spec, now: float) -> float | None:
    """Mean seconds a trial, for those to come and for what is left of those that run, per slot."""
    took = [trial.seconds for trial in trials if trial.seconds is not None]
    planned = _planned(spec)
    if not took or planned is None:
        return None
    mean = sum(took) / len(took)
    begun = sum(max(0.0, mean - (now - (t.started or now))) for t in trials if t.running)
    return round((begun + mean * max(0, planned - len(trials))) / spec.parallel, 3)

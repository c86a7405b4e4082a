"""What a sweep's folder says, in the shapes that ``--json`` promises."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awstune.amounts import iso
from awstune.search.folding import fold
from awstune.search.runs import Run, spread
from awstune.search.trials import History, Status, TrialRecord, best_of
from awstune.sweeps import journal, words
from awstune.sweeps.outlook import outlook, planned_of
from awstune.sweeps.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode
    from awstune.sweeps.folder import Folder


def history(folder: Folder) -> History:
    """The folded journal of a sweep; an empty one where it has not begun."""
    chunk = journal.read(folder.journal_file)
    return fold(chunk.events, skipped=chunk.skipped)


def results(folder: Folder) -> dict[str, Any]:
    """``{sweep, target, metric, mode, best: TRIAL | None, confirmed, trials: [TRIAL...], runs: [RERUN...]}``.

    ``target`` is as one types it: ``train.py:train``, or ``-- python train.py {args}``.

    A TRIAL is ``{trial, params, value, status, started, seconds, steps, error, node, why, checkpoint, sd,
    repeats, confirmed, command}``: ``started`` in ISO 8601 (UTC), ``steps`` the number of reports,
    ``checkpoint`` relative to the folder and only where it is still there, ``command`` the full command
    line of a trial that is a program (its log has it, too). ``repeats`` is the list of its runs, each
    ``{seed, value, status, seconds, error}``, where a trial is run several times: then ``value`` is their
    mean and ``sd`` their standard deviation. ``confirmed`` is ``{mean, sd, runs}`` of the runs with new
    seeds at the sweep's end; both are None where there are none. The document's own ``confirmed`` is the
    number of the trial with the best confirmed mean; of ``runs`` see `rerun`.
    """
    spec, trials = Spec.read(folder.spec_file), history(folder).trials
    best = best_of(trials, spec.mode) if spec.mode else None
    return {
        "sweep": folder.name,
        "target": spec.target.text,
        "metric": spec.metric,
        "mode": spec.mode,
        "best": None if best is None else _trial(folder, spec, best),
        "confirmed": best_confirmed(trials, spec.mode),
        "trials": [_trial(folder, spec, trial) for trial in trials],
        "runs": [rerun(run) for run in folder.runs() if run.spec_file.exists()],
    }


def rerun(run: Folder) -> dict[str, Any]:
    """``{sweep, run, params, metric, mode, mean, sd, runs, dir}`` of one ``awstune run``, from its folder.

    ``runs`` is a list of ``{seed, value, status, seconds, error, log}``, one a seed; ``log`` and ``dir``
    are relative to the sweep's folder.
    """
    spec, trials = Spec.read(run.spec_file), history(run).trials
    known = [Run(t.seed, str(t.status), t.value, t.seconds, t.error) for t in trials]
    told, home = spread(known), run.path.parents[1]
    logs = [str(run.log_file(trial.number).relative_to(home)) for trial in trials]
    return {
        "sweep": home.name,
        "run": int(run.name),
        "params": spec.space.defaults(),
        "metric": spec.metric,
        "mode": spec.mode,
        "mean": told.mean,
        "sd": told.sd,
        "runs": [{**_run(one), "log": log} for one, log in zip(known, logs, strict=True)],
        "dir": str(run.path.relative_to(home)),
    }


def findings(folder: Folder, *, model: bool = True) -> dict[str, Any]:
    """What its trials tell: see ``Findings.to_json``.

    Args:
        folder: the sweep's.
        model: whether importance and the model's guess are wanted, too; they take about a second.
    """
    from awstune.search.findings import Findings
    from awstune.search.findings import findings as found

    spec, trials = Spec.read(folder.spec_file), history(folder).trials
    if spec.mode is None:
        return Findings().to_json()
    return found(spec.space, trials, mode=spec.mode, metric=spec.metric, model=model).to_json()


def best_confirmed(trials: Sequence[TrialRecord], mode: Mode | None) -> int | None:
    """The number of the trial whose runs with new seeds have the best mean; None where there are none."""
    means = [(spread(trial.confirmed).mean, trial.number) for trial in trials if trial.confirmed]
    known = [(mean if mode == "min" else -mean, number) for mean, number in means if mean is not None]
    return min(known)[1] if known and mode else None


def command_of(folder: Folder, spec: Spec, trial: TrialRecord) -> str | None:
    """The command line of a trial, as a shell takes it; None where it is a function."""
    if spec.target.kind != "command":
        return None
    own = {"dir": folder.trial_dir(trial.number), "trial": trial.number, "seed": trial.seed, "port": "{port}"}
    return shlex.join(words.fill(spec.target.command, trial.params, own))


def _trial(folder: Folder, spec: Spec, trial: TrialRecord) -> dict[str, Any]:
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
        "sd": spread(trial.repeats).sd if trial.value is not None else None,
        "repeats": [_run(run) for run in trial.repeats] or None,
        "confirmed": _confirmed(trial.confirmed),
        "command": command_of(folder, spec, trial),
    }


def _confirmed(runs: Sequence[Run]) -> dict[str, Any] | None:
    if not runs:
        return None
    known = spread(runs)
    return {"mean": known.mean, "sd": known.sd, "runs": [_run(run) for run in runs]}


def _run(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "value": run.value,
        "status": run.status,
        "seconds": run.seconds,
        "error": run.error,
    }


def status(folder: Folder, now: float, *, running: bool | None = None) -> dict[str, Any]:
    """``{sweep, where, state, trials: {...}, best, usd_so_far, eta_s}``.

    Args:
        folder: the sweep's.
        now: seconds since the epoch.
        running: whether its worker runs, where the caller knows better (a mirrored folder); None looks
            whether a process here is writing to the journal.

    Returns:
        ``state`` is running, finished, stopped, failed or cancelled; ``where`` "local", for the caller to
        replace; ``trials`` counts as interrupted what a stopped sweep takes up again; ``usd_so_far`` 0;
        ``packing`` how many trials run at a time, and why, where that was decided. While it runs and a
        trial has ended, else None: ``eta_s``, ``ends``, ``seconds_per_trial``,
        ``usd_per_trial``, ``usd_at_end``, and ``too_late_s``, by how much its end is after its instance's.
    """
    spec, known = Spec.read(folder.spec_file), history(folder)
    alive = journal.is_open(folder.journal_file) if running is None else running
    best = best_of(known.trials, spec.mode) if spec.mode else None
    return {
        "sweep": folder.name,
        "where": "local",
        "state": _state(known, alive=alive),
        "trials": _counts(known.trials, spec, alive=alive),
        "best": best and {"trial": best.number, "value": best.value, "params": dict(best.params)},
        "usd_so_far": 0.0,
        "packing": known.packing,
        **_outlook(known, spec, now, alive=alive),
    }


def _state(known: History, *, alive: bool) -> str:
    if alive:
        return "running"
    if known.ended is None:
        return "stopped"
    if known.ended == "cancelled":
        return "cancelled"
    return "finished" if any(trial.counts for trial in known.trials) else "failed"


def _counts(trials: Sequence[TrialRecord], spec: Spec, *, alive: bool) -> dict[str, int | None]:
    seen = Counter(trial.status for trial in trials)
    return {
        "running": seen[Status.RUNNING] if alive else 0,
        "succeeded": seen[Status.SUCCEEDED],
        "failed": seen[Status.FAILED],
        "stopped_early": seen[Status.STOPPED_EARLY],
        "cancelled": seen[Status.CANCELLED],
        "interrupted": 0 if alive else seen[Status.RUNNING],
        "confirming": sum(1 for trial in trials if alive and trial.confirming is not None),
        "planned": _planned(spec),
    }


def _planned(spec: Spec) -> int | None:
    return planned_of(spec.to_json(), spec.space.size)


def _outlook(known: History, spec: Spec, now: float, *, alive: bool) -> dict[str, Any]:
    """What is to come; None where nothing can be said."""
    plain = replace(known, spec=spec.to_json())
    ahead = outlook(plain, _planned(spec), now) if alive else None
    return {
        "eta_s": None if ahead is None or ahead.left_s is None else round(ahead.left_s, 3),
        "ends": None if ahead is None or ahead.ends is None else iso(ahead.ends),
        "seconds_per_trial": None if ahead is None else round(ahead.trial_s, 3),
        "usd_per_trial": None if ahead is None else ahead.trial_usd,
        "usd_at_end": None if ahead is None else ahead.usd,
        "too_late_s": None if ahead is None else round(ahead.too_late_s, 3),
    }

"""What a sweep will have taken when it ends: priced again after each trial, by what trials took so far."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.sweeps.turns import CONFIRM_SEEDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.search.trials import History


@dataclass(frozen=True)
class Outlook:
    """An estimate.

    Attributes:
        trial_s: mean seconds of a trial so far.
        left_s: seconds until the sweep ends; None where nobody knows how many trials there will be.
        ends: seconds since the epoch at which it does.
        trial_usd: mean price of a trial; None where its machine has no price.
        usd: what the sweep will have cost at its end.
        too_late_s: by how many seconds that is after the end of its instance; 0 where it is not.
    """

    trial_s: float
    left_s: float | None
    ends: float | None
    trial_usd: float | None
    usd: float | None
    too_late_s: float = 0.0


def slots(parallel: Any, packing: Mapping[str, Any] | None) -> int:
    """How many trials run at a time, as far as that is decided."""
    decided = None if packing is None else int(packing["slots"])
    if isinstance(parallel, int):
        return parallel if decided is None else min(parallel, decided)
    return decided or 1


def outlook(known: History, planned: int | None, now: float) -> Outlook | None:
    """The estimate; None before the first trial has ended.

    Args:
        known: the journal; its spec may hold ``usd_per_hour``.
        planned: how many trials there will be; None where that is open.
        now: seconds since the epoch.
    """
    took = [trial.seconds for trial in known.trials if trial.seconds is not None]
    if not took:
        return None
    mean, at_once = sum(took) / len(took), slots(known.spec.get("parallel", 1), known.packing)
    rate = known.spec.get("usd_per_hour")
    trial_usd = None if rate is None else mean / at_once / 3600 * rate
    if planned is None:
        return Outlook(mean, None, None, trial_usd, None)
    begun = sum(max(0.0, mean - (now - (t.started or now))) for t in known.trials if t.running)
    left = (begun + mean * (max(0, planned - len(known.trials)) + _to_confirm(known, planned))) / at_once
    so_far = known.spent_s + max(0.0, now - (known.latest or now))
    usd = None if rate is None else (so_far + left) / 3600 * rate
    late = 0.0 if known.machine_ends is None else max(0.0, now + left - known.machine_ends)
    return Outlook(mean, left, now + left, trial_usd, usd, late)


def _to_confirm(known: History, planned: int) -> float:
    """The runs that confirm the best trials, as far as they are still to come, in trials."""
    runs = CONFIRM_SEEDS * min(planned, known.spec.get("confirm", 0))
    done = sum(len(trial.confirmed) for trial in known.trials)
    return float(max(0, runs - done)) / float(known.spec.get("repeats", 1))


def planned_of(spec: Mapping[str, Any], size: int | None) -> int | None:
    """How many trials a spec plans; None where that is open.

    Args:
        spec: its plain fields.
        size: how many points its space has; None for endlessly many.
    """
    bounds = [spec.get("trials"), size if spec.get("search") == "grid" else None]
    return min((bound for bound in bounds if bound is not None), default=None)


def machine_ends(environment: Mapping[str, str] = os.environ) -> float | None:
    """When the guard of this instance ends it, seconds since the epoch; None where nothing does.

    Args:
        environment: says where the root of an instance of the embedded cloud is.
    """
    root = environment.get(names.ROOT_VARIABLE, "")
    try:
        return float(Path(f"{root}{names.ENDS_FILE}").read_text())
    except (OSError, ValueError):
        return None

"""What a trial's reports come to: one finite value, or the reason why there is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode, Report

_ONLY = ", only "


def value_of(
    reports: Sequence[Report], metric: str, mode: Mode, which: Literal["last", "best"]
) -> tuple[float | None, str | None]:
    """The value of a trial.

    Args:
        reports: all of them, by step.
        metric: the sweep's.
        mode: its better direction.
        which: the last report counts, or the best.

    Returns:
        ``(value, None)``, or ``(None, reason)`` where nothing usable was reported.
    """
    values = [float(report.metrics[metric]) for report in reports if metric in report.metrics]
    if not values:
        return None, _never(reports, metric)
    if which == "best":
        finite = [value for value in values if math.isfinite(value)]
        best = min if mode == "min" else max
        return (best(finite), None) if finite else (None, f"{metric} was never a finite number")
    if math.isfinite(values[-1]):
        return values[-1], None
    return None, f"its last {metric} was {values[-1]}"


def unclear(metric: str | None, reported: Sequence[str]) -> tuple[str, str]:
    """What has to be asked after the first report, and the options that answer it.

    Args:
        metric: the sweep's; None where there are several to choose from.
        reported: the names of the metrics that the report has.
    """
    told = f"the trial reports {', '.join(reported)}"
    if metric is None:
        return f"{told}: which is the metric?", f"--metric {reported[0]}"
    if metric in reported:
        return f"is a higher or a lower {metric} better?", "--mode max (or min)"
    return (
        f"is a higher or a lower {metric} better? So far {told}, and no {metric}",
        f"--metric {reported[0]}, or --mode max (or min),",
    )


def _never(reports: Sequence[Report], metric: str) -> str:
    reported = sorted({name for report in reports for name in report.metrics})
    if not reported and metric == "value":  # no metric was named, so nothing would tell what is awaited
        return "it never reported a value: print awstune: loss=0.31, or see --metric-regex"
    return f"{never(metric)}{_ONLY}{', '.join(reported)}" if reported else never(metric)


def never(metric: str | None) -> str:
    """Why a trial that reported nothing has no value."""
    return f"it never reported {metric}"


def reported_instead(error: str) -> str | None:
    """The first metric that a trial did report, of the reason why it has no value; None where it did not."""
    before, only, names = error.partition(_ONLY)
    return names.partition(", ")[0] if only and before.startswith("it never reported ") else None

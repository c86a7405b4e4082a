"""One trial run several times: its repeats within a search, and the runs that confirm it afterwards."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a trial that has ended.

    Attributes:
        seed: what its generators were seeded with.
        status: as a trial's: succeeded, failed, stopped_early or cancelled.
        value: the sweep's metric, finite; None for what failed.
        seconds: how long it took.
        error: why it failed.
    """

    seed: int | None
    status: str
    value: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """What several runs of one trial come to.

    Attributes:
        mean: of their values; None where none has one.
        sd: their sample standard deviation (n - 1 below the line); None with fewer than two values.
        count: how many have a value.
    """

    mean: float | None
    sd: float | None
    count: int


def spread(runs: Sequence[Run]) -> Spread:
    """Mean and standard deviation of the runs that have a value.

    >>> spread([Run(1, "succeeded", 2.0), Run(2, "succeeded", 4.0), Run(3, "failed")])
    Spread(mean=3.0, sd=1.4142135623730951, count=2)
    """
    values = [run.value for run in runs if run.value is not None]
    mean = statistics.fmean(values) if values else None
    return Spread(mean, statistics.stdev(values) if len(values) > 1 else None, len(values))

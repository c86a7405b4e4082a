"""Which run of a trial comes next: its repeats within the search, and what confirms it afterwards.

The runs of one trial come one after another, so that at most one of them is ever going on. They write to
the trial's one log, each below a heading, and each has a folder of its own for what else it leaves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from awstune.search.runs import Run, spread
from awstune.search.trials import Status, TrialRecord
from awstune.sweeps import data
from awstune.sweeps.executor import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode
    from awstune.sweeps.folder import Folder
    from awstune.sweeps.spec import Spec

CONFIRM_SEEDS = 3  # how many runs confirm a trial: the fewest that show a spread


@dataclass(frozen=True)
class Turn:
    """One run of a trial.

    Attributes:
        trial: its number.
        kind: "repeat" within the search, "confirm" after it.
        index: counts from 0 within the kind.
    """

    trial: int
    kind: Literal["repeat", "confirm"] = "repeat"
    index: int = 0

    @property
    def confirms(self) -> bool:
        """Whether it lies outside of the search."""
        return self.kind == "confirm"

    @property
    def first(self) -> bool:
        """Whether it is what a trial that is run once has."""
        return self.kind == "repeat" and self.index == 0

    def seed(self, spec: Spec) -> int:
        """Its seed: the one that the spec names, or see `seed_of`."""
        named = spec.options.get("seeds", ())
        if self.first and self.trial < len(named):
            return int(named[self.trial])
        words = (self.trial,) if self.first else (self.trial, self.kind, self.index)
        return seed_of(spec.seed, *words)

    def job(self, spec: Spec, folder: Folder, record: TrialRecord) -> Job:
        """What the executor runs."""
        place, log = folder.trial_dir(self.trial), folder.log_file(self.trial)
        own = place if self.first else place / self.kind / str(self.index)
        attempt, env = record.attempts if self.first else 0, data.environment(spec)
        return Job(self.trial, dict(record.params), self.seed(spec), own, attempt, log, env)

    def heading(self, spec: Spec) -> str | None:
        """The line above what it writes; None for a trial that is run once."""
        count = CONFIRM_SEEDS if self.confirms else repeats_of(spec)
        if count == 1:
            return None
        word = "run to confirm" if self.confirms else "run"
        return f"--- {word} {self.index + 1} of {count}, seed {self.seed(spec)} ---"


def repeats_of(spec: Spec) -> int:
    """How often each trial is run within the search."""
    return int(spec.options.get("repeats", 1))


def seed_of(seed: int, *words: object) -> int:
    """The seed of a run, below 2**31; a retry has the same."""
    digest = hashlib.sha256("/".join(str(word) for word in (seed, *words)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def next_repeat(record: TrialRecord, spec: Spec) -> Turn | None:
    """The run that a trial still has to make; None where its value is settled."""
    done = record.repeats
    if len(done) >= repeats_of(spec) or any(run.status != Status.SUCCEEDED for run in done):
        return None
    return Turn(record.number, "repeat", len(done))


def outcome(repeats: Sequence[Run]) -> Run:
    """What a trial's repeats come to: one that did not succeed decides, else the mean counts.

    A trial that fails with one of its seeds has failed: such a setting cannot be relied on.
    """
    last, seconds = repeats[-1], sum(run.seconds or 0.0 for run in repeats)
    if last.status == Status.FAILED:
        error = f"run {len(repeats)}, seed {last.seed}: {last.error}"
        return Run(None, last.status, None, seconds, error)
    value = None if last.status == Status.CANCELLED else spread(repeats).mean
    return Run(None, last.status, value, seconds)


def to_confirm(trials: Sequence[TrialRecord], spec: Spec, mode: Mode) -> list[TrialRecord]:
    """The best trials, as many as shall be confirmed, the best first."""
    sign = 1.0 if mode == "min" else -1.0
    counted = sorted((t for t in trials if t.counts), key=lambda t: (sign * (t.value or 0.0), t.number))
    return counted[: int(spec.options.get("confirm", 0))]


def next_confirm(record: TrialRecord) -> Turn | None:
    """The run that a trial to be confirmed still has to make; None where there is none."""
    done = record.confirmed
    if len(done) >= CONFIRM_SEEDS or any(run.status == Status.CANCELLED for run in done):
        return None
    return Turn(record.number, "confirm", len(done))

"""What the user's function holds: one trial.

Runs under the trials' Python: standard library only; torch where the trial has loaded it.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from collections import deque
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from awstune import names
from awstune.sweeps import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_REMEMBERED = 10_000  # reports that a checkpoint holds


class Channel(Protocol):
    """Where a trial's reports go."""

    @property
    def stopped(self) -> bool:
        """Whether the sweep told this trial to end early."""
        ...

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand on one report."""
        ...

    def checkpointed(self, path: Path, step: int | None) -> None:
        """Tell of a checkpoint that the disk has."""
        ...


class Console:
    """The channel of a trial outside any sweep: reports are shown."""

    stopped = False

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show one report."""
        print(f"{step:>5}  " + "  ".join(f"{k}={v:.6g}" for k, v in metrics.items()))  # noqa: T201  # outside of a sweep a report is shown

    def checkpointed(self, path: Path, step: int | None) -> None:
        """Say nothing."""


class Trial:
    """One trial. ``Trial(lr=1e-3, width=64)`` makes one for a debugger; sweeps make their own.

    Attributes:
        params: name to value.
        number: counts from 0, the baseline.
        seed: what python's, numpy's and torch's generators were seeded with.

    Example:
        >>> from awstune import Trial
        >>> def train(trial):
        ...     for epoch in trial.epochs(2):
        ...         trial.report(loss=trial.params["lr"] / (epoch + 1))
        >>> train(Trial(lr=0.5))
            0  loss=0.5
            1  loss=0.25
    """

    def __init__(self, **params: Any) -> None:
        self.params: dict[str, Any] = params
        self.number = 0
        self.seed = 0
        self._folder: Path | None = None
        self._channel: Channel = Console()
        self._epoch: int | None = None
        self._reports: deque[tuple[int, Mapping[str, float]]] = deque(maxlen=_REMEMBERED)

    @classmethod
    def of_sweep(
        cls, params: Mapping[str, Any], *, number: int, seed: int, folder: Path, channel: Channel
    ) -> Trial:
        """A trial of a sweep; made in the trial's own process."""
        trial = cls()
        trial.params = dict(params)
        trial.number, trial.seed = number, seed
        trial._folder, trial._channel = folder, channel
        return trial

    @cached_property
    def dir(self) -> Path:
        """The trial's own folder; what is put into its ``artifacts`` is fetched with the sweep."""
        return self._folder or Path(tempfile.mkdtemp(prefix="awstune-trial-"))

    @property
    def stopped(self) -> bool:
        """Whether the sweep told this trial to end early; `epochs` looks by itself."""
        return self._channel.stopped

    def ends_after(self, epoch: int) -> bool:
        """Whether to end after this epoch, for loops other than `epochs`: told to, or no more are wanted."""
        return self.stopped or epoch + 1 >= int(os.environ.get(names.EPOCHS_VARIABLE, sys.maxsize))

    def report(self, *, epoch: int | None = None, step: int | None = None, **metrics: Any) -> None:
        """Report metrics, as ``trial.report(val_loss=0.3)``.

        Args:
            epoch: what the report is about; within `epochs` that is known.
            step: the same, for those who count steps.
            **metrics: numbers, or tensors of one number; of two for one epoch the later counts.

        Raises:
            TypeError: something else than a number, or nothing at all.
        """
        if not metrics:
            raise TypeError("report() takes metrics: trial.report(val_loss=0.3)")
        values = {name: _number(name, value) for name, value in metrics.items()}
        number = self._step(epoch, step)
        before = self._reports.pop()[1] if self._reports and self._reports[-1][0] == number else {}
        self._hand_on(number, {**before, **values})

    def _hand_on(self, step: int, metrics: Mapping[str, float]) -> None:
        self._reports.append((step, metrics))
        self._channel.report(step, metrics)

    def _step(self, *given: int | None) -> int:
        known = [number for number in (*given, self._epoch) if number is not None]
        return int(known[0]) if known else self.next_step

    @property
    def next_step(self) -> int:
        """The step after the latest report."""
        return self._reports[-1][0] + 1 if self._reports else 0

    def epochs(self, count: int, state: Sequence[Any] = ()) -> Iterator[int]:
        """Count epochs from 0 or from the last checkpoint, until told to stop.

        Args:
            count: how many epochs the whole trial has; `sweep --try` has no more than two.
            state: models, optimizers, schedulers: all that has ``state_dict`` and ``load_state_dict``; also
                generators and dicts. It is saved, with the random state, after each epoch. A resumed trial
                goes on from there, and runs at least its last epoch again. Without it, it starts at 0.

        Yields:
            The epoch's number.
        """
        count = min(count, int(os.environ.get(names.EPOCHS_VARIABLE, count)))
        first = self._resume(count, state) if self._keeps(state) else 0
        for epoch in range(first, count):
            self._epoch = epoch
            yield epoch
            stopped = self.stopped
            if self._keeps(state):
                self._save(epoch, state, last=stopped or epoch + 1 == count)
            if stopped:
                break
        self._epoch = None

    def _resume(self, count: int, state: Sequence[Any]) -> int:
        first, reports = checkpoint.restore(self._checkpoints, count, state)
        for step, metrics in reports:  # the sweep may have been killed before it heard of them
            self._hand_on(step, metrics)
        return first

    def _keeps(self, state: Sequence[Any]) -> bool:
        return bool(state) and self._folder is not None

    @property
    def _checkpoints(self) -> Path:
        return self.dir / names.CHECKPOINT_DIR

    def _save(self, epoch: int, state: Sequence[Any], *, last: bool) -> None:
        path = checkpoint.save(self._checkpoints, epoch + 1, state, self._reports, last=last)
        self._channel.checkpointed(path, epoch)

    def checkpoint(self, path: str | Path) -> Path:
        """Keep a file or folder of one's own as the trial's checkpoint, whole or not at all.

        Args:
            path: what was just written; it is copied.

        Returns:
            Where it is kept, below `dir`.
        """
        source = Path(path)
        kept = self._checkpoints / source.name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        checkpoint.place(kept, lambda aside: copy(source, aside))
        self._channel.checkpointed(kept, self._epoch)
        return kept

    @property
    def kept(self) -> Path | None:
        """What `checkpoint` kept last, in this attempt of the trial or a lost one; to go on from."""
        return None if self._folder is None else checkpoint.newest(self._checkpoints)


def _number(name: str, value: Any) -> float:
    if value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"report({name}=...) takes a number, not a {type(value).__name__}") from None

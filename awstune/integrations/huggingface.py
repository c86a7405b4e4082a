"""Hugging Face's Trainer in a sweep.

def train(trial):
    ...
    trainer = Trainer(..., callbacks=[TrialCallback(trial)])
    trainer.train(resume_from_checkpoint=trial.kept)
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from awstune.integrations.reporting import Printed, keep, numbers
from awstune.sweeps.trial import Trial


class TrialCallback(TrainerCallback):
    """Reports each evaluation, keeps each checkpoint that the Trainer saves, and ends when told to.

    The metrics are called as the Trainer calls them: ``eval_loss``, ``eval_accuracy``. Of several evaluations
    in an epoch the last one counts.

    Args:
        trial: that ``train(trial)`` was given; left out in a program of its own.
    """

    def __init__(self, trial: Trial | None = None) -> None:
        self.trial = trial or Printed()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Report what was just measured."""
        del args
        if state.is_world_process_zero and metrics:
            found = {name: value for name, value in numbers(metrics).items() if name != "epoch"}
            self.trial.report(epoch=_epoch(state), **found)
        if self.trial.ends_after(_epoch(state)):
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep what was just saved."""
        del control
        if state.is_world_process_zero:
            keep(self.trial, Path(args.output_dir) / f"checkpoint-{state.global_step}")


def _epoch(state: Any) -> int:
    """The epoch that goes on or has just ended, counted from 0."""
    return max(0, ceil(state.epoch or 0) - 1)

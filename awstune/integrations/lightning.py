"""Lightning's Trainer in a sweep.

def train(trial):
    ...
    trainer = Trainer(..., callbacks=[TrialCallback(trial)], enable_checkpointing=False)
    trainer.fit(model, data, ckpt_path=trial.kept)
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from awstune.integrations.reporting import Printed, keep, numbers
from awstune.sweeps.trial import Trial


class TrialCallback(Callback):
    """Reports what was logged after each epoch, keeps a checkpoint of it, and ends when told to.

    Args:
        trial: that ``train(trial)`` was given; left out in a program of its own.
    """

    def __init__(self, trial: Trial | None = None) -> None:
        self.trial = trial or Printed()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Report, and keep a checkpoint; after the validation, where there is one."""
        del pl_module
        epoch = trainer.current_epoch
        found = numbers(trainer.callback_metrics)
        if trainer.is_global_zero and found:
            self.trial.report(epoch=epoch, **found)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "lightning.ckpt"
            trainer.save_checkpoint(path)  # every process takes part
            if trainer.is_global_zero:
                keep(self.trial, path)
        trainer.should_stop = trainer.should_stop or self.trial.ends_after(epoch)

"""What a trial's processes find in their environment, beside all that its sweep's process has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from awstune import names
from awstune.sweeps import gpus

if TYPE_CHECKING:
    from awstune.sweeps.executor import Job

_LIBRARIES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def of_trial(sweep: str, job: Job, *, threads: int, gpu: str | None) -> dict[str, str]:
    """The variables of one trial.

    Args:
        sweep: its sweep's name.
        job: the trial.
        threads: of each numeric library.
        gpu: the one that it may use; None leaves what there is.
    """
    own: dict[str, object] = {
        **_of_wandb(sweep, job.trial),
        **job.env,
        names.TRIAL_MARK: job.trial,
        names.SEED_VARIABLE: job.seed,
        **dict.fromkeys(_LIBRARIES, threads),
    }
    if gpu is not None:
        own |= {gpus.VARIABLE: gpu, gpus.ORDER: os.environ.get(gpus.ORDER, "PCI_BUS_ID")}
    return {name: str(value) for name, value in own.items()}


def _of_wandb(sweep: str, trial: int) -> dict[str, str]:
    """How Weights & Biases is to call a trial's run, where the user has not said."""
    said = {"WANDB_RUN_GROUP": sweep, "WANDB_NAME": f"{sweep}-{trial}"}
    return {name: value for name, value in said.items() if name not in os.environ}

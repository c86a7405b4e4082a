"""What the callbacks share: reports go to the trial, or to stdout as the lines that awstune reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from awstune import names
from awstune.sweeps.trial import Trial


class Printed(Trial):
    """The trial of a program that a sweep runs as a command: a report is a line."""

    def __init__(self) -> None:
        super().__init__()
        folder = os.environ.get(names.DIR_VARIABLE)
        self._folder = None if folder is None else Path(folder)

    def report(self, *, epoch: int | None = None, step: int | None = None, **metrics: Any) -> None:
        """Print a report."""
        about = {"epoch": epoch, "step": step, **metrics}
        print("awstune:", *(f"{name}={value}" for name, value in about.items() if value is not None))  # noqa: T201  the protocol


def numbers(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some metrics that are numbers, tensors of one number among them."""
    found = {name: value.item() if _is_scalar(value) else value for name, value in metrics.items()}
    return {name: float(value) for name, value in found.items() if isinstance(value, Real)}


def _is_scalar(value: Any) -> bool:
    return callable(getattr(value, "item", None)) and getattr(value, "ndim", 0) == 0


def keep(trial: Trial, path: Path) -> None:
    """Keep a checkpoint of the library's own in place of the one before."""
    before = trial.kept
    kept = trial.checkpoint(path)
    if before is not None and before != kept:
        shutil.rmtree(before, ignore_errors=True)

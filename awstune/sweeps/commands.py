"""Trials that are programs: flags in through the command's holes, metrics out through what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.search.trials import Status
from awstune.sweeps import words
from awstune.sweeps.picking import Picker
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import NO_LIMITS, Limits, Run, how_it_ended

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from awstune.sweeps.gauge import Gauge
    from awstune.sweeps.packing import Packing
    from awstune.sweeps.serving import Serving
    from awstune.sweeps.target import Target

_LOOK_S = 0.1  # how often the logs are read


class Commands(Pool):
    """Runs a target's command; each trial writes straight to its log, which is read from there.

    Args:
        target: with a ``command``.
        cwd: the folder that it runs in.
        folder: the sweep's.
        slots: how many trials run at a time.
        limits: of one trial.
        patterns: see `Picker`.
        metric: the sweep's.
        use_gpus: see `Pool`, as for ``packing`` and ``gauge``.
    """

    def __init__(
        self,
        target: Target,
        *,
        cwd: Path,
        folder: Path,
        slots: int = 1,
        limits: Limits = NO_LIMITS,
        patterns: Sequence[str] = (),
        metric: str | None = None,
        use_gpus: Sequence[str] = (),
        packing: Packing | None = None,
        gauge: Gauge | None = None,
    ) -> None:
        share: Any = {"slots": slots, "use_gpus": use_gpus, "packing": packing, "gauge": gauge}
        super().__init__(target, cwd=cwd, folder=folder, limits=limits, mode="command", **share)
        self._patterns, self._metric = patterns, metric
        self._outputs: dict[int, _Output] = {}

    def _plain(self, run: Run) -> dict[str, Any]:
        log = run.job.log_file
        offset = log.stat().st_size if log.exists() else 0
        self._outputs[run.key] = _Output(log, offset, Picker(self._patterns, self._metric))
        return {**super()._plain(run), "command": words.fill(self._target.command, run.job.params)}

    def _environment(self, run: Run) -> dict[str, str]:
        return {
            **super()._environment(run),
            names.DIR_VARIABLE: str(run.job.dir.resolve()),
            "PYTHONUNBUFFERED": "1",
        }

    def _next_deadline(self) -> float:
        return min(super()._next_deadline(), _LOOK_S if self._runs else float("inf"))

    def _listen(self, serving: Serving, timeout_s: float) -> None:
        super()._listen(serving, timeout_s)
        for run in list(self._runs.values()):
            if run.pid is not None:
                self._read(run)

    def _read(self, run: Run, *, end: bool = False) -> None:
        for step, metrics in self._outputs[run.key].read(end=end):
            self._reported(run, step, metrics)

    def _silent_end(self, run: Run, status: int) -> tuple[Status, str | None]:
        if run.told:
            return Status.STOPPED_EARLY, None
        if status == 0:
            return Status.SUCCEEDED, None
        if status == names.NOT_FOUND_STATUS:
            return Status.FAILED, f"there is no program {self._target.command[0]}"
        return Status.FAILED, how_it_ended(status)

    def _finish(self, run: Run, status: Status, error: str | None) -> None:
        self._read(run, end=True)
        del self._outputs[run.key]
        super()._finish(run, status, error)

    def _tell_to_stop(self, run: Run) -> None:
        self._terminate(run, Status.STOPPED_EARLY, None)


class _Output:
    """What a program has printed, as far as it was read."""

    def __init__(self, log: Path, offset: int, picker: Picker) -> None:
        self._log, self._offset, self._picker = log, offset, picker

    def read(self, *, end: bool) -> list[Any]:
        """The reports in what is new."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            data = b""
        self._offset += len(data)
        return self._picker.feed(data.decode("utf-8", "replace"), end=end) if data or end else []

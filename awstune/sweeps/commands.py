"""Trials that are programs: flags in through the command's holes, metrics out through what it prints."""

from __future__ import annotations

import os
import re
import shlex
import socket
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.search.trials import Status
from awstune.sweeps import gpus, oom, words
from awstune.sweeps.metricfile import MetricFile
from awstune.sweeps.picking import Picker
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import NO_LIMITS, Limits, Run, how_it_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from awstune.sweeps.gauge import Gauge
    from awstune.sweeps.packing import Packing
    from awstune.sweeps.serving import Serving
    from awstune.sweeps.target import Target

_LOOK_S = 0.1  # how often logs and files are read
_OVERLAP = 200  # characters; what is looked for may be cut by a read
_MOST = 1 << 22  # bytes read at once
_EXCEPTION = re.compile(
    r"(?:\[\w+\]: ?)?((?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)\b(?:: .*)?|\S+: error: .+)"
)
# What torchrun and its like, and scripts that follow it, meet each other at.
_PORTS = ("MASTER_PORT", "PET_MASTER_PORT")


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
        metric_file: see `MetricFile`; None reads the log alone.
        use_gpus: see `Pool`, as for ``packing``, ``gauge`` and ``oom_kills``.
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
        metric_file: str | None = None,
        use_gpus: Sequence[str] = (),
        packing: Packing | None = None,
        gauge: Gauge | None = None,
        oom_kills: Callable[[], int | None] = oom.kills,
    ) -> None:
        share: Any = {"slots": slots, "use_gpus": use_gpus, "packing": packing, "gauge": gauge}
        own: Any = {"limits": limits, "mode": "command", "oom_kills": oom_kills}
        super().__init__(target, cwd=cwd, folder=folder, **own, **share)
        self._patterns, self._metric, self._metric_file = patterns, metric, metric_file
        self._outputs: dict[int, _Output] = {}

    def _plain(self, run: Run) -> dict[str, Any]:
        port, folder = _free_port(), run.job.dir
        own = {"dir": folder.resolve(), "trial": run.job.trial, "seed": run.job.seed, "port": port}
        command = words.fill(self._target.command, run.job.params, own)
        log = folder / names.LOG_FILE
        folder.mkdir(parents=True, exist_ok=True)
        with log.open("a") as heading:  # above what is read as the program's own words
            heading.write(f"$ {shlex.join(command)}\n")
        file = None if self._metric_file is None else MetricFile(folder, self._metric_file)
        self._outputs[run.key] = _Output(log, Picker(self._patterns, self._metric), file, port)
        return {**super()._plain(run), "command": command}

    def _environment(self, run: Run) -> dict[str, str]:
        ports = [name for name in _PORTS if name not in os.environ]
        port = self._outputs[run.key].port
        return {
            **super()._environment(run),
            **dict.fromkeys(ports, str(port)),
            names.DIR_VARIABLE: str(run.job.dir.resolve()),
            "PYTHONUNBUFFERED": "1",
            # As many as torchrun may be told to start a process on.
            **({gpus.VARIABLE: ",".join(share)} if (share := run.packing.share(run.slot)) else {}),
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
        if status == names.NOT_EXECUTABLE_STATUS:
            return Status.FAILED, f"{self._target.command[0]} is no program that may be run"
        self._read(run, end=True)
        said, how = self._outputs[run.key].exception, how_it_ended(status, out_of_memory=run.out_of_memory)
        return Status.FAILED, f"{said} ({how})" if said else how

    def _out_of_gpu_memory(self, run: Run, error: str | None) -> bool:
        return self._outputs[run.key].full or super()._out_of_gpu_memory(run, error)

    def _finish(self, run: Run, status: Status, error: str | None) -> None:
        self._read(run, end=True)
        super()._finish(run, status, error)
        del self._outputs[run.key]

    def _tell_to_stop(self, run: Run) -> None:
        self._terminate(run, Status.STOPPED_EARLY, None)


class _Output:
    """What a program has printed and written, as far as it was read.

    Attributes:
        full: whether it said that its GPU is full.
        exception: the last exception that it printed, or what argparse refused, in a line.
        port: free when it began, for its processes to meet at.
    """

    def __init__(self, log: Path, picker: Picker, file: MetricFile | None, port: int) -> None:
        self._log, self._picker, self._file = log, picker, file
        self._offset = log.stat().st_size if log.exists() else 0
        self._tail = ""
        self.full, self.port = False, port
        self.exception: str | None = None

    def read(self, *, end: bool) -> list[Any]:
        """The reports in what is new."""
        reports: list[Any] = []
        while data := self._more():
            text = data.decode("utf-8", "replace")
            self._look_for_trouble(text)
            reports += self._picker.feed(text)
            if not end:
                break
        if end:
            reports += self._picker.feed("", end=True)
        if self._file is not None:
            reports += [self._picker.report(found) for found in self._file.read(end=end)]
        return reports

    def _more(self) -> bytes:
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_MOST)
        except FileNotFoundError:
            return b""
        self._offset += len(data)
        return data

    def _look_for_trouble(self, text: str) -> None:
        text = self._tail + text
        self.full = self.full or gpus.full(text)
        for line in text.splitlines():
            if found := _EXCEPTION.fullmatch(line):
                self.exception = found[1]
        self._tail = text[-_OVERLAP:]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))  # torchrun listens on every address: free on this one alone would not do
        return int(one.getsockname()[1])

"""Run a sweep: ask, start, listen, record. To resume is to run again."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from dataclasses import replace
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError
from awstune.search import searchers
from awstune.search.trials import Fold, Searcher, Status, TrialRecord, next_number
from awstune.sweeps import journal, keeping, marks
from awstune.sweeps.cancelling import Requests
from awstune.sweeps.ending import Endings
from awstune.sweeps.executor import Checkpointed, Executor, Finished, Job, Message, Noted, Reported, Started
from awstune.sweeps.journal import Event, Journal, Writer
from awstune.sweeps.scoring import value_of
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import mode_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awstune.sweeps.folder import Folder

_PATIENCE_S = 0.5  # requests and limits are looked at as often

EXHAUSTED = "exhausted"


def run(
    folder: Folder,
    executor: Executor,
    *,
    now: Callable[[], float] = time.time,
    node: str = "local",
    linger_s: float = 0.02,
) -> Iterator[Event]:
    """Run the sweep in a folder to its end, from wherever its journal stands.

    What an earlier run was killed in the middle of is ended first, and those trials are started again.

    Args:
        folder: with a spec; the journal need not exist.
        executor: not yet in use; it is closed at the end.
        now: seconds since the epoch, for the journal.
        node: what this machine is called in the journal.
        linger_s: how long an event that is written may wait for others, to be fsynced with them.

    Yields:
        Every event, as soon as the disk has it. The last one is ``ended``.

    Raises:
        SweepBusy: another process runs it.
        JournalError: the journal cannot be read or written.
        UsageError: the first report leaves the metric or its mode open; the trial is kept.
        KeyboardInterrupt: passed on, with the trials ended and ``stopping`` in the journal.
    """
    with Journal(folder.journal_file, now).open() as writer, closing(executor):
        if writer.epoch > 1:
            marks.end(marks.of_sweep(folder.path))
        sweep = _Sweep(folder, executor, writer, node, linger_s)
        try:
            yield from sweep.events()
        except (KeyboardInterrupt, GeneratorExit):
            writer.append("stopping", reason="interrupted")
            raise


class _Sweep:
    """A sweep while it runs."""

    def __init__(
        self, folder: Folder, executor: Executor, writer: Writer, node: str, linger_s: float
    ) -> None:
        self._folder, self._executor, self._writer, self._node = folder, executor, writer, node
        self._linger_s, self._oldest = linger_s, 0.0
        self._spec = Spec.read(folder.spec_file)
        self._fold = Fold()
        for event in journal.read(folder.journal_file).events:
            self._fold.add(event)
        self._searcher = searcher_of(self._spec)
        self._lost = list(self._fold.history().running)
        self._running: set[int] = set()
        self._ending: str | None = None
        self._endings, self._requests = Endings(self._spec), Requests(folder)
        self._began = time.monotonic()
        self._new: list[Event] = []

    # Events

    def events(self) -> Iterator[Event]:
        """All there is to do, as events."""
        self._take_spec(_with_mode(self._spec))
        while True:
            jobs = self._next_jobs()
            self._writer.write()  # a killed sweep knows of every trial that it started
            for job in jobs:
                self._start(job)
            if self._due_s() <= 0 or not self._running:
                yield from self._flush()
            if not self._running:
                break
            for message in self._executor.poll(self._due_s()):
                self._hear(message)
            self._look_around()
        self._add("ended", reason=self._ending or "finished")
        yield from self._flush()

    def _add(self, event: str, trial: int | None = None, **fields: Any) -> None:
        made = self._writer.add(event, trial=trial, **fields)
        self._fold.add(made)
        if not self._new:
            self._oldest = time.monotonic()
        self._new.append(made)

    def _due_s(self) -> float:
        """Seconds until what is written must be on the disk."""
        return self._oldest + self._linger_s - time.monotonic() if self._new else _PATIENCE_S

    def _flush(self) -> Iterator[Event]:
        self._writer.flush()
        new, self._new = self._new, []
        yield from new

    # Asking

    def _next_jobs(self) -> list[Job]:
        """Jobs for the free slots: first what was lost, then what the searcher suggests."""
        free = min(self._spec.parallel, self._executor.slots) - len(self._running)
        if self._ending not in (None, EXHAUSTED):
            return []
        again = [self._requeue(record) for record in self._lost[:free]]
        self._lost = self._lost[free:]
        return again + self._ask(free - len(again))

    def _requeue(self, record: TrialRecord) -> Job:
        if record.attempts:
            self._add("requeued", record.number)
        return self._job(record.number, record.params, attempt=record.attempts)

    def _ask(self, free: int) -> list[Job]:
        trials = self._trials()
        left = free if self._spec.trials is None else min(free, self._spec.trials - len(trials))
        if left > 0 and self._ending is None:
            self._ending = self._endings.reason(trials)
        if left <= 0 or self._ending is not None:
            return []
        suggestions = self._searcher.suggest(self._spec.space, trials, left)
        if len(suggestions) < left:
            self._ending = EXHAUSTED
        first = next_number(trials)
        for number, suggestion in enumerate(suggestions, first):
            self._add("asked", number, params=dict(suggestion.params), why=suggestion.why)
        return [self._job(number, suggestion.params) for number, suggestion in enumerate(suggestions, first)]

    def _job(self, number: int, params: Any, attempt: int = 0) -> Job:
        seed = trial_seed(self._spec.seed, number)
        return Job(number, dict(params), seed, self._folder.trial_dir(number), attempt)

    def _start(self, job: Job) -> None:
        # A folder that takes nothing would fail every trial; it stops the sweep instead.
        self._folder.make_trial_dir(job.trial)
        self._executor.start(job)
        self._running.add(job.trial)

    def _trials(self) -> tuple[TrialRecord, ...]:
        return self._fold.history().trials

    # Ending

    def _look_around(self) -> None:
        """Act on what was asked from outside, and on the limits of time and money."""
        for number in self._requests.new():
            if number is None:
                self._end_now("cancelled")
            elif number in self._running:
                self._executor.stop(number, kill=True)
        limit = self._endings.limit(time.monotonic() - self._began)
        if limit is not None:
            self._end_now(limit)

    def _end_now(self, reason: str) -> None:
        if self._ending in (None, EXHAUSTED):
            self._ending = reason
            for number in self._running:
                self._executor.stop(number, kill=True)
            for record in self._lost:
                self._add("finished", record.number, status=str(Status.CANCELLED), value=None)
            self._lost = []

    # Listening

    @singledispatchmethod
    def _hear(self, message: Message) -> None:
        raise TypeError(f"no message: {message!r}")

    @_hear.register
    def _(self, message: Started) -> None:
        seed = trial_seed(self._spec.seed, message.trial)
        self._add("started", message.trial, node=self._node, slot=message.slot, seed=seed, pid=message.pid)

    @_hear.register
    def _(self, message: Reported) -> None:
        self._add("report", message.trial, step=message.step, metrics=dict(message.metrics))
        if self._spec.metric is None or self._spec.mode is None:
            self._learn(list(message.metrics))
        if self._endings.stops_trials and self._endings.should_stop(message.trial, self._trials()):
            self._executor.stop(message.trial)

    @_hear.register
    def _(self, message: Checkpointed) -> None:
        path = message.path.relative_to(self._folder.path)
        self._add("checkpoint", message.trial, path=path.as_posix(), step=message.step)

    @_hear.register
    def _(self, message: Noted) -> None:
        self._add("note", text=message.text)

    @_hear.register
    def _(self, message: Finished) -> None:
        self._running.discard(message.trial)
        status, value, error = message.status, None, message.error
        if status in (Status.SUCCEEDED, Status.STOPPED_EARLY):
            value, error = self._value(message.trial)
            status = status if error is None else Status.FAILED
        seconds = round(message.seconds, 6)
        self._add("finished", message.trial, status=str(status), value=value, seconds=seconds, error=error)
        keeping.prune(self._folder, self._trials(), self._spec, message.trial)

    def _value(self, number: int) -> tuple[float | None, str | None]:
        record = next(t for t in self._trials() if t.number == number)
        metric, mode = self._spec.metric or "value", self._spec.mode or "min"
        return value_of(record.reports, metric, mode, self._spec.value)

    def _learn(self, reported: list[str]) -> None:
        """Take metric and mode from the first report, where they follow from it."""
        name = self._folder.name
        metric = self._spec.metric
        if metric is None and len(reported) > 1:
            self._give_up(
                f"the trial reports {', '.join(reported)}: which is the metric?",
                f"awstune resume {name} --metric {reported[0]} goes on; the trial is kept",
            )
        metric = metric or reported[0]
        learnt = _with_mode(replace(self._spec, metric=metric))
        if learnt.mode is None:
            self._give_up(
                f"is a higher or a lower {metric} better?",
                f"awstune resume {name} --mode max (or min) goes on; the trial is kept",
            )
        self._take_spec(learnt)

    def _take_spec(self, spec: Spec) -> None:
        """Keep a spec that has changed, in its file and in the journal."""
        if spec != self._spec:
            spec.write(self._folder.spec_file)
            self._spec, self._searcher, self._endings = spec, searcher_of(spec), Endings(spec)
        if self._fold.history().spec != spec.to_json():
            self._add("sweep", spec=spec.to_json())

    def _give_up(self, message: str, hint: str) -> None:
        self._add("stopping", reason=message)
        self._writer.flush()
        raise UsageError(message, hint)


def searcher_of(spec: Spec) -> Searcher:
    """The searcher that a spec asks for, cold.

    Raises:
        UsageError: it is asked for with options that are not its.
    """
    options: dict[str, Any] = {"budget": spec.trials} if spec.search == "grid" else {}
    if spec.search == "bayes":
        options = {"metric": spec.metric}
    if "acquisition" in spec.options:
        options["acquisition"] = spec.options["acquisition"]
    # Until a report tells the mode, nothing is known that could be better or worse.
    return searchers.make(spec.search, mode=spec.mode or "min", seed=spec.seed, **options)


def _with_mode(spec: Spec) -> Spec:
    if spec.mode is None and spec.metric is not None:
        return replace(spec, mode=mode_of(spec.metric))
    return spec


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial, below 2**31; a retry has the same."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1

"""Run a sweep: ask, start, listen, record. To resume is to run again."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from awstune.errors import SweepBusy, UsageError
from awstune.search import searchers
from awstune.search.folding import Fold
from awstune.search.runs import Run
from awstune.search.trials import Report, Status, TrialRecord, by_completion, next_number
from awstune.sweeps import journal, keeping, marks, outlook, turns
from awstune.sweeps.cancelling import Requests
from awstune.sweeps.choosing import searcher_of
from awstune.sweeps.ending import Endings
from awstune.sweeps.executor import (
    Checkpointed,
    Displaced,
    Executor,
    Finished,
    Message,
    Noted,
    Packed,
    Reported,
    Started,
)
from awstune.sweeps.journal import Event, Journal, Writer
from awstune.sweeps.leaving import Leaving, refuse_full
from awstune.sweeps.scoring import unclear, value_of
from awstune.sweeps.spec import AUTO, Spec
from awstune.sweeps.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from awstune.sweeps.folder import Folder
    from awstune.sweeps.notice import Watch

_PATIENCE_S = 0.5  # requests and limits are looked at as often

EXHAUSTED = "exhausted"
ALONE_FROM = 3  # times lost: since it may be the doing of one of them, each runs with nobody beside it
MOST_LOST = 5  # as often a trial is started anew that takes its sweep, or its machine, down with it


def run(
    folder: Folder,
    executor: Executor,
    *,
    now: Callable[[], float] = time.time,
    node: str = "local",
    linger_s: float = 0.02,
    watch: Watch | None = None,
) -> Iterator[Event]:
    """Run the sweep in a folder to its end, from wherever its journal stands.

    What an earlier run was killed in the middle of is ended first, and those trials are started again.

    Args:
        folder: with a spec; the journal need not exist.
        executor: not yet in use; it is closed at the end.
        now: seconds since the epoch, for the journal.
        node: what this machine is called in the journal.
        linger_s: how long an event that is written may wait for others, to be fsynced with them.
        watch: tells when this machine is about to go; running trials then leave with their next checkpoint.

    Yields:
        Every event, as soon as the disk has it. The last one is ``ended``, unless the machine goes first.

    Raises:
        SweepBusy: another process runs it.
        JournalError: the journal cannot be read or written.
        SweepError: the disk is full; the trials are kept.
        UsageError: the first report leaves the metric or its mode open; the trial is kept.
        KeyboardInterrupt: passed on, with the trials ended and ``stopping`` in the journal.
    """
    if folder.where_file.exists():
        raise SweepBusy(
            f"what is here of {folder.name} is the mirror of what runs on an instance, and only read",
            f"awstune resume {folder.name} goes on where it runs",
        )
    with Journal(folder.journal_file, now).open() as writer, closing(executor):
        sweep = _Sweep(folder, executor, writer, node, linger_s, Leaving(watch, executor))
        if writer.epoch > 1:
            marks.end(marks.of_sweep(folder.path))
        try:
            yield from sweep.events()
        except (KeyboardInterrupt, GeneratorExit):
            writer.append("stopping", reason="interrupted")
            raise


class _Sweep:
    """A sweep while it runs."""

    def __init__(
        self, folder: Folder, executor: Executor, writer: Writer, node: str, linger_s: float, leaving: Leaving
    ) -> None:
        self._requests = Requests(folder)  # first: `cancel` sees by now that somebody runs it, and asks
        self._folder, self._executor, self._writer, self._node = folder, executor, writer, node
        self._linger_s, self._oldest = linger_s, 0.0
        self._spec = Spec.read(folder.spec_file)
        self._fold = Fold.of(journal.read(folder.journal_file).events)
        self._searcher = searcher_of(self._spec)
        lost = self._fold.history().running
        self._lost = sorted(lost, key=lambda record: -max(record.lost, ALONE_FROM - 1))
        self._doubtful = {record.number for record in lost if record.lost >= ALONE_FROM}
        self._running: dict[int, Turn] = {}
        self._again: list[Turn] = []
        self._heard: dict[int, dict[int, Report]] = {}
        self._ending: str | None = None
        self._cut = False
        self._leaving = leaving
        self._since = len(by_completion(self._trials()))
        self._endings = Endings(self._spec, self._since)
        self._began, self._spent_s = time.monotonic(), self._fold.history().spent_s
        self._machine_ends = self._fold.history().machine_ends
        self._new: list[Event] = []

    # Events

    def events(self) -> Iterator[Event]:
        """All there is to do, as events."""
        self._take_spec(self._spec.with_mode())
        while True:
            coming = self._next_turns()
            self._writer.write()  # a killed sweep knows of every trial that it started
            for turn in coming:
                self._start(turn)
            if self._due_s() <= 0 or not self._running:
                yield from self._flush()
            if not self._running:
                break
            for message in self._executor.poll(self._due_s()):
                self._hear(message)
            self._look_around()
        if self._cut or not self._leaving.begun:
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

    def _next_turns(self) -> list[Turn]:
        """What the free slots do: further runs, what was lost, what is suggested, what is confirmed."""
        if self._cut or self._leaving.begun:
            return []
        free = self._free()
        coming, self._again = self._again[:free], self._again[free:]
        while self._lost and len(coming) < free:
            coming += self._requeue(self._lost.pop(0))
        coming += self._ask(free - len(coming))
        return coming or self._confirm(free)

    def _free(self) -> int:
        """How many trials may start now."""
        if not self._doubtful.isdisjoint([*self._running, *(record.number for record in self._lost)]):
            return 0 if self._running else 1
        slots, asked = self._executor.slots, self._spec.parallel
        return (slots if asked == AUTO else min(asked, slots)) - len(self._running)

    def _requeue(self, record: TrialRecord) -> list[Turn]:
        turn = turns.next_repeat(record, self._spec)
        if turn is None:  # it was killed between its last run and the word of it
            self._settle(record)
            return []
        if record.lost >= MOST_LOST:
            error = f"lost {record.lost} times with what ran it, and never a checkpoint in between"
            self._add("finished", record.number, status=str(Status.FAILED), value=None, error=error)
            self._doubtful.clear()  # the others were lost by its doing
            return []
        if record.attempts:
            self._add("requeued", record.number)
        return [turn]

    def _ask(self, free: int) -> list[Turn]:
        trials = self._trials()
        left = free if self._spec.trials is None else min(free, self._spec.trials - len(trials))
        if left > 0 and self._ending is None:
            broken = self._endings.broken(trials, self._executor.slots)
            if broken is not None and self._running:
                return []  # one of them may yet prove otherwise
            self._ending = broken or self._endings.reason(trials, self._executor.slots)
        if left <= 0 or self._ending is not None:
            return []
        suggestions = self._searcher.suggest(self._spec.space, trials, left)
        if len(suggestions) < left:
            self._ending = EXHAUSTED
        first = next_number(trials)
        for number, suggestion in enumerate(suggestions, first):
            self._add("asked", number, params=dict(suggestion.params), why=suggestion.why)
        return [Turn(number) for number, _ in enumerate(suggestions, first)]

    def _confirm(self, free: int) -> list[Turn]:
        """The runs that confirm the best trials, once the search has ended by itself."""
        if any(not turn.confirms for turn in self._running.values()) or self._spec.mode is None:
            return []
        waiting = [
            t
            for t in turns.to_confirm(self._trials(), self._spec, self._spec.mode)
            if t.number not in self._running
        ]
        return [turn for turn in map(turns.next_confirm, waiting) if turn is not None][:free]

    def _start(self, turn: Turn) -> None:
        # A folder that takes nothing would fail every trial; it stops the sweep instead.
        self._folder.make_trial_dir(turn.trial, turn.heading(self._spec))
        self._running[turn.trial] = turn
        self._heard[turn.trial] = {}
        self._executor.start(turn.job(self._spec, self._folder, self._trial(turn.trial)))

    def _trial(self, number: int) -> TrialRecord:
        return next(trial for trial in self._trials() if trial.number == number)

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
            else:
                self._cancel_waiting(number)
        limit = self._endings.limit(self._spent_s + time.monotonic() - self._began)
        if limit is not None:
            self._end_now(limit)
        if why := self._leaving.news():
            self._add("stopping", reason=why)
        if warning := self._leaving.warning():
            self._add("note", text=warning)
        self._leaving.hurry(set(self._running))
        if (ends := outlook.machine_ends()) != self._machine_ends:
            self._machine_ends = ends
            self._add("machine", ends=ends)

    def _end_now(self, reason: str) -> None:
        if not self._cut:
            self._ending, self._cut = reason, True
            for number in self._running:
                self._executor.stop(number, kill=True)
            for number in [*(record.number for record in self._lost), *(turn.trial for turn in self._again)]:
                self._cancel_waiting(number)

    def _cancel_waiting(self, number: int) -> None:
        """Ends a trial that waits for a slot: to start again, or with its next seed."""
        lost = [record for record in self._lost if record.number != number]
        again = [turn for turn in self._again if turn.trial != number]
        if len(lost) + len(again) < len(self._lost) + len(self._again):
            self._lost, self._again = lost, again
            self._add("finished", number, status=str(Status.CANCELLED), value=None)

    # Listening

    @singledispatchmethod
    def _hear(self, message: Message) -> None:
        raise TypeError(f"no message: {message!r}")

    @_hear.register
    def _(self, message: Started) -> None:
        if self._spec.trials != 1:
            searchers.load(self._searcher)
        turn = self._running[message.trial]
        which = {} if turn.first else {"run" if turn.confirms else "repeat": turn.index}
        self._add(
            "confirming" if turn.confirms else "started",
            message.trial,
            **which,
            node=self._node,
            slot=message.slot,
            seed=turn.seed(self._spec),
            pid=message.pid,
        )

    @_hear.register
    def _(self, message: Reported) -> None:
        turn = self._running[message.trial]
        if turn.confirms:
            self._heard[message.trial][message.step] = Report(message.step, dict(message.metrics))
            return
        which = {} if turn.first else {"repeat": turn.index}
        self._add("report", message.trial, **which, step=message.step, metrics=dict(message.metrics))
        if self._spec.metric is None or self._spec.mode is None:
            self._learn(list(message.metrics))
        # A trial that was worth all of its first run is worth its others.
        looked_at = turn.first and self._endings.stops_trials
        if looked_at and self._endings.should_stop(message.trial, self._trials()):
            self._executor.stop(message.trial)

    @_hear.register
    def _(self, message: Checkpointed) -> None:
        if not self._running[message.trial].confirms:
            path = message.path.relative_to(self._folder.path)
            self._add("checkpoint", message.trial, path=path.as_posix(), step=message.step)
            self._leaving.checkpointed(message.trial)

    @_hear.register
    def _(self, message: Noted) -> None:
        self._add("note", text=message.text)

    @_hear.register
    def _(self, message: Packed) -> None:
        self._add("packing", **message.packing.to_json())

    @_hear.register
    def _(self, message: Displaced) -> None:
        if self._running[message.trial].confirms:
            self._add("note", text=f"trial {message.trial}, to be confirmed, starts again: {message.why}")
        else:
            self._add("requeued", message.trial, reason=message.why)

    @_hear.register
    def _(self, message: Finished) -> None:
        turn = self._running.pop(message.trial)
        heard = self._heard.pop(message.trial)
        refuse_full(self._folder, message)
        if self._leaving.took(message):
            return
        reports = tuple(heard.values()) if turn.confirms else self._trial(message.trial).reports
        run = self._scored(turn, message, reports)
        said = {"status": run.status, "value": run.value, "seconds": run.seconds, "error": run.error}
        if turn.confirms:
            if not self._cut:  # then it is run again when the sweep goes on
                self._add("confirmed", turn.trial, run=turn.index, seed=run.seed, **said)
            keeping.prune_run(self._spec, turn.job(self._spec, self._folder, self._trial(turn.trial)).dir)
        elif turns.repeats_of(self._spec) == 1:
            self._finish(turn.trial, run)
        else:
            self._add("repeated", turn.trial, repeat=turn.index, seed=run.seed, **said)
            self._settle(self._trial(turn.trial))

    def _scored(self, turn: Turn, message: Finished, reports: Sequence[Report]) -> Run:
        status, value, error = message.status, None, message.error
        if status in (Status.SUCCEEDED, Status.STOPPED_EARLY):
            metric, mode = self._spec.metric or "value", self._spec.mode or "min"
            value, error = value_of(reports, metric, mode, self._spec.value)
            status = status if error is None else Status.FAILED
        return Run(turn.seed(self._spec), str(status), value, round(message.seconds, 6), error)

    def _settle(self, record: TrialRecord) -> None:
        """Has a trial go on with its next run, or finishes it with what its runs come to."""
        following = turns.next_repeat(record, self._spec)
        if following is None:
            self._finish(record.number, turns.outcome(record.repeats))
        elif self._cut:
            self._add("finished", record.number, status=str(Status.CANCELLED), value=None)
        else:
            self._again.append(following)

    def _finish(self, number: int, run: Run) -> None:
        self._add(
            "finished", number, status=run.status, value=run.value, seconds=run.seconds, error=run.error
        )
        keeping.prune(self._folder, self._trials(), self._spec, number)

    def _learn(self, reported: list[str]) -> None:
        """Take metric and mode from the first report, where they follow from it."""
        metric = self._spec.metric or (reported[0] if len(reported) == 1 else None)
        learnt = replace(self._spec, metric=metric).with_mode()
        if metric is None or learnt.mode is None:
            question, options = unclear(metric, reported)
            again = f"awstune resume {self._folder.name} {options} goes on; the trial is kept"
            self._give_up(question, again)
        self._take_spec(learnt)

    def _take_spec(self, spec: Spec) -> None:
        """Keep a spec that has changed, in its file and in the journal."""
        if spec != self._spec:
            spec.write(self._folder.spec_file)
            self._spec, self._searcher, self._endings = spec, searcher_of(spec), Endings(spec, self._since)
        if self._fold.history().spec != spec.to_json():
            self._add("sweep", spec=spec.to_json())

    def _give_up(self, message: str, hint: str) -> None:
        self._add("stopping", reason=message)
        self._writer.flush()
        raise UsageError(message, hint)

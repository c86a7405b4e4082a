"""How a sweep ends before its trials are used up: cancelled, by a rule, by a limit."""

from __future__ import annotations

import json
from collections import deque
from itertools import chain, repeat

import pytest

from awstune.errors import UsageError
from awstune.search.folding import fold
from awstune.search.space import Float, Space
from awstune.search.trials import Status
from awstune.sweeps import journal, loop
from awstune.sweeps.cancelling import cancel
from awstune.sweeps.executor import Finished, Reported, Started
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import history, results, status
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target


class Endless:
    """An executor whose trials report for ever, until they are stopped."""

    def __init__(self, loss=lambda *_: 1.0, steps=10**9, before_poll=lambda _: None):
        self.slots, self.loss, self.steps, self.before_poll = 2, loss, steps, before_poll
        self.running, self.waiting = {}, deque()

    def start(self, job):
        """Begin."""
        self.running[job.trial] = 0
        self.waiting.append(Started(job.trial, 100, 0))

    def poll(self, timeout_s):
        """A report of each running trial."""
        assert timeout_s is not None
        self.before_poll(self)
        for trial, step in list(self.running.items()):
            self.waiting.append(Reported(trial, step, {"loss": self.loss(trial, step)}))
            self.running[trial] += 1
            if step + 1 == self.steps:
                self._end(trial, Status.SUCCEEDED)
        said, self.waiting = list(self.waiting), deque()
        return said

    def _end(self, trial, how):
        if self.running.pop(trial, None) is not None:
            self.waiting.append(Finished(trial, how, None, 1.0))

    def stop(self, trial, *, kill=False):
        """End a trial."""
        self._end(trial, Status.CANCELLED if kill else Status.STOPPED_EARLY)

    def close(self):
        """End all."""
        self.running.clear()


def new_sweep(tmp_path, **changes):
    """The folder of a sweep."""
    options = changes.pop("options", {})
    folder = Folder.create(tmp_path, None, "train")
    known = {"metric": "loss", "mode": "min", "search": "random", "trials": 30, **changes}
    target = Target("function", file="train.py", function="train")
    Spec(target, Space(x=Float(0, 1)), **known, options=options).write(folder.spec_file)
    return folder


def run(folder, executor):
    """All events of a run."""
    return list(loop.run(folder, executor, linger_s=0))


def outcome(folder):
    """The statuses of the trials, and why the sweep ended."""
    reason = journal.read(folder.journal_file).events[-1]["reason"]
    return [t["status"] for t in results(folder)["trials"]], reason


def test_a_running_sweep_is_cancelled(tmp_path):
    """Whoever runs it ends its trials and says so; asking twice is no harm."""
    folder = new_sweep(tmp_path, parallel=2)

    def ask(_):
        cancel(folder)
        cancel(folder)

    run(folder, Endless(before_poll=ask))
    assert outcome(folder) == (["cancelled", "cancelled"], "cancelled")
    assert status(folder, 0)["state"] == "cancelled"


def test_one_trial_is_cancelled(tmp_path):
    """A cancelled trial ends, the others and the sweep go on."""
    folder = new_sweep(tmp_path, trials=3)
    asked = []

    def ask(executor):
        if 1 in executor.running and not asked:
            asked.append(cancel(folder, 1))

    run(folder, Endless(steps=3, before_poll=ask))
    assert outcome(folder) == (["succeeded", "cancelled", "succeeded"], "finished")


def test_a_sweep_that_nobody_runs_is_cancelled(tmp_path):
    """A stopped sweep is cancelled in its journal, the trials that were running with it."""
    folder = new_sweep(tmp_path, parallel=2)
    running = loop.run(folder, Endless(), linger_s=0)
    while next(running)["event"] != "report":
        pass
    running.close()
    cancel(folder)
    assert outcome(folder) == (["cancelled", "cancelled"], "cancelled")
    assert status(folder, 0)["state"] == "cancelled"


def test_what_does_not_run_cannot_be_cancelled(tmp_path):
    """An unknown or ended trial is status 2."""
    folder = new_sweep(tmp_path, trials=1)
    run(folder, Endless(steps=1))
    with pytest.raises(UsageError, match="trial 0 is not running"):
        cancel(folder, 0)


def test_who_cancels_is_told_whether_it_is_done(tmp_path):
    """What runs is asked to end, and takes its time; what does not run is ended at once."""
    folder, done = new_sweep(tmp_path, trials=2), []

    def ask(executor):
        if executor.running:
            done.append(cancel(folder, 0))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, Endless(before_poll=ask))
    assert done == [False]
    assert [t["status"] for t in results(folder)["trials"]] == ["running"]
    assert cancel(folder, 0)
    assert [t["status"] for t in results(folder)["trials"]] == ["cancelled"]


def test_nothing_is_being_confirmed_in_a_sweep_that_stopped(tmp_path):
    """A trial whose last run to confirm was interrupted has long ended: there is nothing to cancel."""
    folder = new_sweep(tmp_path, trials=1, options={"confirm": 1})

    def stop(executor):
        known = history(folder).trials
        executor.steps = 10**9 if known and not known[0].running else 1
        if known and known[0].confirming is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, Endless(before_poll=stop))
    with pytest.raises(UsageError, match="trial 0 is not running"):
        cancel(folder, 0)


def test_an_old_request_is_not_heard_again(tmp_path):
    """What an earlier run was asked does not end this one."""
    folder = new_sweep(tmp_path, trials=1)
    folder.requests_file.write_text(json.dumps({"cancel": "sweep"}) + "\n")
    run(folder, Endless(steps=1))
    assert outcome(folder) == (["succeeded"], "finished")


def test_a_cancelled_sweep_may_go_on(tmp_path):
    """Resuming a cancelled sweep runs the trials that are left."""
    folder = new_sweep(tmp_path, trials=2)
    run(folder, Endless(before_poll=lambda _: cancel(folder)))
    run(folder, Endless(steps=1))
    assert outcome(folder) == (["cancelled", "succeeded"], "finished")


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"max_time": 0}, "run for 0 s"), ({"max_usd": 0.000001, "usd_per_hour": 3600.0}, "cost 1e-06 dollars")],
)
def test_limits(tmp_path, options, reason):
    """Time and money end the sweep cleanly, with the reason in the journal."""
    folder = new_sweep(tmp_path, options=options)
    run(folder, Endless())
    statuses, why = outcome(folder)
    assert statuses == ["cancelled"]
    assert reason in why


def test_a_sweep_that_brings_nothing_more(tmp_path):
    """--stop-when ends it after the trial that showed it, with the rule's own words."""
    folder = new_sweep(tmp_path, options={"stop_when": "patience=3"})
    run(folder, Endless(loss=lambda trial, _: 1.0 + trial, steps=1))
    statuses, why = outcome(folder)
    assert 3 < len(statuses) < 30
    assert set(statuses) == {"succeeded"}
    assert why != "finished"


def test_trials_are_stopped_early(tmp_path):
    """--stop-early ends what is not among the best at its rung; it counts, marked so."""
    folder = new_sweep(tmp_path, options={"stop_early": "asha"})
    run(folder, Endless(loss=lambda trial, _: 1.0 + trial, steps=9))
    found = results(folder)["trials"]
    assert found[0]["status"] == "succeeded"
    early = [t for t in found if t["status"] == "stopped_early"]
    assert len(early) > 15
    assert all(t["value"] is not None and t["steps"] < 9 for t in early)
    assert results(folder)["best"]["trial"] == 0


def at(*events):
    """A journal's events, each with its time; the rest of its fields may be left out."""
    return [{"t": t, "event": kind, "epoch": epoch, **more} for t, kind, epoch, more in events]


def test_time_counts_over_all_runs():
    """What a sweep has spent is the sum of its runs; the time between them is not its own."""
    events = at(
        (100.0, "writer", 1, {}),
        (160.0, "stopping", 1, {}),
        (5000.0, "writer", 2, {}),
        (5030.0, "note", 2, {}),
    )
    assert fold(events[:2]).spent_s == 60.0
    assert fold(events[:3]).spent_s == 60.0
    assert fold(events).spent_s == 90.0
    assert fold([]).spent_s == 0.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"max_time": 3600}, "run for 3600 s"), ({"max_usd": 2.0, "usd_per_hour": 2.0}, "cost 2 dollars")],
)
def test_limits_hold_over_a_resume(tmp_path, options, reason):
    """A sweep that has used up its time, or its money, before it was interrupted ends when it goes on."""
    folder = new_sweep(tmp_path, options=options)
    clock = chain([1.0], repeat(3602.0))
    first = loop.run(folder, Endless(), linger_s=0, now=lambda: next(clock))
    while next(first)["event"] != "report":
        pass
    first.close()
    run(folder, Endless())
    statuses, why = outcome(folder)
    assert statuses == ["cancelled"]
    assert reason in why


class Fatal(Endless):
    """A trial that takes its sweep down with it."""

    def poll(self, timeout_s):
        """Say that it has started, and die."""
        assert timeout_s > 0
        if not self.waiting:
            raise SystemError
        said, self.waiting = list(self.waiting), deque()
        return said


def test_a_trial_that_is_lost_again_and_again_is_given_up(tmp_path):
    """After five sudden ends without a checkpoint the trial fails, and the others go on."""
    folder = new_sweep(tmp_path, trials=2)
    for _ in range(loop.MOST_LOST):
        with pytest.raises(SystemError):
            run(folder, Fatal())
    run(folder, Endless(steps=1))
    assert outcome(folder) == (["failed", "succeeded"], "finished")
    assert "lost 5 times" in results(folder)["trials"][0]["error"]


class Deadly(Endless):
    """Its second trial takes the sweep down; the first one ends where it is not beside that one."""

    def poll(self, timeout_s):
        """Say what has started first."""
        if not self.waiting and 1 in self.running:
            raise SystemError
        return super().poll(timeout_s) if 1 not in self.running else Fatal.poll(self, timeout_s)


def test_who_was_lost_beside_it_is_not_given_up(tmp_path):
    """Those that were lost several times run alone, so that only the one whose doing it is fails."""
    folder = new_sweep(tmp_path, parallel=2, trials=3)
    for _ in range(loop.MOST_LOST):
        with pytest.raises(SystemError):
            run(folder, Deadly(steps=1))
    run(folder, Deadly(steps=1))
    assert outcome(folder) == (["succeeded", "failed", "succeeded"], "finished")
    assert "lost 5 times" in results(folder)["trials"][1]["error"]


def test_a_checkpoint_or_a_word_makes_no_loss():
    """What got on before it was lost, or stopped politely, is started again as often as need be."""
    started = [(1.0, "started", n, {"trial": 0}) for n in range(1, 4)]
    asked = (0.0, "asked", 1, {"trial": 0, "params": {}})
    lost = at(asked, started[0], (2, "writer", 2, {}), started[1], (3, "writer", 3, {}))
    assert fold(lost).trials[0].lost == 2
    saved = [*lost, *at(started[2], (4, "checkpoint", 3, {"trial": 0, "path": "x"}), (5, "writer", 4, {}))]
    assert fold(saved).trials[0].lost == 1
    polite = [*lost, *at(started[2], (4, "stopping", 3, {}), (5, "writer", 4, {}))]
    assert fold(polite).trials[0].lost == 2

"""Folding a journal: what its events say, and what they do not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.search.folding import Fold, fold
from awstune.search.runs import Spread, spread
from awstune.search.trials import Report, Status, TrialRecord, best_of, by_completion, next_number


def journal(*events, epoch=1):
    """Events of one writer, its first line included."""
    lines = [{"event": "writer"}, *events]
    return [{"t": float(i), "epoch": epoch, **line} for i, line in enumerate(lines)]


def asked(trial, **params):
    """A trial that was asked for and started."""
    return [
        {"event": "asked", "trial": trial, "params": params or {"x": trial}, "why": "baseline"},
        {"event": "started", "trial": trial, "node": "here", "seed": 5},
    ]


def report(trial, step, **metrics):
    """One report."""
    return {"event": "report", "trial": trial, "step": step, "metrics": metrics}


def finished(trial, value, status="succeeded", **fields):
    """The end of a trial."""
    return {"event": "finished", "trial": trial, "status": status, "value": value, "seconds": 2.0, **fields}


def test_a_whole_sweep():
    """Spec, trials with their reports, the best and the reason of the end."""
    history = fold(
        journal(
            {"event": "sweep", "metric": "acc", "mode": "max"},
            *asked(0),
            report(0, 0, acc=0.1),
            report(0, 1, acc=0.5),
            {"event": "checkpoint", "trial": 0, "path": "trials/0000/checkpoint"},
            finished(0, 0.5),
            *asked(1),
            finished(1, None, "failed", error="it raised"),
            {"event": "ended", "reason": "finished"},
        )
    )
    assert history.spec == {"metric": "acc", "mode": "max"}
    assert history.ended == "finished"
    assert history.best("max") == TrialRecord(
        0,
        {"x": 0},
        Status.SUCCEEDED,
        value=0.5,
        reports=(Report(0, {"acc": 0.1}, 4.0), Report(1, {"acc": 0.5}, 5.0)),
        started=3.0,
        seconds=2.0,
        node="here",
        why="baseline",
        checkpoint="trials/0000/checkpoint",
        seed=5,
        completed=0,
        attempts=1,
    )
    assert (history.trials[1].status, history.trials[1].error) == (Status.FAILED, "it raised")
    assert (history.began, history.latest) == (0.0, 11.0)


def test_spec_in_one_field_and_changed_later():
    """The spec may come as one field, and a later event changes what it names."""
    history = fold(journal({"event": "sweep", "spec": {"a": 1, "b": 1}}, {"event": "sweep", "b": 2}))
    assert history.spec == {"a": 1, "b": 2}


def test_an_older_writer_is_not_heard_below_a_newer_one():
    """What stands above the newer writer's line counts, what the older one wrote below does not."""
    old, new = journal(*asked(0), finished(0, 1.0)), journal(*asked(1), epoch=2)
    history = fold([*old[:3], *new, old[3], {"event": "writer", "epoch": 1, "t": 9}])
    assert [trial.number for trial in history.trials] == [0, 1]
    assert history.trials[0].status is Status.RUNNING
    assert (history.stale, history.epoch) == (2, 2)


def test_a_new_writer_goes_on():
    """A resumed sweep has neither ended nor is it stopping."""
    first = journal({"event": "stopping"}, {"event": "ended", "reason": "interrupted"})
    assert fold(first[:2]).stopping
    assert fold(first).ended == "interrupted"
    assert not fold(first).stopping
    again = fold([*first, *journal(epoch=2)])
    assert (again.ended, again.stopping) == (None, False)


def test_a_retried_trial_keeps_its_number_and_replaces_its_reports():
    """From the first report of the new attempt on, the lost one's later reports are gone."""
    lines = journal(
        *asked(0),
        *(report(0, step, loss=step) for step in range(5)),
        {"event": "requeued", "trial": 0},
        {"event": "started", "trial": 0, "node": "there"},
    )
    assert len(fold(lines).trials[0].reports) == 5
    history = fold([*lines, *journal(report(0, 3, loss=0.3))[1:]])
    trial = history.trials[0]
    assert [(r.step, r.metrics["loss"]) for r in trial.reports] == [(0, 0), (1, 1), (2, 2), (3, 0.3)]
    assert (trial.attempts, trial.node, trial.status, trial.seed) == (2, "there", Status.RUNNING, 5)


def test_a_requeued_end_is_undone():
    """A trial that ended, is requeued and ends again completes where it ends last."""
    lines = journal(
        *asked(0),
        *asked(1),
        finished(0, 3.0),
        {"event": "requeued", "trial": 0},
        finished(1, 1.0),
        finished(0, 2.0),
    )
    assert [trial.number for trial in by_completion(fold(lines).trials)] == [1, 0]
    undone = fold(lines[:7]).trials[0]
    assert (undone.status, undone.value, undone.completed) == (Status.RUNNING, None, None)


def test_runs_of_one_trial():
    """Its repeats and its runs with new seeds are kept in order, with what they come to."""
    lines = journal(
        *asked(0),
        {"event": "repeated", "trial": 0, "seed": 1, "status": "succeeded", "value": 2.0},
        {"event": "repeated", "trial": 0, "seed": 2, "status": "failed", "error": "diverged"},
        finished(0, 2.0),
        {"event": "confirming", "trial": 0, "run": 0},
        {"event": "confirmed", "trial": 0, "seed": 7, "status": "succeeded", "value": 4.0},
        {"event": "confirming", "trial": 0, "run": 1},
    )
    trial = fold(lines).trials[0]
    assert [(run.seed, run.status, run.value, run.error) for run in trial.repeats] == [
        (1, "succeeded", 2.0, None),
        (2, "failed", None, "diverged"),
    ]
    assert (trial.confirming, [run.value for run in trial.confirmed]) == (1, [4.0])
    assert fold(lines[:-1]).trials[0].confirming is None
    assert spread((*trial.repeats, *trial.confirmed)) == Spread(3.0, pytest.approx(2**0.5), 2)
    assert spread(trial.repeats[1:]) == Spread(None, None, 0)


def test_the_machine_the_packing_and_what_makes_no_sense():
    """When the machine ends and how trials are packed is kept; fields that nobody writes are counted."""
    history = fold(
        journal(
            {"event": "packing", "slots": 3, "reason": "memory"},
            {"event": "machine", "ends": 99.0},
            *asked(0),
            {"event": "report", "trial": 0, "step": 1, "metrics": {"loss": "much"}},
        )
    )
    assert history.packing == {"slots": 3, "reason": "memory"}
    assert (history.machine_ends, history.skipped, history.trials[0].reports) == (99.0, 1, ())


def test_same_step_twice_in_one_attempt():
    """A report replaces an earlier one of the same step; without a step they are counted."""
    history = fold(
        journal(
            *asked(0),
            report(0, 1, loss=1),
            report(0, 1, loss=2),
            {"event": "report", "trial": 0, "metrics": {"loss": 3}},
        )
    )
    assert [(r.step, r.metrics["loss"]) for r in history.trials[0].reports] == [(1, 2), (2, 3)]


def test_values_that_are_no_numbers_are_failures():
    """NaN and infinity fail the trial with the reason; an unknown status counts as failed."""
    lines = journal(*asked(0), *asked(1), *asked(2), finished(0, math.nan), finished(1, 1.0, "odd"))
    history = fold([*lines, *journal(finished(2, math.inf, error="too big"))[1:]])
    assert {trial.status for trial in history.trials} == {Status.FAILED}
    assert [trial.error for trial in history.trials] == ["the value is nan", None, "too big"]
    assert history.best("min") is None


def test_what_is_no_event_is_counted_and_what_is_unknown_is_kept():
    """Skipped lines are counted with the reader's; unknown events stay; lost ``asked`` lines hide a trial."""
    unknown = {"event": "moon", "epoch": 1, "t": 9.0}
    history = fold([*journal(finished(4, 1.0)), [], {"t": 1}, unknown], skipped=2)
    assert history.skipped == 4
    assert history.unknown == (unknown,)
    assert history.trials == ()


def test_best_breaks_ties_by_number():
    """Of equal values the earliest trial is the best; stopped early with a value counts."""
    trials = [
        TrialRecord(2, {}, Status.SUCCEEDED, value=1.0),
        TrialRecord(1, {}, Status.STOPPED_EARLY, value=1.0),
        TrialRecord(3, {}, Status.CANCELLED, value=0.0),
        TrialRecord(0, {}, Status.SUCCEEDED, value=5.0),
    ]
    assert best_of(trials, "min").number == 1
    assert best_of(trials, "max").number == 0
    assert next_number(trials) == 4
    assert next_number([]) == 0


def test_a_fold_goes_on():
    """Asked after each event, a fold says what a fold of the events so far says."""
    lines = journal(*asked(0), report(0, 0, loss=1), *asked(1), finished(1, 1.0), finished(0, 2.0))
    folding = Fold()
    for i, line in enumerate(lines):
        folding.add(line)
        assert folding.history() == fold(lines[: i + 1])
    assert folding.history().running == ()


EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(
            ["asked", "started", "report", "finished", "requeued", "writer", "checkpoint", "x"]
        )
    },
    optional={
        "epoch": st.integers(0, 3),
        "trial": st.integers(0, 3),
        "params": st.just({"x": 1}),
        "step": st.integers(0, 3),
        "metrics": st.just({"loss": 1.0}),
        "value": st.none() | st.floats(),
        "status": st.sampled_from(["succeeded", "failed", "?"]),
        "t": st.floats(0, 10),
    },
)


@given(st.lists(EVENTS, max_size=30), st.integers(0, 30))
def test_any_journal_folds_and_any_cut_of_it(lines, cut):
    """No order of events, and no cut, is anything but a history, and ranks go up from 0."""
    for events in (lines, lines[:cut]):
        history = fold(events)
        ended = by_completion(history.trials)
        assert all(trial.completed is not None for trial in ended)
        assert len({trial.completed for trial in ended}) == len(ended)


def test_unfit_trial_numbers_are_kept_as_unknown():
    """An event of a trial without a number says nothing of any trial."""
    history = fold(journal({"event": "finished", "value": 1.0}))
    assert len(history.unknown) == 1


@pytest.mark.parametrize("value", [1.0, 2])
def test_counts(value):
    """Only what succeeded or was stopped early, with a value, counts."""
    assert TrialRecord(0, {}, Status.SUCCEEDED, value=value).counts
    assert not TrialRecord(0, {}, Status.RUNNING, value=value).counts
    assert not TrialRecord(0, {}, Status.SUCCEEDED).counts


def test_metrics_that_json_cannot_hold_are_spelled_out():
    """A journal says "nan" and "inf" as text; the record has numbers."""
    (found,) = fold(journal(*asked(0), report(0, 0, loss="nan", top="inf", acc=0.5))).trials[0].reports
    assert math.isnan(found.metrics["loss"])
    assert (found.metrics["top"], found.metrics["acc"]) == (math.inf, 0.5)

"""The loop over a folder: ask, start, listen, record, and the same again on resume."""

from __future__ import annotations

import math

import pytest

from awstune.errors import UsageError
from awstune.search.space import Choice, Space
from awstune.search.trials import Report, Status
from awstune.sweeps import journal, loop, turns
from awstune.sweeps.cancelling import request
from awstune.sweeps.executor import Checkpointed, Noted, Reported
from awstune.sweeps.results import results, status
from awstune.sweeps.scoring import reported_instead, value_of
from awstune.sweeps.spec import Spec
from tests.unit.sweeps.scripted import TRIAL_KEYS, Scripted, in_turn, kinds, new_sweep, reports, run


def test_a_sweep_from_start_to_end(tmp_path):
    """Trials follow each other with their events in order, and what is yielded is what the disk has."""
    folder, executor = new_sweep(tmp_path, trials=2), Scripted(reports(0.5, 0.25))
    events = run(folder, executor)
    one = [("asked", 0), ("started", 0), ("report", 0), ("report", 0), ("finished", 0)]
    two = [(kind, 1) for kind, _ in one]
    assert kinds(events) == [("sweep", None), *one, *two, ("ended", None)]
    assert journal.read(folder.journal_file).events[1:] == events
    assert events[-1]["reason"] == "finished"
    assert executor.closed
    assert [job.dir for job in executor.jobs] == [folder.trial_dir(0), folder.trial_dir(1)]


def test_the_results_of_a_sweep(tmp_path):
    """The results have the promised keys; the best is the one with the best value."""
    folder = new_sweep(tmp_path)
    run(folder, Scripted(in_turn(0.5, 0.2, 0.3)))
    found = results(folder)
    assert (found["sweep"], found["metric"], found["mode"]) == ("train-1", "loss", "min")
    assert found["best"] == found["trials"][1]
    assert found["best"]["value"] == 0.2
    assert set(found["best"]) >= TRIAL_KEYS
    assert found["trials"][0]["why"] == "baseline"
    assert found["trials"][0]["params"] == {"x": 0.5}
    assert found["trials"][0]["started"] == "1970-01-01T00:00:10Z"


def test_the_status_of_a_sweep(tmp_path):
    """The state follows from the journal and from whether somebody writes to it."""
    folder = new_sweep(tmp_path, trials=2)
    assert status(folder, 10.0)["state"] == "stopped"
    running = loop.run(folder, Scripted(reports(0.5)), now=lambda: 10.0, linger_s=0)
    while next(running)["event"] != "finished":  # the next one is asked for by then
        pass
    now = status(folder, 20.0)
    assert now["state"] == "running"
    assert now["trials"] == {
        "running": 1,
        "succeeded": 1,
        "failed": 0,
        "stopped_early": 0,
        "cancelled": 0,
        "interrupted": 0,
        "confirming": 0,
        "planned": 2,
    }
    lost = status(folder, 20.0, running=False)["trials"]
    assert (lost["running"], lost["interrupted"]) == (0, 1)
    assert now["best"] == {"trial": 0, "value": 0.5, "params": {"x": 0.5}}
    assert now["eta_s"] == 0.5
    list(running)
    assert status(folder, 20.0)["state"] == "finished"
    assert set(now) >= {"sweep", "where", "state", "trials", "best", "usd_so_far", "eta_s"}
    assert status(folder, 20.0, running=True)["state"] == "running"


def test_failures_are_recorded_and_the_sweep_goes_on(tmp_path):
    """Failed trials have a reason and no value; a sweep of nothing else has failed."""
    folder = new_sweep(tmp_path)
    events = run(folder, Scripted(reports(0.5, status=Status.FAILED, error="ValueError: no")))
    assert [e["error"] for e in events if e["event"] == "finished"] == ["ValueError: no"] * 3
    assert {t["value"] for t in results(folder)["trials"]} == {None}
    assert results(folder)["best"] is None
    assert status(folder, 0)["state"] == "failed"


@pytest.mark.parametrize(
    ("said", "reason"),
    [((), "never reported loss"), ((1.0, math.nan), "its last loss was nan"), ((math.inf,), "inf")],
)
def test_no_usable_value_is_a_failure(tmp_path, said, reason):
    """A trial that succeeds without a finite value has failed, with the reason."""
    folder = new_sweep(tmp_path, trials=1)
    run(folder, Scripted(reports(*said)))
    trial = results(folder)["trials"][0]
    assert trial["status"] == "failed"
    assert reason in trial["error"]


def test_values():
    """The last report counts, or the best one; what was reported instead is named."""
    said = [Report(0, {"f": 1.0}), Report(1, {"f": "nan"}), Report(2, {"f": 3.0}), Report(3, {"g": 9.0})]
    assert value_of(said, "f", "min", "last") == (3.0, None)
    assert value_of(said, "f", "min", "best") == (1.0, None)
    assert value_of(said, "f", "max", "best") == (3.0, None)
    assert value_of(said[1:2], "f", "max", "best") == (None, "f was never a finite number")
    assert value_of(said, "h", "max", "best") == (None, "it never reported h, only f, g")
    assert reported_instead("it never reported h, only f, g") == "f"


def test_resuming_repeats_nothing(tmp_path):
    """Interrupted between any two events, a sweep goes on to the very events it would have had."""
    whole = new_sweep(tmp_path)
    reference = run(whole, Scripted(lambda job: reports(job.params["x"])(job)))
    for cut in range(1, len(reference)):
        folder = new_sweep(tmp_path)
        first = loop.run(
            folder, Scripted(lambda job: reports(job.params["x"])(job)), now=lambda: 10.0, linger_s=0
        )
        for _ in range(cut):
            next(first)
        first.close()
        assert journal.read(folder.journal_file).events[-1]["event"] == "stopping"
        run(folder, Scripted(lambda job: reports(job.params["x"])(job)))
        known = journal.read(folder.journal_file).events
        assert [e["trial"] for e in known if e["event"] == "finished"] == [0, 1, 2]
        assert results(folder)["trials"] == [{**t} for t in results(whole)["trials"]]


def test_a_lost_trial_has_the_same_job(tmp_path):
    """A trial that was running when the sweep was killed starts again with its values and seed."""
    folder, executor = new_sweep(tmp_path), Scripted(lambda _: [])
    first = loop.run(folder, executor, linger_s=0)
    while next(first)["event"] != "started":
        pass
    first.close()
    again = Scripted(reports(0.5))
    events = run(folder, again)
    assert kinds(events)[:3] == [("requeued", 0), ("started", 0), ("report", 0)]
    assert (again.jobs[0].params, again.jobs[0].seed) == (executor.jobs[0].params, executor.jobs[0].seed)
    assert (executor.jobs[0].attempt, again.jobs[0].attempt) == (0, 1)


def test_a_lost_trial_can_be_cancelled_before_it_starts_again(tmp_path):
    """Who is told that a trial is being ended finds it ended, also where it waited and a line is torn."""
    folder = new_sweep(tmp_path, trials=2, parallel=2)
    first = loop.run(folder, Scripted(lambda _: [], slots=2), linger_s=0)
    while next(first).get("trial") != 1:
        pass
    first.close()

    def say(job):
        folder.requests_file.write_text(f'{{torn\n{{"cancel": {{}}}}\n{request(1)}\n')
        return reports(0.5)(job)

    again = Scripted(say)
    events = run(folder, again)
    assert [job.trial for job in again.jobs] == [0]
    assert [e["status"] for e in events if e["event"] == "finished"] == ["succeeded", "cancelled"]


def test_more_trials_afterwards(tmp_path):
    """A finished sweep whose spec has grown goes on where it ended; otherwise it just ends again."""
    folder = new_sweep(tmp_path, trials=1)
    run(folder, Scripted(reports(0.5)))
    assert kinds(run(folder, Scripted(reports(0.5)))) == [("ended", None)]
    spec = Spec.read(folder.spec_file)
    Spec(**{**spec.__dict__, "trials": 3}).write(folder.spec_file)
    events = run(folder, Scripted(reports(0.5)))
    assert [t for kind, t in kinds(events) if kind == "finished"] == [1, 2]


def test_slots_are_filled_together(tmp_path):
    """Free slots are asked for at once, never more than the spec's, and what runs is known to the search."""
    folder = new_sweep(tmp_path, trials=5, parallel=2)
    most = []

    class Counting(Scripted):
        def poll(self, timeout_s):
            most.append(len(self.queue))
            return super().poll(timeout_s)

    executor = Counting(reports(0.5), slots=4)
    run(folder, executor)
    assert max(most) == 2
    assert len({job.params["x"] for job in executor.jobs}) == 5


def test_a_space_that_is_used_up_ends_the_sweep(tmp_path):
    """A grid ends after its points, also without a number of trials."""
    folder = new_sweep(tmp_path, Space(x=Choice(1, 2, 3)), search="grid", trials=None)
    events = run(folder, Scripted(reports(0.5)))
    assert len([e for e in events if e["event"] == "finished"]) == 3
    assert events[-1] == {**events[-1], "event": "ended", "reason": "exhausted"}
    assert status(folder, 0)["trials"]["planned"] == 3


def test_metric_and_mode_follow_from_the_first_report(tmp_path):
    """The only metric reported is the sweep's, and an obvious name has a mode; the spec is kept."""
    folder = new_sweep(tmp_path, metric=None, mode=None)
    events = run(folder, Scripted(in_turn(0.5, 0.2, 0.3, metric="val_loss")))
    assert kinds(events)[:5] == [
        ("sweep", None),
        ("asked", 0),
        ("started", 0),
        ("report", 0),
        ("sweep", None),
    ]
    assert (Spec.read(folder.spec_file).metric, Spec.read(folder.spec_file).mode) == ("val_loss", "min")
    assert results(folder)["best"]["value"] == 0.2


def test_an_obvious_metric_needs_no_mode(tmp_path):
    """A given metric's name is enough for a mode, from the start."""
    folder = new_sweep(tmp_path, metric="loss", mode=None)
    assert run(folder, Scripted(reports(0.5)))[0]["spec"]["mode"] == "min"
    assert results(folder)["mode"] == "min"


def test_an_unknown_mode_stops_at_the_first_report(tmp_path):
    """What a better value would be cannot be guessed: status 2; with the mode it goes on with that trial."""
    folder, executor = new_sweep(tmp_path, metric=None, mode=None), Scripted(reports(0.5, metric="score"))
    with pytest.raises(UsageError, match="is a higher or a lower score better") as caught:
        run(folder, executor)
    assert "awstune resume train-1 --mode max" in caught.value.hint
    assert executor.closed
    assert kinds(journal.read(folder.journal_file).events)[-2:] == [("report", 0), ("stopping", None)]
    spec = Spec.read(folder.spec_file)
    Spec(**{**spec.__dict__, "mode": "max"}).write(folder.spec_file)
    run(folder, Scripted(reports(0.5, metric="score")))
    assert [t["trial"] for t in results(folder)["trials"]] == [0, 1, 2]
    assert results(folder)["best"]["value"] == 0.5


@pytest.mark.parametrize(
    ("metric", "mode", "asked"),
    [
        (None, None, "the trial reports loss, acc: which is the metric"),
        (None, "max", "the trial reports loss, acc: which is the metric"),
        ("los", None, "lower los better[?] So far the trial reports loss, acc, and no los"),
    ],
)
def test_several_metrics_need_a_name(tmp_path, metric, mode, asked):
    """Of two metrics in the first report none is taken by chance; a slip of the pen is told beside them."""
    folder = new_sweep(tmp_path, metric=metric, mode=mode)

    def say(job):
        return [Reported(job.trial, 0, {"loss": 1.0, "acc": 0.5})]

    with pytest.raises(UsageError, match=asked) as caught:
        run(folder, Scripted(say))
    assert "--metric loss" in caught.value.hint


def test_checkpoints_of_the_best_stay(tmp_path):
    """Checkpoints are recorded relative to the folder; of what ended only the best one's stay."""
    losses = iter([0.5, 0.2, 0.3])
    folder = new_sweep(tmp_path)

    def say(job):
        path = job.dir / "checkpoint" / "epoch-0001.pkl"
        path.parent.mkdir(parents=True)
        path.touch()
        path.with_name("epoch-0002.pkl").touch()
        told = Checkpointed(job.trial, path.with_name("epoch-0002.pkl"), 1)
        return [told, Noted("by the way"), *reports(next(losses))(job)]

    run(folder, Scripted(say))
    assert [t["checkpoint"] for t in results(folder)["trials"]] == [
        None,
        "trials/0001/checkpoint/epoch-0002.pkl",
        None,
    ]
    assert not folder.checkpoint_dir(0).exists()
    assert len(list(folder.checkpoint_dir(1).iterdir())) == 1


@pytest.mark.parametrize(("keep", "left"), [("all", [0, 1, 2]), ("none", []), ("best", [1])])
def test_what_is_kept_can_be_said(tmp_path, keep, left):
    """--keep all, best or none."""
    losses = iter([0.5, 0.2, 0.3])
    folder = new_sweep(tmp_path, options={"keep": keep})

    def say(job):
        path = job.dir / "checkpoint" / "mine"
        path.parent.mkdir(parents=True)
        path.touch()
        return [Checkpointed(job.trial, path, None), *reports(next(losses))(job)]

    run(folder, Scripted(say))
    assert [n for n in range(3) if folder.checkpoint_dir(n).exists()] == left


def test_an_interrupt_is_passed_on(tmp_path):
    """Ctrl-C while trials run closes the executor, says so in the journal, and reaches the caller."""
    folder = new_sweep(tmp_path)

    class Interrupted(Scripted):
        def poll(self, timeout_s):
            del timeout_s
            raise KeyboardInterrupt

    executor = Interrupted(reports(0.5))
    with pytest.raises(KeyboardInterrupt):
        run(folder, executor)
    assert executor.closed
    last = journal.read(folder.journal_file).events[-1]
    assert (last["event"], last["reason"]) == ("stopping", "interrupted")


def test_seeds_differ_and_repeat():
    """Each trial has its own seed, the same each time, below 2**31."""
    seeds = [turns.seed_of(0, number) for number in range(1000)]
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**31
    assert seeds[:5] == [turns.seed_of(0, number) for number in range(5)]
    assert seeds[0] != turns.seed_of(1, 0)

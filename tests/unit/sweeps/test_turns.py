"""Trials that run several times: repeats within the search, and what confirms the best ones at its end."""

from __future__ import annotations

import json
import statistics

import pytest

from awstune.search.folding import fold
from awstune.search.space import Float, Space
from awstune.search.trials import Status
from awstune.sweeps import cancelling, journal, loop
from awstune.sweeps.executor import Checkpointed, Finished, Reported, Started
from awstune.sweeps.folder import Folder
from awstune.sweeps.results import results, status
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target


class Runs:
    """An executor whose trials report at once what ``value`` makes of their job."""

    def __init__(self, value, slots=1):
        self.slots, self.value = slots, value
        self.jobs, self.stopped, self._said = [], [], []

    def start(self, job):
        """Runs it; no two runs of a trial may overlap."""
        assert job.trial not in [said[0].trial for said in self._said]
        self.jobs.append(job)
        self._said.append([Started(job.trial, 1, 0), *self._rest(job)])

    def _rest(self, job):
        value = self.value(job)
        if isinstance(value, str):
            return [Finished(job.trial, Status.FAILED, value, 0.5)]
        return [Reported(job.trial, 0, {"loss": value}), Finished(job.trial, Status.SUCCEEDED, None, 0.5)]

    def poll(self, _timeout_s):
        """What the oldest of them says."""
        return self._said.pop(0) if self._said else []

    def stop(self, trial, *, kill=False):
        """Notes it."""
        self.stopped.append((trial, kill))

    def close(self):
        """There is nothing to close."""


def noisy(job):
    """A loss that depends on the seed as well."""
    return job.params["x"] + job.seed % 1000 / 10_000


def new_sweep(tmp_path, trials=3, **options):
    """The folder of a sweep."""
    folder = Folder.create(tmp_path, None, "train")
    target = Target("function", file="train.py", function="train")
    known = {"metric": "loss", "mode": "min", "search": "random", "trials": trials, "seed": 1}
    Spec(target, Space(x=Float(0, 1)), **known, options=options).write(folder.spec_file)
    return folder


def run(folder, executor=None):
    """All events of a run of it."""
    return list(loop.run(folder, executor or Runs(noisy), now=lambda: 10.0, linger_s=0))


def kinds(events, *wanted):
    """Those events, with their trial."""
    return [(event["event"], event["trial"]) for event in events if event["event"] in wanted]


def test_a_trial_is_the_mean_of_its_repeats(tmp_path):
    """Each suggestion runs K times with K seeds; it counts once, with the mean and its deviation."""
    folder, executor = new_sweep(tmp_path, trials=2, repeats=3), Runs(noisy)
    events = run(folder, executor)
    assert [job.trial for job in executor.jobs] == [0, 0, 0, 1, 1, 1]
    assert len({job.seed for job in executor.jobs}) == 6
    assert kinds(events, "asked", "repeated", "finished") == [
        (event, trial) for trial in (0, 1) for event in ("asked", *["repeated"] * 3, "finished")
    ]
    for trial in results(folder)["trials"]:
        values = [noisy(job) for job in executor.jobs if job.trial == trial["trial"]]
        assert trial["value"] == pytest.approx(statistics.fmean(values))
        assert trial["sd"] == pytest.approx(statistics.stdev(values))
        assert trial["seconds"] == 1.5
        assert [run["value"] for run in trial["repeats"]] == pytest.approx(values)
    assert status(folder, 10.0)["trials"]["succeeded"] == 2


def test_the_first_run_is_the_one_of_a_sweep_without_repeats(tmp_path):
    """Seed, folder and parameters of a trial's first run do not depend on how many there are."""
    alone, several = Runs(noisy), Runs(noisy)
    run(new_sweep(tmp_path, trials=1), alone)
    run(new_sweep(tmp_path, trials=1, repeats=2, confirm=1), several)
    first = several.jobs[0]
    assert (first.seed, first.params, first.dir.name) == (
        alone.jobs[0].seed,
        alone.jobs[0].params,
        alone.jobs[0].dir.name,
    )
    assert len({job.dir for job in several.jobs}) == len(several.jobs) == 5
    assert {job.log for job in several.jobs} == {several.jobs[0].log}


def test_a_repeat_that_fails(tmp_path):
    """The trial has failed, its other runs are not made, and the reason names the run and its seed."""
    folder = new_sweep(tmp_path, trials=1, repeats=3)
    executor = Runs(lambda _: "ValueError: no" if len(executor.jobs) == 2 else 0.5)
    run(folder, executor)
    (trial,) = results(folder)["trials"]
    assert (trial["status"], trial["value"], trial["sd"]) == ("failed", None, None)
    assert trial["error"] == f"run 2, seed {executor.jobs[1].seed}: ValueError: no"
    assert len(executor.jobs) == 2


def test_the_best_are_confirmed_at_the_end(tmp_path):
    """The best N run again with three new seeds each; the search's own values stay what they are."""
    plain = new_sweep(tmp_path, trials=5)
    run(plain)
    folder, executor = new_sweep(tmp_path, trials=5, confirm=2), Runs(noisy)
    events = run(folder, executor)
    assert events[-1]["event"] == "ended"
    assert [t["value"] for t in results(folder)["trials"]] == [t["value"] for t in results(plain)["trials"]]
    best = sorted(results(plain)["trials"], key=lambda trial: trial["value"])[:2]
    again = [job.trial for job in executor.jobs[5:]]
    assert again == [trial["trial"] for trial in best for _ in range(3)]
    assert len({job.seed for job in executor.jobs}) == 11
    found = results(folder)
    for trial in found["trials"]:
        values = [noisy(job) for job in executor.jobs[5:] if job.trial == trial["trial"]]
        if values:
            assert trial["confirmed"]["mean"] == pytest.approx(statistics.fmean(values))
            assert trial["confirmed"]["sd"] == pytest.approx(statistics.stdev(values))
        else:
            assert trial["confirmed"] is None
    means = {t["trial"]: t["confirmed"]["mean"] for t in found["trials"] if t["confirmed"]}
    assert found["confirmed"] == min(means, key=means.get)


def test_a_failed_run_to_confirm_is_told_and_does_not_count(tmp_path):
    """The mean is of those that succeeded; the failed one stands beside them with its reason."""
    folder = new_sweep(tmp_path, trials=1, confirm=1)
    run(folder, executor := Runs(lambda _: "OSError: gone" if len(executor.jobs) == 3 else 0.5))
    confirmed = results(folder)["trials"][0]["confirmed"]
    assert [run["error"] for run in confirmed["runs"]] == [None, "OSError: gone", None]
    assert confirmed["mean"] == 0.5


def test_nothing_is_confirmed_of_a_sweep_that_is_cut_short(tmp_path):
    """A cancelled sweep ends; taken up again it is confirmed when its search is done."""
    folder = new_sweep(tmp_path, trials=2, confirm=1)

    def cancel(job):
        if job.trial == 1 and not executor.stopped:
            folder.requests_file.write_text(cancelling.request(None) + "\n")
        return noisy(job)

    executor = Runs(cancel)
    events = run(folder, executor)
    assert events[-1]["reason"] == "cancelled"
    assert not kinds(events, "confirming", "confirmed")
    assert len(kinds(run(folder), "confirmed")) == 3


def test_more_trials_after_a_sweep_was_confirmed(tmp_path):
    """A resumed sweep goes on; only what is newly among the best is run again then."""
    folder = new_sweep(tmp_path, trials=2, confirm=1)
    run(folder)
    spec = Spec.read(folder.spec_file)
    Spec(**{**spec.__dict__, "trials": 6}).write(folder.spec_file)
    before = results(folder)["best"]["trial"]
    events = run(folder)
    after = results(folder)["best"]["trial"]
    assert [trial for _, trial in kinds(events, "finished")] == [2, 3, 4, 5]
    assert [trial for _, trial in kinds(events, "confirmed")] == ([] if after == before else [after] * 3)
    assert not kinds(run(folder), "finished", "confirmed")


@pytest.mark.parametrize("slots", [1, 3])
def test_resuming_repeats_nothing(tmp_path, slots):
    """Interrupted between any two events, it comes to the same values, each run made to one end."""
    options = {"repeats": 2, "confirm": 2}
    whole = new_sweep(tmp_path, **options)
    reference = run(whole, Runs(noisy, slots))
    for cut in range(1, len(reference)):
        folder = new_sweep(tmp_path, **options)
        first = loop.run(folder, Runs(noisy, slots), now=lambda: 10.0, linger_s=0)
        for _ in range(cut):
            next(first)
        first.close()
        run(folder, Runs(noisy, slots))
        assert results(folder)["trials"] == results(whole)["trials"], cut
        known = journal.read(folder.journal_file).events
        assert sorted(kinds(known, "repeated", "confirmed")) == sorted(
            kinds(reference, "repeated", "confirmed")
        )


def test_killed_between_the_last_run_and_the_word_of_it(tmp_path):
    """A trial whose runs have all ended is finished from what they came to, and not run again."""
    folder = new_sweep(tmp_path, trials=1, repeats=2)
    run(folder)
    expected = results(folder)["trials"]
    lines = folder.journal_file.read_text().splitlines()
    cut = next(n for n, line in enumerate(lines) if json.loads(line)["event"] == "finished")
    folder.journal_file.write_text("\n".join(lines[:cut]) + "\n")
    executor = Runs(noisy)
    run(folder, executor)
    assert not executor.jobs
    assert results(folder)["trials"] == expected


def test_one_trial_can_be_cancelled_between_its_runs(tmp_path):
    """What is running when it is cancelled does not count, and its trial is not run on."""
    folder = new_sweep(tmp_path, trials=1, repeats=3)

    class Killed(Runs):
        def _rest(self, job):
            return (
                [Finished(job.trial, Status.CANCELLED, None, 0.5)]
                if len(self.jobs) == 2
                else super()._rest(job)
            )

    executor = Killed(noisy)
    run(folder, executor)
    (trial,) = results(folder)["trials"]
    assert (trial["status"], trial["value"], len(executor.jobs)) == ("cancelled", None, 2)


def test_only_the_first_run_of_a_trial_is_stopped_early(tmp_path):
    """What was worth all of its first run is worth its others, so that each mean is of whole runs."""
    folder = new_sweep(tmp_path, trials=12, repeats=2, stop_early="median")

    class Curves(Runs):
        """From the sixth trial on first runs are good, and the others far worse than any trial before."""

        def _rest(self, job):
            first = job.dir == folder.trial_dir(job.trial)
            level = 1.0 if job.trial < 6 else 0.0 if first else 100.0
            level = 100.0 if job.trial == 11 else level
            said = [Reported(job.trial, step, {"loss": level}) for step in range(12)]
            return [*said, Finished(job.trial, self._ending(job.trial), None, 0.5)]

        def _ending(self, trial):
            return Status.STOPPED_EARLY if trial == 11 else Status.SUCCEEDED

    executor = Curves(noisy)
    run(folder, executor)
    assert {trial for trial, _ in executor.stopped} == {11}
    *_, worth, stopped = results(folder)["trials"]
    assert (worth["value"], worth["status"]) == (50.0, "succeeded")
    assert (stopped["value"], stopped["status"], len(stopped["repeats"])) == (100.0, "stopped_early", 1)


def test_checkpoints_of_all_runs_of_the_best_trial_stay(tmp_path):
    """Those of other trials go, and those of runs that only confirm."""
    folder = new_sweep(tmp_path, trials=3, repeats=2, confirm=1)

    class Saving(Runs):
        def _rest(self, job):
            path = job.dir / "checkpoint" / "mine"
            path.parent.mkdir(parents=True)
            path.touch()
            return [Checkpointed(job.trial, path, None), *super()._rest(job)]

    run(folder, Saving(noisy))
    best = results(folder)["best"]
    left = {path.relative_to(folder.trials_dir) for path in folder.trials_dir.rglob("checkpoint")}
    home = folder.trial_dir(best["trial"])
    assert left == {(home / part / "checkpoint").relative_to(folder.trials_dir) for part in (".", "repeat/1")}
    assert best["checkpoint"] == f"trials/{best['trial']:04d}/repeat/1/checkpoint/mine"


def test_an_older_reader_sees_the_same_trials(tmp_path):
    """Whoever knows none of the new events has each trial once, with its value."""
    folder = new_sweep(tmp_path, repeats=2, confirm=1)
    run(folder)
    new = ("repeated", "confirming", "confirmed")
    old = fold(event for event in journal.read(folder.journal_file).events if event["event"] not in new)
    now = results(folder)["trials"]
    assert [(t.number, t.value, str(t.status)) for t in old.trials] == [
        (t["trial"], t["value"], t["status"]) for t in now
    ]
    assert old.ended == "finished"

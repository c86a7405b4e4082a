"""A sweep whose trials all fail for one reason ends early, and goes on where that is mended."""

from __future__ import annotations

import pytest

from awstune.search.ending import all_alike
from awstune.search.trials import Report, Status, TrialRecord
from awstune.sweeps import journal, loop
from awstune.sweeps.results import results, status
from tests.unit.sweeps.scripted import Scripted, new_sweep, reports

NOTHING = "ModuleNotFoundError: No module named 'torch'"


def run(folder, errors, slots=1):
    """How many trials were started, and why it ended; ``errors`` says of each why it fails, if it does."""

    def say(job):
        error = errors(job.trial)
        return reports(status=Status.FAILED, error=error)(job) if error else reports(1.0)(job)

    executor = Scripted(say, slots)
    list(loop.run(folder, executor, linger_s=0))
    return len(executor.jobs), journal.read(folder.journal_file).events[-1]["reason"]


def test_three_failures_alike_end_it(tmp_path):
    """Three trials are enough to see that none will succeed; the journal says why."""
    folder = new_sweep(tmp_path, trials=20)
    started, why = run(folder, lambda _: NOTHING)
    assert started == 3
    assert why == f"3 trials in a row failed alike, and none reported loss: {NOTHING}"
    assert status(folder, 0.0)["state"] == "failed"


def test_as_many_as_run_at_a_time_have_to_agree(tmp_path):
    """With four slots four have to fail; what still runs then ends first, and nothing new begins."""
    folder = new_sweep(tmp_path, trials=20, parallel=4)
    started, why = run(folder, lambda _: NOTHING, slots=4)
    assert started == 7
    assert why.startswith("7 trials in a row")


def test_one_that_runs_may_prove_otherwise(tmp_path):
    """Where one of those that still run succeeds, the sweep goes on to its last trial."""
    folder = new_sweep(tmp_path, trials=20, parallel=4)
    started, why = run(folder, lambda trial: None if trial == 6 else NOTHING, slots=4)
    assert (started, why) == (20, "finished")


def test_it_goes_on_where_that_is_mended(tmp_path):
    """A resumed sweep has the failures behind it; broken still, it ends after three more."""
    folder = new_sweep(tmp_path, trials=20)
    run(folder, lambda _: NOTHING)
    started, why = run(folder, lambda _: "another")
    assert (started, why.partition(",")[0]) == (3, "3 trials in a row failed alike")
    started, why = run(folder, lambda _: None)
    assert (started, why) == (14, "finished")
    assert [t["trial"] for t in results(folder)["trials"]] == list(range(20))


def failed(*errors, reports=()):
    """Trials that have failed one after the other."""
    return [
        TrialRecord(n, {}, Status.FAILED, error=error, completed=n, reports=reports)
        for n, error in enumerate(errors)
    ]


@pytest.mark.parametrize(
    ("trials", "ends"),
    [
        (failed("a", "a"), False),
        (failed("a", "a", "a"), True),
        (failed("a", "b", "a"), False),
        (failed("no file trials/0000/x", "no file trials/0001/x", "no file trials/0002/x"), True),
        (failed("lr=1e-3 is odd", "lr=0.25 is odd", "lr=3 is odd"), False),
        (failed(*["CUDA out of memory"] * 3), False),
        (failed("a", "a", "a", reports=(Report(0, {"loss": float("nan")}),)), False),
        (failed("a", "a", "a", reports=(Report(0, {"speed": 1.0}),)), True),
        ([*failed("a", "a", "a"), TrialRecord(3, {}, reports=(Report(0, {"loss": 1.0}),))], False),
        ([*failed("a", "a", "a"), TrialRecord(3, {}, Status.CANCELLED, completed=3)], True),
        ([TrialRecord(n, {}, Status.CANCELLED, completed=n) for n in range(3)], False),
    ],
)
def test_what_is_alike(trials, ends):
    """One reason for all in the same words; a report of the metric, or want of memory, speaks against it."""
    assert (all_alike(trials, "loss") is not None) == ends


def test_before_the_metric_is_known():
    """Any report shows that something works."""
    silent, other = failed("a", "a", "a"), failed("a", "a", "a", reports=(Report(0, {"speed": 1.0}),))
    assert all_alike(silent, None) == "3 trials in a row failed alike, and none reported anything: a"
    assert all_alike(other, None) is None

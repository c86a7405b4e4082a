"""The plan priced again: seconds and dollars a trial, when a sweep ends, and whether that is too late."""

from __future__ import annotations

import time

import pytest

from awstune.cli.progress import Progress
from awstune.flow.resume import Changes
from awstune.report import tables, words
from awstune.search.runs import Run
from awstune.search.space import Float, Space
from awstune.search.trials import History, Status, TrialRecord
from awstune.sweeps import loop
from awstune.sweeps.executor import Finished, Reported, Started
from awstune.sweeps.folder import Folder
from awstune.sweeps.outlook import machine_ends, outlook, planned_of, slots
from awstune.sweeps.results import status
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target


def history(*seconds, running=0, spec=None, **known):
    """Trials that took so long, and some that have just begun."""
    ended = [TrialRecord(n, {}, Status.SUCCEEDED, 1.0, seconds=s) for n, s in enumerate(seconds)]
    begun = [TrialRecord(len(ended) + n, {}, started=1000.0) for n in range(running)]
    return History(spec={"parallel": 1, **(spec or {})}, trials=(*ended, *begun), latest=1000.0, **known)


def test_nothing_is_known_before_the_first_trial():
    """Without a trial that has ended there is no price."""
    assert outlook(history(running=1), 10, 1000.0) is None


def test_the_rest_takes_what_the_others_took():
    """Ten trials of 60 s, two at a time, of which two are done and two have run for half of theirs."""
    spec = {"parallel": 2, "usd_per_hour": 3.6}
    ahead = outlook(history(60.0, 60.0, running=2, spec=spec, spent_s=90.0), 10, 1030.0)
    assert ahead.trial_s == 60.0
    assert ahead.left_s == (2 * 30 + 6 * 60) / 2
    assert ahead.ends == 1030.0 + ahead.left_s
    assert ahead.trial_usd == pytest.approx(0.03)
    assert ahead.usd == pytest.approx((90 + 30 + 210) / 3600 * 3.6)
    assert ahead.too_late_s == 0


def test_what_confirms_the_best_trials_is_still_to_come():
    """Three runs of each of the best, each as long as one of a trial's repeats; what has run is over."""
    spec = {"repeats": 2, "confirm": 2}
    ahead = outlook(history(60.0, 60.0, spec=spec), 3, 1000.0)
    assert ahead.left_s == 60 + 2 * 3 * 30
    one = TrialRecord(0, {}, Status.SUCCEEDED, 1.0, seconds=60.0, confirmed=(Run(1, "succeeded", 1.0),) * 2)
    ahead = outlook(History(spec={"parallel": 1, **spec}, trials=(one,)), 1, 1000.0)
    assert ahead.left_s == 30


def test_an_end_after_the_machines():
    """What lies after the end of its instance is said in seconds, and in words with the command."""
    ahead = outlook(history(3600.0, machine_ends=5000.0), 4, 1000.0)
    assert ahead.too_late_s == 1000.0 + 3 * 3600 - 5000.0
    assert words.too_late(ahead.too_late_s).endswith("awstune extend 2h moves that end")


def test_without_a_number_of_trials_there_is_no_end():
    """An open number of trials has a price for each and none for all."""
    ahead = outlook(history(60.0, spec={"usd_per_hour": 1.0}), None, 1000.0)
    assert (ahead.left_s, ahead.ends, ahead.usd) == (None, None, None)
    assert ahead.trial_usd == pytest.approx(1 / 60)


@pytest.mark.parametrize(
    ("parallel", "packing", "many"),
    [(3, None, 3), ("auto", None, 1), ("auto", {"slots": 4}, 4), (3, {"slots": 2}, 2)],
)
def test_how_many_at_a_time(parallel, packing, many):
    """What was decided counts, and until then one."""
    assert slots(parallel, packing) == many


@pytest.mark.parametrize(
    ("spec", "size", "planned"),
    [({"trials": 20}, 4, 20), ({"trials": 20, "search": "grid"}, 4, 4), ({"search": "grid"}, None, None)],
)
def test_how_many_there_will_be(spec, size, planned):
    """A grid has no more trials than points."""
    assert planned_of(spec, size) == planned


def test_the_end_of_this_machine(tmp_path):
    """The guard's file says it; none, or one that says none, is no end."""
    environment = {"AWSTUNE_ROOT": str(tmp_path)}
    assert machine_ends(environment) is None
    (tmp_path / "etc/awstune").mkdir(parents=True)
    (tmp_path / "etc/awstune/ends").write_text("none\n")
    assert machine_ends(environment) is None
    (tmp_path / "etc/awstune/ends").write_text("1700000000\n")
    assert machine_ends(environment) == 1.7e9


def test_in_words():
    """The line after the first trial, and the status."""
    now = time.mktime((2026, 11, 23, 18, 0, 0, 0, 0, -1))
    ahead = outlook(history(60.0, spec={"usd_per_hour": 0.9}, spent_s=60.0), 20, now)
    said = words.outlook(ahead, now)
    assert said.startswith(
        "a trial takes about 60 s and $0.01: the sweep goes on for about 19 min, until 18:19"
    )
    document = {
        "sweep": "train-1",
        "where": "gpu",
        "state": "running",
        "best": None,
        "usd_so_far": 0.02,
        "trials": {"running": 1, "succeeded": 1, "failed": 0, "stopped_early": 0, "planned": 20},
        "eta_s": 1140.0,
        "seconds_per_trial": 60.0,
        "usd_at_end": 0.3,
        "too_late_s": 600.0,
        "packing": {"why": "trial 0 took 0.4 GiB of memory: 2 at a time, as the number of cores allows"},
    }
    shown = tables.status(document)
    assert "ends in about 19 min, 60 s a trial, $0.30 in all" in shown
    assert "its instance ends about 10 min before the sweep will; awstune extend 1h" in shown
    assert "2 at a time, as the number of cores allows" in shown


class Quick:
    """An executor whose trials take a minute, and report once."""

    slots = 1

    def __init__(self):
        self.said = []

    def start(self, job):
        """A whole trial at once."""
        self.said = [Started(job.trial, 1, 0), Reported(job.trial, 0, {"loss": 1.0})]
        self.said.append(Finished(job.trial, Status.SUCCEEDED, None, 60.0))

    def poll(self, timeout_s):
        """One message at a time, so that the loop looks around in between."""
        assert timeout_s > 0
        return [self.said.pop(0)]

    def stop(self, trial, *, kill=False):
        """Nothing runs for long."""

    def close(self):
        """Nothing is left."""


class Heard:
    """A screen that remembers."""

    live = False

    def __init__(self):
        self.lines = []

    def say(self, text, **_how):
        """A line."""
        self.lines.append(text)

    warn = say


def test_a_sweep_that_outlives_its_instance_says_so(tmp_path, monkeypatch):
    """The end of the machine is in the journal; after the first trial the view says all, and the remedy."""
    (tmp_path / "etc/awstune").mkdir(parents=True)
    (tmp_path / "etc/awstune/ends").write_text(f"{int(time.time()) + 60}\n")
    monkeypatch.setenv("AWSTUNE_ROOT", str(tmp_path))
    folder = Folder.create(tmp_path, None, "train")
    target = Target("function", file="train.py", function="train")
    options = {"usd_per_hour": 0.9}
    space = Space(x=Float(0, 1))
    Spec(target, space, "loss", "min", "random", 30, options=options).write(folder.spec_file)
    screen = Heard()
    progress = Progress(screen, stream=False)
    running = loop.run(folder, Quick(), linger_s=0)
    for event in running:
        progress(event)
        if event["event"] == "finished" and event["trial"] == 2:
            break
    known = status(folder, time.time(), running=True)
    running.close()
    assert known["too_late_s"] > 20 * 60
    assert known["seconds_per_trial"] == 60.0
    assert known["usd_per_trial"] == pytest.approx(0.015)
    (priced,) = [line for line in screen.lines if "the sweep goes on for about 29 min" in line]
    assert "$0.4" in priced
    (late,) = [line for line in screen.lines if "awstune extend 1h" in line]
    assert "its instance ends about 2" in late


def test_more_time_for_a_sweep_that_used_up_its_own(tmp_path):
    """`resume --max-time` writes the new limit into the spec, and leaves the rest of it."""
    folder = Folder.create(tmp_path, None, "train")
    target = Target("function", file="train.py", function="train")
    options = {"max_time": 60, "keep": "all"}
    Spec(target, Space(x=Float(0, 1)), "loss", "min", options=options).write(folder.spec_file)
    Changes(max_time=7200.0).apply(folder)
    assert Spec.read(folder.spec_file).options == {"max_time": 7200.0, "keep": "all"}

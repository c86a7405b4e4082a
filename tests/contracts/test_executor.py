"""The executor's contract, held by every executor: a trial is a process, and its failure an outcome."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from awstune.search.trials import Status
from awstune.sweeps import marks, oom
from awstune.sweeps.commands import Commands
from awstune.sweeps.executor import Checkpointed, Displaced, Finished, Job, Noted, Packed, Reported, Started
from awstune.sweeps.pool import Pool
from awstune.sweeps.running import Limits
from awstune.sweeps.target import Target
from tests.waiting import hear, so_many, until

SCRIPT = Path(__file__).with_name("trials.py")
KINDS = ("fork", "spawn", "command")


@dataclass
class Bench:
    """An executor under test, and what it says."""

    kind: str
    folder: Path

    def executor(self, script=SCRIPT, **options):
        """A new one."""
        if self.kind == "command":
            words = (sys.executable, str(script), "{do}")
            return Commands(Target("command", command=words), cwd=self.folder, folder=self.folder, **options)
        target = Target("function", file=str(script), function="train")
        return Pool(target, cwd=self.folder, folder=self.folder, mode=self.kind, **options)

    def job(self, number, **params):
        """A trial's job."""
        return Job(number, params, 100 + number, self.folder / "trials" / f"{number:04d}")

    def log(self, number):
        """What a trial wrote."""
        return (self.folder / "trials" / f"{number:04d}" / "log.txt").read_text()

    def run(self, executor, *jobs):
        """Start the jobs and hear them to their ends; messages by trial."""
        for job in jobs:
            executor.start(job)
        return heard(executor, len(jobs))

    def alone(self, do, **options):
        """All messages of one trial."""
        executor = self.executor(**options)
        try:
            return self.run(executor, self.job(0, do=do))
        finally:
            executor.close()


def heard(executor, count, kind=Finished):
    """All messages until so many of a kind have come; what is only noted is no part of the contract."""
    return [m for m in hear(executor, so_many(kind, count)) if not isinstance(m, Noted)]


def alive(pids):
    """Those of the processes that still run."""
    return [pid for pid in pids if _status(pid) not in (None, psutil.STATUS_ZOMBIE)]


def _status(pid):
    """A process's; None where it has ended meanwhile."""
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return None


@pytest.fixture(params=KINDS)
def bench(request, tmp_path):
    """A folder to try one kind of executor in; nothing of it may be left alive."""
    yield Bench(request.param, tmp_path)
    assert not marks.marked(marks.of_sweep(tmp_path))


def test_a_trial_starts_reports_and_finishes(bench):
    """Reports come in order between the start and the one finish."""
    started, first, second, finished = bench.alone("report")
    assert isinstance(started, Started)
    assert (started.trial, started.slot) == (0, 0)
    assert first == Reported(0, 0, {"loss": 0.5, "acc": 1.0})
    assert second == Reported(0, 1, {"loss": 0.25})
    assert finished.status is Status.SUCCEEDED
    assert finished.error is None
    assert finished.seconds > 0


def test_a_trial_without_a_report_finishes(bench):
    """Whether never reporting is a failure is the loop's to say."""
    assert bench.alone("nothing")[-1].status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("raise", "no luck|status 1"),
        ("exit", "status 3"),
        ("vanish", "status 0|without"),
        ("crash", "SIGSEGV"),
    ],
)
def test_a_failure_is_an_outcome(bench, do, error):
    """Exceptions, exits and crashes are finishes with a reason of one line."""
    finished = bench.alone(do)[-1]
    if bench.kind == "command" and do == "vanish":
        assert finished.status is Status.SUCCEEDED  # all that a command says at its end is its status
        return
    assert finished.status is Status.FAILED
    assert "\n" not in finished.error
    assert any(part in finished.error for part in error.split("|"))


def test_the_log_has_the_traceback(bench):
    """What a trial's author needs is in the trial's log, from their own function on."""
    bench.alone("raise")
    assert "ValueError: no luck" in bench.log(0)
    assert "do_raise" in bench.log(0)
    assert "awstune/sweeps" not in bench.log(0)


def test_noise_does_not_stall(bench):
    """Megabytes of output end in the log, complete and in order, and hold nothing up."""
    assert bench.alone("noise")[-1].status is Status.SUCCEEDED
    log = bench.log(0)
    assert log.count("x" * 9999 + "\n") == 200
    assert "to stderr" in log


def test_what_is_written_is_in_the_log_at_once(bench):
    """Also without an end of line: nothing of it waits in a buffer, which a killed trial would lose."""
    executor = bench.executor()
    executor.start(bench.job(0, do="whisper"))
    log = bench.job(0).log_file
    try:
        heard(executor, 1, Started)
        until(lambda: log.exists() and "half a line" in log.read_text(), "what it has written")
    finally:
        executor.close()


def test_trials_run_at_the_same_time(bench):
    """Two slots hold two trials, each in a process of its own; a freed slot is taken again."""
    executor = bench.executor(slots=2)
    for number in (0, 1):
        executor.start(bench.job(number, do="hang"))
    started = [m for m in heard(executor, 2, Reported) if isinstance(m, Started)]
    assert {m.slot for m in started} == {0, 1}
    assert len({m.pid for m in started}) == 2
    executor.stop(1, kill=True)
    heard(executor, 1)
    again = bench.run(executor, bench.job(2, do="report"))
    assert again[0].slot == 1
    executor.close()


def test_a_trial_has_a_group_and_the_folder_one_is_in(bench):
    """A trial leads its own process group, runs in the sweep's folder and has nothing to read."""
    bench.alone("describe")
    facts = json.loads((bench.job(0).dir / "facts").read_text())
    assert facts["group"] == facts["pid"] != os.getpgid(0)
    assert facts["cwd"] == str(bench.folder)
    assert facts["stdin"] == ""


def test_a_trial_knows_its_share(bench, monkeypatch):
    """Number, seed, threads, the slot's one GPU and its group stand in the environment of its processes."""
    for name in ("WANDB_RUN_GROUP", "WANDB_NAME"):
        monkeypatch.delenv(name, raising=False)
    bench.alone("describe", slots=2, use_gpus=["3", "4"], limits=Limits(threads=2))
    assert json.loads((bench.job(0).dir / "facts").read_text())["variables"] == {
        "AWSTUNE_TRIAL": "0",
        "AWSTUNE_SEED": "100",
        "OMP_NUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "3",
        "WANDB_RUN_GROUP": bench.folder.name,
        "WANDB_NAME": f"{bench.folder.name}-0",
    }


def test_killed_whole(bench):
    """A stopped trial ends within seconds, with the processes of its group, and is called cancelled."""
    executor = bench.executor()
    executor.start(bench.job(0, do="hang"))
    heard(executor, 1, Reported)
    pids = json.loads((bench.job(0).dir / "pids").read_text())
    executor.stop(0, kill=True)
    executor.stop(0, kill=True)
    finished = heard(executor, 1)[-1]
    assert finished.status is Status.CANCELLED
    until(lambda: not alive(pids[:2]), "the processes of its group to end")
    executor.close()
    assert alive(pids) == []


def test_a_stubborn_trial_is_killed(bench):
    """A trial that ignores the polite signal gets the other one."""
    executor = bench.executor()
    executor.start(bench.job(0, do="stubborn"))
    heard(executor, 1, Reported)
    executor.stop(0, kill=True)
    assert heard(executor, 1)[-1].status is Status.CANCELLED
    executor.close()


def test_too_long(bench):
    """A trial that takes longer than its limit fails, and says so."""
    finished = bench.alone("hang", limits=Limits(seconds=1.0))[-1]
    assert finished.status is Status.FAILED
    assert finished.error == "it took longer than 1 s"
    assert finished.seconds >= 1


def test_too_much_memory(bench):
    """A trial that takes more memory than its limit fails by itself; the next one runs."""
    if sys.platform != "linux":
        pytest.skip("the system does not limit address space")  # macOS takes RLIMIT_AS and ignores it
    executor = bench.executor(limits=Limits(memory_bytes=1 << 30))
    assert bench.run(executor, bench.job(0, do="allocate"))[-1].status is Status.FAILED
    assert bench.run(executor, bench.job(1, do="report"))[-1].status is Status.SUCCEEDED
    executor.close()


def test_the_kernel_takes_a_trial_for_its_memory(bench):
    """One that is killed for want of memory beside others runs again alone, and fails only if it is again."""
    counted = iter(range(100))
    executor = bench.executor(slots=2, oom_kills=lambda: next(counted))
    executor.start(bench.job(0, do="hang"))
    heard(executor, 1, Started)
    executor.start(bench.job(1, do="killed"))
    displaced, packed = (m for m in heard(executor, 1, Packed) if isinstance(m, Displaced | Packed))
    assert displaced == Displaced(1, "it ran out of memory beside others")
    assert packed.packing.slots == 1
    executor.stop(0, kill=True)
    cancelled, finished = (m for m in heard(executor, 2) if isinstance(m, Finished))
    executor.close()
    assert (cancelled.trial, finished.trial, finished.status) == (0, 1, Status.FAILED)
    assert "this machine ran out of memory" in finished.error


def test_what_starts_trials_is_lost(bench):
    """Its trials are lost with it through no fault of theirs: they start again, under another one."""
    executor = bench.executor(slots=2)
    executor.start(bench.job(0, do="hang"))
    heard(executor, 1, Reported)
    pids = json.loads((bench.job(0).dir / "pids").read_text())
    executor.start(bench.job(1, do="end_starter"))
    found = heard(executor, 1)
    assert [m.trial for m in found if isinstance(m, Displaced)] == [0, 1]
    (finished,) = (m for m in found if isinstance(m, Finished))  # the other one may have begun again
    assert (finished.trial, finished.status) == (1, Status.SUCCEEDED)
    until(lambda: not alive(pids), "what it had started to end")
    executor.close()


def test_a_trial_that_ends_what_starts_it(bench, monkeypatch):
    """One that does so every time fails at last, and says where to look."""
    monkeypatch.setenv("TIMES", "9")
    finished = bench.alone("end_starter")[-1]
    assert finished.status is Status.FAILED
    assert "lost 3 times while it ran: see pool.log" in finished.error


@pytest.mark.parametrize("guilty", [0, 1])
def test_which_one_ends_what_starts_them(bench, guilty):
    """Where several were lost together they run alone, so that the one whose doing it was fails alone."""
    executor = bench.executor(slots=2)
    does = {guilty: "end_all", 1 - guilty: "bear"}
    messages = bench.run(executor, *(bench.job(number, do=does[number]) for number in (0, 1)))
    executor.close()
    ends = {m.trial: m for m in messages if isinstance(m, Finished)}
    assert ends[1 - guilty].status is Status.SUCCEEDED
    assert ends[guilty].status is Status.FAILED
    assert "lost 3 times while it ran" in ends[guilty].error


def test_whether_the_kernel_counts(tmp_path):
    """What it counts is read; where it does not, nobody knows."""
    (tmp_path / "vmstat").write_text("pgfault 7\noom_kill 3\nzone 1\n")
    assert oom.kills(tmp_path / "vmstat") == 3
    (tmp_path / "vmstat").write_text("pgfault 7\n")
    assert oom.kills(tmp_path / "vmstat") is oom.kills(tmp_path / "none") is None


def test_what_a_trial_leaves_behind_ends(bench):
    """A process that outlives its trial's own is killed with the trial's group."""
    executor = bench.executor()
    bench.run(executor, bench.job(0, do="leave_helper"))
    pids = json.loads((bench.job(0).dir / "pids").read_text())
    until(lambda: not alive(pids), "what it left behind to end")
    executor.close()


def test_close_leaves_nothing(bench):
    """Closing ends running trials and all that they started, wherever it went; twice is no harm."""
    executor = bench.executor()
    executor.start(bench.job(0, do="hang"))
    heard(executor, 1, Reported)
    pids = json.loads((bench.job(0).dir / "pids").read_text())
    executor.close()
    assert alive(pids) == []
    executor.close()
    assert executor.poll(0) == []


def test_a_second_attempt_adds_to_the_log(bench):
    """A retried trial keeps the log of the attempt before."""
    executor = bench.executor()
    bench.run(executor, bench.job(0, do="raise"))
    first = bench.log(0)
    bench.run(executor, bench.job(0, do="report"))
    assert bench.log(0).startswith(first)
    executor.close()


def test_nothing_to_hear(bench):
    """Polling without trials returns at once or after the time given, with nothing."""
    executor = bench.executor()
    assert executor.poll(0.01) == []
    executor.close()


def test_messages_are_values():
    """Messages compare as values, NaN aside."""
    assert Checkpointed(1, Path("x"), 2) == Checkpointed(1, Path("x"), 2)
    assert Reported(0, 0, {"a": math.inf}) == Reported(0, 0, {"a": math.inf})

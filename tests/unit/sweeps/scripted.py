"""An executor whose trials say what they are told to, and sweeps over it."""

from __future__ import annotations

from collections import deque

from awstune.search.space import Float, Space
from awstune.search.trials import Status
from awstune.sweeps import loop
from awstune.sweeps.executor import Finished, Reported, Started
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

# What a trial's results are promised to say.
TRIAL_KEYS = {
    *("trial", "params", "value", "status", "started", "seconds", "steps", "error"),
    *("node", "why", "checkpoint", "sd", "repeats", "confirmed"),
}


class Scripted:
    """An executor whose trials say what they are told to; ``say`` maps a job to messages."""

    def __init__(self, say, slots=1):
        self.slots, self.say = slots, say
        self.jobs, self.queue, self.stopped, self.closed = [], deque(), [], 0

    def start(self, job):
        """Note the job and what it is going to say."""
        assert not self.closed
        self.jobs.append(job)
        self.queue.append([Started(job.trial, 100 + job.trial, 0), *self.say(job)])

    def poll(self, timeout_s):
        """All that the oldest trial has to say."""
        assert timeout_s > 0
        return self.queue.popleft() if self.queue else []

    def stop(self, trial, *, kill=False):
        """Note who was stopped."""
        self.stopped.append((trial, kill))

    def close(self):
        """Note the end."""
        self.closed += 1


def reports(*losses, metric="loss", status=Status.SUCCEEDED, error=None):
    """A trial that reports these and finishes."""

    def say(job):
        said = [Reported(job.trial, step, {metric: value}) for step, value in enumerate(losses)]
        return [*said, Finished(job.trial, status, error, 0.5)]

    return say


def in_turn(*losses, metric="loss"):
    """Trials that report one loss each."""
    left = iter(losses)

    def say(job):
        return reports(next(left), metric=metric)(job)

    return say


def new_sweep(tmp_path, space=None, **changes):
    """The folder of a sweep."""
    folder = Folder.create(tmp_path, None, "train")
    known = {"metric": "loss", "mode": "min", "search": "random", "trials": 3, "seed": 1, **changes}
    spec = Spec(Target("function", file="train.py", function="train"), space or Space(x=Float(0, 1)), **known)
    spec.write(folder.spec_file)
    return folder


def run(folder, executor):
    """All events of a run."""
    return list(loop.run(folder, executor, now=lambda: 10.0, linger_s=0))


def kinds(events):
    """Which events, of which trials."""
    return [(e["event"], e.get("trial")) for e in events]

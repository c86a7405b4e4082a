"""One POST at a sweep's end, to a real server: what it says, when, and where its address never is."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager

import pytest

from awstune.search.space import Float, Space
from awstune.sweeps import notifying
from awstune.sweeps.folder import Folder
from awstune.sweeps.journal import Journal
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.serving import Answering, serving
from tests.waiting import PATIENCE_S
from tests.world import ran

SECRET = "T0KEN"  # what must not be found anywhere
TRAIN = """
import os
metric, mode, space = "loss", "min", {"x": "0.5..1.0"}
def train(trial):
    print({name: value for name, value in os.environ.items()})
    trial.report(loss=trial.params["x"])
"""
BROKEN = TRAIN.replace('trial.report(loss=trial.params["x"])', "raise ValueError(1)")


@contextmanager
def server(*answers):
    """A web server that answers so, the last answer again and again; its address and what it was sent."""
    left, posts = list(answers), []

    class Handler(Answering):
        def post(self):
            """Notes what comes."""
            posts.append((self.path, self.headers["Content-Type"], json.loads(self.body())))
            self.answer(left.pop(0) if len(left) > 1 else left[0])

    with serving(Handler) as listening:
        yield f"{listening.url}/hook/{SECRET}", posts


def ended(tmp_path, **options):
    """The folder of a sweep that has ended after an hour, with one trial."""
    folder = Folder.create(tmp_path, "s", "train")
    target = Target("function", file="train.py", function="train")
    spec = Spec(target, Space(x=Float(0, 1)), "loss", "min", trials=1, options=options)
    spec.write(folder.spec_file)
    clock = iter((1000.0, 1000.0, 1000.0, 1000.0, 4600.0))
    with Journal(folder.journal_file, lambda: next(clock)).open() as writer:
        writer.append("sweep", spec=spec.to_json())
        writer.append("asked", trial=0, params={"x": 0.5})
        writer.append("finished", trial=0, status="succeeded", value=0.25, seconds=3.0)
        writer.append("ended", reason="finished")
    return folder


def test_the_headline(tmp_path):
    """Sweep, state, best, counts, cost, and all of it in a line, as JSON in one POST."""
    with server(200) as (url, posts):
        assert notifying.post(url, ended(tmp_path, usd_per_hour=0.9)) is None
    ((path, kind, said),) = posts
    assert path == f"/hook/{SECRET}"
    assert kind == "application/json"
    assert said["sweep"] == "s"
    assert said["state"] == "finished"
    assert said["best"] == {"trial": 0, "value": 0.25, "params": {"x": 0.5}}
    assert said["trials"]["succeeded"] == 1
    assert said["usd_so_far"] == 0.9
    assert said["text"] == "s: finished, best loss 0.25 (trial 0: x=0.5)"


def test_a_price_that_nobody_knows(tmp_path):
    """Without the machine's price there is no cost in it."""
    assert notifying.headline(ended(tmp_path))["usd_so_far"] is None


@pytest.mark.parametrize(
    ("answers", "tries", "why"),
    [
        ((503, 200), 2, None),
        ((500,), 3, "it answers 500"),
        ((429, 200), 2, None),
        ((404,), 1, "it answers 404"),
        ((403,), 1, "it answers 403"),
    ],
)
def test_who_does_not_take_it_is_asked_again_a_little(tmp_path, answers, tries, why):
    """What may pass is tried three times; what is wrong is not. The words do not hold the address."""
    waited = []
    with server(*answers) as (url, posts):
        told = notifying.post(url, ended(tmp_path), sleep=waited.append)
    assert len(posts) == tries
    assert waited == [1.0, 2.0][: tries - 1]
    assert told == (why and f"127.0.0.1 was not notified of the end of s: {why}")


def test_nobody_there(tmp_path):
    """A refused connection is words, after three attempts, and no exception."""
    with server(200) as (url, _):
        pass
    waited = []
    told = notifying.post(url, ended(tmp_path), sleep=waited.append)
    assert told == "127.0.0.1 was not notified of the end of s: Connection refused"
    assert len(waited) == 2


@pytest.mark.parametrize("url", [f"http://nowhere.invalid/{SECRET}", f"https://127.0.0.1:1/{SECRET}"])
def test_whatever_goes_wrong_is_told_without_the_address(tmp_path, url):
    """Names that do not resolve, and servers that do not speak TLS."""
    told = notifying.post(url, ended(tmp_path), sleep=lambda _: None)
    assert told
    assert SECRET not in told


def sweep(tmp_path, script, *words):
    """The command, with that script; its exit status and what it said."""
    (tmp_path / "train.py").write_text(script)
    home = {"AWSTUNE_HOME": str(tmp_path / "home"), "AWSTUNE_CLOUD": "local", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "awstune", "sweep", "train.py", "--trials", "2", "--name", "s", *words]
    done = ran(command, tmp_path, {**os.environ, **home}, timeout=PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


def secret_in(tmp_path):
    """The files below that hold it."""
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("script", "status", "state"), [(TRAIN, 0, "finished"), (BROKEN, 3, "failed")], ids=["good", "bad"]
)
def test_of_a_sweep_here(tmp_path, script, status, state):
    """One POST at the end of it, good or bad; the address is in no file, and no trial sees it."""
    with server(200) as (url, posts):
        assert sweep(tmp_path, script, "--notify", url)[0] == status
    assert [said["state"] for *_, said in posts] == [state]
    assert secret_in(tmp_path) == []


def test_of_a_sweep_that_cannot_go_on(tmp_path):
    """A sweep that stops with an error tells that, and why."""
    script = TRAIN.replace('metric, mode, space = "loss", "min", {', "space = {").replace("loss=", "score=")
    with server(200) as (url, posts):
        assert sweep(tmp_path, script, "--notify", url)[0] == 2
    ((*_, said),) = posts
    assert said["state"] == "stopped"
    assert said["error"] == "is a higher or a lower score better?"


def test_a_failing_post_is_a_warning(tmp_path):
    """The sweep is what it is, and its exit status is its own."""
    with server(404) as (url, _):
        status, said = sweep(tmp_path, TRAIN, "--notify", url)
    assert status == 0
    assert "warning: 127.0.0.1 was not notified of the end of s: it answers 404" in said
    assert SECRET not in said


@pytest.mark.parametrize(("answer", "told"), [(200, ""), (404, "it answers 404")])
def test_of_a_detached_sweep(tmp_path, answer, told):
    """Its worker posts, and whoever is attached hears how that went; the address is nowhere."""
    with server(answer) as (url, posts):
        assert sweep(tmp_path, TRAIN, "--notify", url, "--detach")[0] == 0
        attached = [sys.executable, "-m", "awstune", "attach", "s"]
        home = {"AWSTUNE_HOME": str(tmp_path / "home"), "AWSTUNE_CLOUD": "local"}
        done = ran(attached, tmp_path, {**os.environ, **home})
    assert done.returncode == 0
    said = done.stderr.partition("warning: ")[2].splitlines()[:1]
    assert said == ([f"127.0.0.1 was not notified of the end of s: {told}"] if told else [])
    assert [said["state"] for *_, said in posts] == ["finished"]
    assert secret_in(tmp_path) == []

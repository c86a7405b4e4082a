"""Notices: AWS's and the guard's, as they are read; and how trials leave."""

from __future__ import annotations

import json
import os

import pytest

from awstune import names
from awstune.search.trials import Status
from awstune.sweeps import notice, onsite
from awstune.sweeps.executor import Finished
from awstune.sweeps.imds import Metadata
from awstune.sweeps.leaving import MARGIN_S, Leaving
from awstune.sweeps.notice import AHEAD_S, REBALANCE, SPOT, Notice, Watch
from awstune.sweeps.onsite import Site
from tests.serving import Answering, serving
from tests.waiting import until

TEXT = '{"action": "terminate", "time": "2026-11-23T18:02:00Z"}'
ENDS = 1795456920.0  # the same in seconds since the epoch


class Imds(Answering):
    """IMDSv2: nothing without a token of its own."""

    def put(self):
        """A new token."""
        self.server.tokens.append(f"token-{len(self.server.tokens)}")
        self.answer(200, self.server.tokens[-1])

    def get(self):
        """A value, for the newest token only."""
        if self.headers["X-aws-ec2-metadata-token"] != self.server.tokens[-1]:
            self.answer(401)
            return
        text = self.server.values.get(self.path.removeprefix("/latest/meta-data/"))
        self.answer(200 if text else 404, text or "")


@pytest.fixture
def imds():
    """A metadata service."""
    with serving(Imds, tokens=[], values={}) as server:
        yield server


@pytest.fixture
def metadata(imds):
    """Asks it."""
    return Metadata(imds.url)


def test_a_value_and_none(imds, metadata):
    """What is there is told, what is not is None, and one token serves for all."""
    imds.values["placement/region"] = "eu-west-1"
    assert metadata.get("placement/region") == "eu-west-1"
    assert metadata.get(SPOT) is None
    assert len(imds.tokens) == 1


def test_a_forgotten_token(imds, metadata):
    """A token that the service has forgotten is replaced with the next question."""
    imds.values["instance-id"] = "i-1"
    metadata.get("instance-id")
    imds.tokens.append("another one's")
    assert metadata.get("instance-id") is None
    assert metadata.get("instance-id") == "i-1"


def test_nobody_answers():
    """Away from AWS there is nothing to be known, and no error."""
    assert Metadata("http://127.0.0.1:9").get(SPOT) is None


def test_the_spot_notice(imds, metadata, tmp_path):
    """AWS's notice says what will happen and when; one that cannot be read still is one."""
    imds.values[SPOT] = TEXT
    found = Watch(metadata, tmp_path / "none").look()
    assert found == Notice(
        "spot notice: AWS will terminate this instance at 2026-11-23T18:02:00Z", ENDS, final=True
    )
    assert notice.of_spot("<html>", 1000.0).ends == 1000.0 + AHEAD_S


def test_the_guard_s_notice(metadata, tmp_path):
    """The guard's own counts from its first moment, and goes away where the end is put off."""
    file = tmp_path / "notice"
    file.write_text("time to live\n")
    os.utime(file, (500.0, 500.0))
    watch = Watch(metadata, file)
    assert watch.look() == Notice("the instance ends: time to live", 500.0 + AHEAD_S)
    os.utime(file, (510.0, 510.0))
    assert watch.look().ends == 500.0 + AHEAD_S
    file.unlink()
    assert watch.look() is None


class Trials:
    """An executor of which only what it was told to stop is known."""

    def __init__(self):
        self.stopped = []

    def stop(self, trial, *, kill=False):
        """Remember it."""
        assert kill
        self.stopped.append(trial)


@pytest.fixture
def leaving(metadata, tmp_path):
    """A way out whose notice the test gives, at a time that it sets."""
    clock = [0.0]
    watch = Watch(metadata, tmp_path / "none")
    made = Leaving(watch, Trials(), now=lambda: clock[0])
    made.clock, made.watch = clock, watch
    return made


def test_before_any_notice_nobody_leaves(leaving):
    """A checkpoint is no reason to go."""
    leaving.checkpointed(1)
    leaving.hurry({1, 2})
    assert (leaving.news(), leaving.begun, leaving._executor.stopped) == (None, False, [])


def test_each_leaves_with_its_checkpoint_and_the_rest_in_time(leaving):
    """After the notice a trial goes with its next checkpoint; who has none goes at the last moment."""
    leaving.watch.notice = Notice("so it is", 1000.0)
    assert (leaving.news(), leaving.news()) == ("so it is", None)
    leaving.checkpointed(1)
    leaving.checkpointed(1)
    leaving.clock[0] = 1000.0 - MARGIN_S - 1
    leaving.hurry({1, 2})
    assert leaving._executor.stopped == [1]
    leaving.clock[0] += 1
    leaving.hurry({1, 2})
    assert leaving._executor.stopped == [1, 2]
    assert leaving.took(Finished(1, Status.CANCELLED, None, 1.0))
    assert not leaving.took(Finished(2, Status.SUCCEEDED, None, 1.0))


def test_a_rebalance_recommendation_is_said_once(imds, leaving):
    """It ends nothing: it is only said."""
    imds.values[REBALANCE] = "{}"
    leaving.watch.look()
    assert "rebalance" in leaving.warning()
    assert leaving.warning() is None
    assert not leaving.begun


@pytest.fixture
def site(tmp_path):
    """An instance whose guard has a folder."""
    (tmp_path / "run" / "awstune").mkdir(parents=True)
    return Site(going=tmp_path / "going", at_end="stop", root=tmp_path, endpoint="http://127.0.0.1:9")


class Clock:
    """A clock that its own pauses move."""

    def __init__(self, start):
        self.t = start

    def __call__(self):
        """The time."""
        return self.t

    def sleep(self, seconds):
        """Let it pass."""
        self.t += seconds


def leave(site, clock, *, busy=False):
    """Ends the instance by that clock; when, or None."""
    ended = []
    onsite.leave(
        site, busy=lambda: busy, shut_down=lambda: ended.append(clock()), now=clock, sleep=clock.sleep
    )
    return ended[0] if ended else None


def test_nobody_fetches(site):
    """With nobody attached the instance ends at once; with another sweep on it, it does not."""
    assert leave(site, Clock(5000.0)) == 5000.0
    assert leave(site, Clock(5000.0), busy=True) is None


def test_somebody_fetches(site):
    """Who fetches holds it off until he has not been seen for a while, and for ten minutes at most."""
    hold = site.file(names.HOLD_FILE)
    hold.touch()
    os.utime(hold, (5000.0, 5000.0))
    assert leave(site, Clock(5010.0)) == pytest.approx(5000.0 + names.HELD_S, abs=4)
    os.utime(hold, (9e9, 9e9))
    assert leave(site, Clock(5000.0)) == pytest.approx(5000.0 + onsite.PATIENCE_S, abs=4)


@pytest.mark.parametrize("touched", ["", "before", "meanwhile", "between two touches"])
def test_something_is_still_being_sent(site, touched):
    """That holds the end off; then the hold is as whoever fetches touched it last, and gone without him."""
    hold = site.file(names.HOLD_FILE)

    def fetches():
        hold.touch()
        os.utime(hold, (5000.0, 5000.0))

    def sends():
        return hold.exists() and hold.stat().st_mtime != 5000.0

    if touched == "before":
        fetches()
    with site.holding(every_s=0.01 if touched == "between two touches" else 600.0):
        until(sends, "a touch of whoever sends")
        if touched in ("meanwhile", "between two touches"):
            fetches()
        if touched == "between two touches":
            until(sends, "another touch")
    assert [there.stat().st_mtime for there in hold.parent.iterdir()] == [5000.0] * bool(touched)


def test_a_site_is_known_by_its_environment(tmp_path):
    """A worker on a user's own machine asks no metadata service."""
    assert Site.of({}) is None
    found = Site.of(
        {names.GOING_VARIABLE: "/g", names.AT_END_VARIABLE: "", names.ROOT_VARIABLE: str(tmp_path)}
    )
    assert (found.at_end, found.root) == (None, tmp_path)
    assert json.dumps(found.endpoint) == '"http://169.254.169.254"'

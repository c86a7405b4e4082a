"""Looking at a sweep whose instance cannot be asked: what is here is shown, and stays what it is."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from awstune.config import Config, ensure_home
from awstune.errors import AwstuneError, CloudNotRunning, SweepBusy, UsageError
from awstune.flow import cancel, embedded, follow, look, moving, resume
from awstune.flow.events import Done, Output, Warned
from awstune.flow.pace import Pace
from awstune.names import WHERE_FILE
from awstune.remote import hosts
from awstune.remote.where import Where
from awstune.search.space import Float, Space
from awstune.sweeps import journal
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.unit.ec2.conftest import answering, boto_session, cloud, shared_cloud

__all__ = ["answering", "boto_session", "cloud", "shared_cloud"]


@pytest.fixture
def config(tmp_path):
    """The options as they are where nobody types any."""
    return Config("aws", None, None, tmp_path / "home", tmp_path)


@pytest.fixture
def folder(tmp_path):
    """A sweep of an instance of another region, which AWS does not know any more."""
    made = Folder(tmp_path / "sweeps" / "train-1")
    made.log_file(0).parent.mkdir(parents=True)
    made.log_file(0).write_text("epoch 0\n")
    target = Target("function", "train.py", "train")
    Spec(target, Space(x=Float(0, 1)), metric="loss", mode="min").write(made.spec_file)
    where = Where("local", "eu-west-3", "i-0123456789abcdef0", "lab", ".awstune/sweeps/train-1", owned=True)
    where.write(made)
    return made


class Asked(AwstuneError):
    """The cloud was asked for."""


@pytest.mark.parametrize(
    "story",
    [
        look.refresh,
        follow.attach,
        lambda config, folder, opener: look.log(config, folder, 0, opener),
        lambda config, folder, opener: cancel.tell(config, folder, None, opener),
        lambda config, folder, opener: moving.refuse(config, folder, resume.Changes(), opener),
        lambda config, folder, opener: resume.there(config, folder, resume.Changes(), opener),
    ],
)
def test_it_is_looked_for_where_it_runs(config, folder, story):
    """In its own cloud and region, whatever the options say: elsewhere it would seem to be gone."""
    seen = []

    def opener(asked):
        seen.append((asked.cloud, asked.region))
        raise Asked("there is no cloud")

    with suppress(Asked):
        list(story(config, folder, opener))
    assert seen == [("local", "eu-west-3")]
    assert Where.read(folder).alive


def test_what_somebody_notes_meanwhile_stays(config, folder, cloud):
    """A look that finds the instance gone leaves what an attach has written while it asked."""

    def opener(_):
        replace(Where.read(folder), complete=True, owned=False).write(folder)
        return cloud

    list(look.refresh(config, folder, opener))
    where = Where.read(folder)
    assert (where.complete, where.owned, where.alive) == (True, False, False)


@pytest.mark.parametrize("complete", [True, False])
def test_another_accounts_credentials(config, folder, cloud, complete):
    """With them its instance would seem to be gone: it is not, and what is known of it stays."""
    replace(Where.read(folder), account="999999999999", complete=complete).write(folder)
    if complete:
        with journal.Journal(folder.journal_file).open() as writer:
            writer.append("ended", reason="all trials")
    with pytest.raises(UsageError, match=r"account 999999999999.*cannot be known"):
        list(follow.attach(config, folder, lambda _: cloud))
    with pytest.raises(UsageError, match="account 999999999999"):
        list(moving.refuse(config, folder, resume.Changes(trials="+1"), lambda _: cloud))
    warned = [event.text for event in look.refresh(config, folder, lambda _: cloud)]
    assert complete or "999999999999" in " ".join(warned)
    assert (Where.read(folder).alive, Where.read(folder).owned) == (True, True)


def test_a_log_that_is_here(config, folder, cloud):
    """Its instance is gone: it is shown as far as it is here, and how old that is."""
    events = list(look.log(config, folder, 0, lambda _: cloud))
    assert [event.data for event in events if isinstance(event, Output)] == [b"epoch 0\n"]
    (warned,) = [event.text for event in events if isinstance(event, Warned)]
    assert "is gone" in warned
    assert re.search(r"what follows is \d+ s old", warned)


def test_a_log_without_a_line(config, folder):
    """A trial that has printed nothing is told to have, rather than shown as nothing."""
    (folder.path / WHERE_FILE).unlink()
    folder.log_file(0).write_text("")
    events = list(look.log(config, folder, 0, lambda _: None))
    assert [event.text for event in events if isinstance(event, Done)] == ["trial 0 has printed nothing yet"]


def test_no_instance_outlives_its_embedded_cloud(config, folder):
    """Where that is down, or is being stopped, the sweep does not run; it can go on on a new instance."""

    def opener(_):
        raise CloudNotRunning("the embedded cloud is not running", "")

    warned = [event.text for event in look.refresh(config, folder, opener) if isinstance(event, Warned)]
    assert "lab is gone with it" in warned[0]
    assert look.status(folder, 0.0)["state"] != "running"
    assert list(moving.refuse(config, folder, resume.Changes(), opener)) == []
    Where("local", "us-east-1", "i-1", "lab", "there").write(folder)
    assert embedded.let_go(config) == ()  # of another home's embedded cloud
    hosts.pin(ensure_home(config.home), "i-1", ["ssh-ed25519 AAAA"])
    assert embedded.let_go(config) == ("train-1",)
    assert embedded.let_go(config) == ()
    assert look.status(folder, 0.0)["state"] != "running"


@pytest.mark.parametrize(
    ("states", "waits"), [(["shutting-down"] * 3 + ["terminated"], 3), (["stopping"], 9)]
)
def test_an_instance_that_is_about_to_end_is_waited_for(config, folder, cloud, answering, states, waits):
    """What `attach` has just called gone may take AWS a while; only where it takes too long that is said."""
    facts = {"InstanceId": "i-0", "InstanceType": "p2.xlarge", "LaunchTime": datetime.now(UTC)}
    left, slept = list(states), []

    def answer(_):
        state = left.pop(0) if len(left) > 1 else left[0]
        return {"Reservations": [{"Instances": [{**facts, "State": {"Name": state}}]}]}

    answering("ec2", "DescribeInstances", answer)
    story = moving.refuse(
        config, folder, resume.Changes(), lambda _: cloud, pace=Pace(lambda: 66.7 * len(slept), slept.append)
    )
    if states[-1] == "terminated":
        assert "is shutting-down" in " ".join(event.text for event in story)
    else:
        with pytest.raises(SweepBusy, match="is stopping"):
            list(story)
    assert len(slept) == waits

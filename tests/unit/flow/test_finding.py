"""A sweep that this machine has never seen, in a bucket: who wrote it must be known to run no more."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from awstune import names
from awstune.config import Config
from awstune.ec2 import instances, session
from awstune.errors import (
    CloudError,
    ConnectionLost,
    Interrupted,
    KeyFileError,
    NameTaken,
    SweepBusy,
    UnknownName,
    UsageError,
)
from awstune.flow import finding, moving, resume
from awstune.flow.events import Doing, Warned
from awstune.remote.where import Where
from awstune.search.space import Float, Space
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.unit.ec2.conftest import NEW_IMAGE, answering, boto_session, cloud, shared_cloud

__all__ = ["answering", "boto_session", "cloud", "shared_cloud"]
FAR = "eu-west-1"
BUCKET = "results-of-all"
SPEC = Spec(
    Target("function", "train.py", "train"), Space(x=Float(0, 1)), metric="loss", mode="min", created=1.0
)


class Seen(session.Cloud):
    """A caller of an account with two regions, who may not look everywhere.

    Args:
        boto_session: the session of all tests.
        lists: whether the caller may know which regions there are.
        looks: whether an instance of another region is shown.
    """

    def __init__(self, boto_session, *, lists=True, looks=True):
        super().__init__(boto_session, "us-east-1")
        self.looks = looks
        found = {"Regions": [{"RegionName": name} for name in (self.region, FAR)]}
        self._answer(self, "DescribeRegions", found if lists else None)

    def at(self, region):
        """The same caller there."""
        there = super().at(region)
        if there is not self and not self.looks:
            self._answer(there, "DescribeInstances", None)
        return there

    def _answer(self, cloud, operation, found):
        def respond(**_):
            if found is None:
                raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "No."}}, operation)
            return AWSResponse("", 200, {}, None), found

        cloud.ec2.meta.events.register(f"before-call.ec2.{operation}", respond)


class Account:
    """Two regions with instances, and a bucket that they have written to."""

    def __init__(self, cloud, tmp_path):
        self.cloud, self.tmp_path = cloud, tmp_path
        self.s3 = cloud.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def has(self, region, owner=None, name="train-1", **tags):
        """A running instance with a bucket; its id."""
        known = {
            names.TAG_NAME: name,
            names.TAG_OWNER: owner or self.cloud.owner,
            names.TAG_BUCKET: BUCKET,
            **tags,
        }
        tags = [{"Key": key, "Value": value} for key, value in known.items()]
        (made,) = self.cloud.at(region).ec2.run_instances(
            ImageId=NEW_IMAGE,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"]
        return made["InstanceId"]

    def wrote(self, instance, *, created=1.0, region=None, owner="", account="", sweep="train-1"):
        """What it has written of a sweep; with a region also what it was told of itself."""
        place = names.BUCKET_PREFIX.format(sweep=sweep, instance=instance)
        file = self.tmp_path / "spec"
        SPEC.write(file)
        text = file.read_bytes().replace(b"created = 1.0", f"created = {created}".encode())
        self.s3.put_object(Bucket=BUCKET, Key=place + names.SPEC_FILE, Body=text)
        if region is not None:
            where = Where(
                "aws", region, instance, "far", "there", workdir="deep", owner=owner, account=account
            )
            self.s3.put_object(Bucket=BUCKET, Key=place + names.WHERE_FILE, Body=json.dumps(asdict(where)))
        self.s3.put_object(Bucket=BUCKET, Key=place + names.JOURNAL_FILE, Body=b'{"event": "writer"}\n')

    def config(self):
        """The options of a folder that has no sweeps."""
        return Config("aws", None, None, self.tmp_path / "home", self.tmp_path)

    def found(self, cloud=None, **more):
        """The folder of train-1 that `attach` makes here."""
        story = finding.find(self.config(), "train-1", lambda _: cloud or self.cloud, BUCKET, **more)
        while True:
            try:
                next(story)
            except StopIteration as end:
                return end.value


@pytest.fixture
def account(cloud, boto_session, tmp_path):
    """An account with two regions, all of which may be looked into."""
    return Account(Seen(boto_session), tmp_path)


def test_a_live_sweep_of_a_colleague_in_another_region(account):
    """It is not taken for dead: nothing is made here, and it is said whose it is and where."""
    account.wrote(account.has(FAR, owner="arn:aws:iam::1:user/ada"))
    with pytest.raises(NameTaken, match=f"user/ada.*{FAR}.*running"):
        account.found()
    assert Folder.all(account.tmp_path) == []


@pytest.mark.parametrize("tags", [{}, {names.TAG_UNFETCHED: "other,train-1"}])
def test_a_live_sweep_of_ones_own_in_another_region(account, tags):
    """It is looked for there, by its instance's name, its tag, or its bucket; here its key is missing."""
    one = account.has(FAR, name="lab" if tags else "train-1", **tags)
    with pytest.raises(KeyFileError):
        account.found()
    account.cloud.at(FAR).ec2.stop_instances(InstanceIds=[one])
    account.wrote(one)
    with pytest.raises(UnknownName, match="stopped") as caught:
        account.found()
    assert f"--region {FAR}" in caught.value.hint


def test_an_instance_that_has_stopped_with_its_sweep(account):
    """What was launched for it is started to fetch from, from any laptop with its key, and no other one."""
    tags = {names.TAG_UNFETCHED: "train-1", names.TAG_SWEEP: "train-1 1.0"}
    one = account.has(account.cloud.region, name="train-1", **tags)
    account.cloud.ec2.stop_instances(InstanceIds=[one])
    story = finding.find(account.config(), "train-1", lambda _: account.cloud)
    told = []
    with pytest.raises(KeyFileError):
        told.extend(story)
    assert told[-1].text == "train-1 had ended itself; starting it to fetch train-1"


def _fails(error):
    yield Doing("looking on train-1")
    raise error


def _finds_nothing():
    yield Doing("looking on train-1")


@pytest.mark.parametrize(
    ("story", "kind", "said"),
    [
        (_fails(ConnectionLost("nobody answers", "awstune ssh train-1")), ConnectionLost, "nobody answers; "),
        (_fails(KeyboardInterrupt()), Interrupted, ""),
        (_finds_nothing(), UnknownName, "train-1 has no sweep 'train-1'; "),
    ],
    ids=["nobody answers", "Ctrl-C", "it is not there"],
)
def test_nothing_comes_of_what_was_started(account, story, kind, said):
    """An instance that was started to fetch from costs, whatever becomes of that: it is said with its end."""
    account.has(FAR)
    (one,) = instances.own(account.cloud.at(FAR))
    with pytest.raises(kind) as caught:
        list(finding.fetched(story, one, "train-1"))
    assert caught.value.message == f"{said}train-1 was started to fetch train-1 from, goes on and costs"
    assert caught.value.hint.endswith(f"awstune terminate train-1 --region {FAR} ends it")


def test_one_that_runs_by_now(account):
    """Stopped when it was looked for, and started since: that it costs is said where nobody gets in."""
    tags = {names.TAG_UNFETCHED: "train-1", names.TAG_SWEEP: "train-1 1.0"}
    one = account.has(account.cloud.region, **tags)
    account.cloud.ec2.stop_instances(InstanceIds=[one])
    story = finding.find(account.config(), "train-1", lambda _: account.cloud, BUCKET)
    while next(story).text != f"looking in the bucket {BUCKET}":
        pass
    account.cloud.ec2.start_instances(InstanceIds=[one])
    with pytest.raises(KeyFileError) as caught:
        list(story)
    assert caught.value.message.endswith("; train-1 was started to fetch train-1 from, goes on and costs")


@pytest.mark.parametrize(("here", "said"), [("rtain-1", True), ("train-2", False), ("other", False)])
def test_a_slip(account, here, said):
    """A name that is nearly one that is here is said before all regions are asked; another number is none."""
    with Folder.create(account.tmp_path, here, here).newborn() as folder:
        SPEC.write(folder.spec_file)
    told = []
    with pytest.raises(UnknownName, match="no sweep 'train-1' here"):
        told.extend(finding.find(account.config(), "train-1", lambda _: account.cloud))
    warned = f"no sweep 'train-1' here, but {here}: awstune attach {here}"
    texts = [event.text for event in told]
    assert texts == [warned] * said + ["looking for train-1 in all regions"]


def test_one_that_went_on_elsewhere(account):
    """The first of its instances is gone, and the last one runs: it runs."""
    account.wrote("i-0aaaaaaaaaaaaaaaa")
    account.wrote(account.has(FAR, owner="somebody"))
    with pytest.raises(NameTaken):
        account.found()


@pytest.mark.parametrize("told", [None, FAR, 5])
def test_a_region_that_does_not_answer(account, boto_session, told):
    """What cannot be known is refused, with the right that is missing; elsewhere it is known to be gone."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", region=told)
    deaf = Seen(boto_session, looks=False)
    with pytest.raises(UsageError, match=r"cannot be known: .*refused") as caught:
        account.found(deaf)
    assert "awstune iam" in caught.value.hint
    assert Folder.all(account.tmp_path) == []
    account.wrote("i-0aaaaaaaaaaaaaaaa", region="us-east-1")
    folder = account.found(deaf)
    here = Where.read(folder)
    assert (here.instance, here.region, here.workdir) == ("i-0aaaaaaaaaaaaaaaa", "us-east-1", "deep")
    replace(here, region=FAR).write(folder)
    with pytest.raises(CloudError, match="AWS refused DescribeInstances"):  # nor does it go on elsewhere
        list(moving.refuse(account.config(), folder, resume.Changes(), lambda c: deaf.at(c.region)))


def test_a_name_that_nobody_knows(account, boto_session):
    """That a region was not looked into is said, too."""
    deaf = Seen(boto_session, looks=False)
    story = finding.find(account.config(), "train-2", lambda _: deaf)
    told = []
    with pytest.raises(UnknownName, match="no sweep 'train-2' here"):
        told.extend(story)  # which keeps those before the error
    assert [event.text for event in told if isinstance(event, Warned)] == [
        f"nobody knows what {FAR} may have: no answer from there"
    ]


def test_an_account_that_may_not_list_its_regions(account, boto_session):
    """The one region that a sweep was in is enough; where nobody knows it, that is refused."""
    cloud = Seen(boto_session, lists=False)
    account.wrote("i-0aaaaaaaaaaaaaaaa")
    with pytest.raises(UsageError, match="the other regions cannot be asked"):
        account.found(cloud)
    account.wrote("i-0aaaaaaaaaaaaaaaa", region=FAR)
    one = account.has(FAR, owner="somebody")
    account.wrote(one, region=FAR)
    with pytest.raises(NameTaken):
        account.found(cloud)
    account.cloud.at(FAR).ec2.terminate_instances(InstanceIds=[one])
    assert Where.read(account.found(cloud)).region == FAR


def test_another_account(account):
    """What its EC2 has cannot be asked with these credentials."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", region=FAR, account="999999999999")
    with pytest.raises(UsageError, match=r"account 999999999999.*cannot be known"):
        account.found()


def test_several_of_one_name(account):
    """Nobody guesses which is meant: they are named, with the option that says it; one's own comes first."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", created=1.0, region=FAR, owner="ada")
    account.wrote("i-0bbbbbbbbbbbbbbbb", created=2.0)
    with pytest.raises(UnknownName, match=r"i-0bbb.*i-0aaaaaaaaaaaaaaaa \(.*of ada\)") as caught:
        account.found()
    assert "--from i-0bbbbbbbbbbbbbbbb" in caught.value.hint
    with pytest.raises(UnknownName, match="i-0c has written no train-1"):
        account.found(writer="i-0c")
    account.wrote("i-0dddddddddddddddd", created=3.0, region=FAR, owner=account.cloud.owner)
    assert Where.read(account.found()).instance == "i-0dddddddddddddddd"


def test_the_one_that_was_asked_for(account):
    """Where there are several, it may also be a colleague's, as long as it runs no more."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", created=1.0)
    account.wrote("i-0bbbbbbbbbbbbbbbb", created=2.0)
    assert Where.read(account.found(writer="i-0aaaaaaaaaaaaaaaa")).instance == "i-0aaaaaaaaaaaaaaaa"


def test_a_folder_that_another_laptop_has_left_behind(account):
    """What went on elsewhere since does not go on from here, too."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", region=FAR)
    folder = account.found()
    account.wrote("i-0bbbbbbbbbbbbbbbb", region=FAR)
    with pytest.raises(SweepBusy, match="has gone on on i-0bbbbbbbbbbbbbbbb"):
        list(moving.refuse(account.config(), folder, resume.Changes(), lambda _: account.cloud))


@pytest.mark.parametrize("mark", ["train-1 1.0", "train-1 2.0"])
def test_a_folder_that_was_left_behind_without_a_bucket(account, mark):
    """The new instance's tag says which sweep it was launched for: another one of that name is none."""
    account.wrote("i-0aaaaaaaaaaaaaaaa", region=FAR)
    folder = account.found()
    account.has(FAR, owner="somebody", **{names.TAG_SWEEP: mark})
    story = moving.refuse(account.config(), folder, resume.Changes(), lambda _: account.cloud)
    if mark == "train-1 1.0":
        with pytest.raises(SweepBusy, match=f"has gone on on train-1 .*{FAR}"):
            list(story)
    else:
        list(story)

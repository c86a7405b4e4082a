"""A launch that AWS refuses leaves nothing that it has made, or says what stands and how to end it."""

import threading
import time
from contextlib import contextmanager, suppress

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune.ec2 import end, events, instances, intent, keys, launch
from awstune.ec2.plan import Plan
from awstune.ec2.steps import ArmBackstop
from awstune.errors import CloudError, InstanceDied
from tests.unit.ec2.launches import launched, only, planned
from tests.waiting import PATIENCE_S


@contextmanager
def refused(client, operation, code="InvalidParameterValue"):
    """AWS refuses one operation, each time, for a reason that no list has."""
    event = f"before-call.ec2.{operation}"

    def answer(**_):
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, operation)

    client.meta.events.register_first(event, answer)
    try:
        yield
    finally:
        client.meta.events.unregister(event, answer)


def there(cloud):
    """Key pairs and groups of awstune's in the account."""
    pairs = [one["KeyName"] for one in cloud.ec2.describe_key_pairs()["KeyPairs"]]
    groups = [one["GroupName"] for one in cloud.ec2.describe_security_groups()["SecurityGroups"]]
    return sorted([*pairs, *(name for name in groups if name != "default")])


@pytest.mark.parametrize(
    "operation", ["ImportKeyPair", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "RunInstances"]
)
def test_what_was_made_for_nothing_is_removed(cloud, keys_dir, operation):
    """Key pair, group and key file go again; AWS's own words are what is said, and nothing else."""
    plan, client = planned(cloud, keys_dir), cloud.launcher if operation == "RunInstances" else cloud.ec2
    with refused(client, operation), pytest.raises(CloudError) as caught:
        list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    assert caught.value.message == f"AWS refused {operation}: InvalidParameterValue: No"
    assert there(cloud) == []
    assert list(keys_dir.glob("*.pem")) == []
    launched(cloud, keys_dir)
    only(cloud)


def test_it_is_told(cloud, keys_dir):
    """Each thing that goes again is an event of its own."""
    told = []
    story = launch.apply(cloud, planned(cloud, keys_dir), keys_dir)
    with refused(cloud.launcher, "RunInstances"), pytest.raises(CloudError):
        told += story  # what comes before the error is kept
    assert [one.kind for one in told if isinstance(one, events.Removed)] == ["security-group", "key-pair"]


def test_what_cannot_be_removed_is_named(cloud, keys_dir):
    """Where AWS refuses the undoing too, the message says what stands, and the hint how to remove it."""
    no_delete = refused(cloud.ec2, "DeleteSecurityGroup", "Blocked")
    with refused(cloud.launcher, "RunInstances"), no_delete, pytest.raises(CloudError) as caught:
        launched(cloud, keys_dir)
    said = "the security group and the key pair awstune-lab could not be removed again, and costs nothing"
    assert said in caught.value.message
    assert caught.value.hint.endswith("awstune terminate lab removes it")
    assert there(cloud) == ["awstune-lab", "awstune-lab"]
    list(end.clean(cloud, "lab", keys_dir))
    assert there(cloud) == []


def test_what_was_there_before_stays(cloud, keys_dir):
    """A key file of this machine's is not this launch's; nor is what a fleet's other instances use."""
    public = keys.generate(keys.key_path(keys_dir, "awstune-lab", "us-east-1"))
    with refused(cloud.launcher, "RunInstances"), pytest.raises(CloudError):
        launched(cloud, keys_dir)
    assert there(cloud) == []
    assert keys.read_public(keys.key_path(keys_dir, "awstune-lab", "us-east-1")) == public
    launched(cloud, keys_dir, count=2)
    with refused(cloud.launcher, "RunInstances"), pytest.raises(CloudError):
        launched(cloud, keys_dir, count=3)
    assert there(cloud) == ["awstune-lab", "awstune-lab"]


def test_an_error_after_aws_has_acted(cloud, keys_dir):
    """Its "internal error" may come with an instance that does not show yet: its only key stays, as all does.

    What was asked is kept, too, so that the next launch asks with the same token.
    """
    plan = planned(cloud, keys_dir)

    def late(**_):
        raise ClientError({"Error": {"Code": "InternalError", "Message": "No."}}, "RunInstances")

    cloud.launcher.meta.events.register("after-call.ec2.RunInstances", late)
    try:
        with pytest.raises(CloudError) as caught:
            list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    finally:
        cloud.launcher.meta.events.unregister("after-call.ec2.RunInstances", late)
    assert caught.value.message == "AWS refused RunInstances: InternalError: No"
    assert there(cloud) == ["awstune-lab", "awstune-lab"]
    assert keys.key_path(keys_dir, "awstune-lab", "us-east-1").exists()
    path = intent.intent_path(keys_dir, "lab", "us-east-1")
    again = intent.taken_up(path, plan.launches[0].wishes, time.time())
    # moto makes one for each call, whatever its token.
    tokens = {one.token for one in instances.own(cloud)}
    assert tokens == {again.request["ClientToken"]}


def test_a_fleet_of_which_nobody_knows_all(cloud, keys_dir):
    """One is refused for good and one is not heard of: nothing is removed, whichever error is told."""
    plan, both = planned(cloud, keys_dir, count=2), threading.Barrier(2)
    unheard = ConnectionClosedError(endpoint_url="https://ec2.us-east-1.amazonaws.com")

    def answer(params, **_):
        with suppress(threading.BrokenBarrierError):  # the second try of the other one is alone
            both.wait(PATIENCE_S)
        both.abort()
        if "awstune-lab-1" in params["body"].values():
            raise ClientError({"Error": {"Code": "VcpuLimitExceeded", "Message": "No."}}, "RunInstances")
        raise unheard

    cloud.launcher.meta.events.register_first("before-call.ec2.RunInstances", answer)
    try:
        with pytest.raises(CloudError):
            list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    finally:
        cloud.launcher.meta.events.unregister("before-call.ec2.RunInstances", answer)
    assert there(cloud) == ["awstune-lab", "awstune-lab"]
    assert keys.key_path(keys_dir, "awstune-lab", "us-east-1").exists()


def test_a_fleet_of_which_one_is_not_heard_of(cloud, keys_dir):
    """The others are launched and named; that there may be more, which cost, is said."""
    plan, answered = planned(cloud, keys_dir, count=2), threading.Event()
    unheard = ConnectionClosedError(endpoint_url="https://ec2.us-east-1.amazonaws.com")

    def answer(params, **_):
        if "awstune-lab-2" in params["body"].values():
            assert answered.wait(PATIENCE_S)
            raise unheard

    hooks = cloud.launcher.meta.events
    hooks.register_first("before-call.ec2.RunInstances", answer)
    hooks.register("after-call.ec2.RunInstances", lambda **_: answered.set(), unique_id="answered")
    try:
        with pytest.raises(launch.PartLaunched) as caught:
            list(launch.apply(cloud, plan, keys_dir, sleep=lambda _: None))
    finally:
        hooks.unregister("before-call.ec2.RunInstances", answer)
        hooks.unregister("after-call.ec2.RunInstances", unique_id="answered")
    assert caught.value.message.startswith("1 of 2 are launched (lab-1), then: no answer from AWS")
    more = "; AWS may have accepted more, which cost, too: awstune ls shows them"
    assert caught.value.message.endswith(more)


def test_another_machine_with_the_same_key(cloud, keys_dir, tmp_path):
    """It has launched that name meanwhile: what its instance uses stays, and the instance is named."""
    keys.generate(tmp_path / "own.pem")
    here, late = {"key": str(tmp_path / "own.pem")}, tmp_path / "late"
    plan = planned(cloud, late, **here)
    launched(cloud, keys_dir, **here)
    with refused(cloud.launcher, "RunInstances"), pytest.raises(CloudError) as caught:
        list(launch.apply(cloud, plan, late))
    assert "yet lab is there, goes on and costs" in caught.value.message
    assert "awstune terminate lab ends it" in caught.value.hint
    assert there(cloud) == ["awstune-lab", "awstune-lab"]


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_instance_that_ends_while_it_is_looked_at(cloud, keys_dir, forgotten):
    """Its end from outside was still to be made: it is said that it is gone, and what removes the rest."""
    launched(cloud, keys_dir)
    (one,) = instances.own(cloud)
    cloud.ec2.terminate_instances(InstanceIds=[one.id])
    id_ = "i-0123456789abcdef0" if forgotten else one.id
    plan = Plan("us-east-1", (ArmBackstop("lab", "lab", id_, "stop"),), existing=(one,))
    with pytest.raises(InstanceDied) as caught:
        list(launch.apply(cloud, plan, keys_dir))
    assert caught.value.message == f"lab ({id_}) has just ended, so it costs nothing more"
    assert "awstune terminate lab removes what is left" in caught.value.hint
    list(end.clean(cloud, "lab", keys_dir))
    assert there(cloud) == []


def test_somebody_elses_pair_of_that_name(cloud, keys_dir):
    """AWS has another key under the name since the plan was made: it stays, and no key is left here."""
    plan = planned(cloud, keys_dir)
    cloud.ec2.create_key_pair(KeyName="awstune-lab")
    with pytest.raises(CloudError, match="Duplicate"):
        list(launch.apply(cloud, plan, keys_dir))
    assert there(cloud) == ["awstune-lab"]
    assert list(keys_dir.glob("*.pem")) == []

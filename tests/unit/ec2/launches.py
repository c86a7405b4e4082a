"""A launch on the mocked account, and what AWS then shows of it."""

import base64
import time

import yaml

from awstune.ec2 import instances, launch, prices, restart, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted

HERE = "203.0.113.7/32"
G4 = {"type": "g4dn.xlarge"}


def checkip(url):
    """Where the caller seems to be."""
    assert url == "https://checkip.amazonaws.com"
    return "203.0.113.7\n"


def planned(cloud, keys_dir, **wishes):
    """The plan of a g4dn.xlarge called lab, or of other wishes."""
    wanted = Wanted(**({"name": "lab"} | G4 | wishes))
    return make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=checkip))


def launched(cloud, keys_dir, **wishes):
    """That plan, applied: its events."""
    return list(launch.apply(cloud, planned(cloud, keys_dir, **wishes), keys_dir))


def started(cloud, *, now=time.time, **typed):
    """The stopped instance called lab, started again: its events."""
    proposed = restart.propose(instances.find(cloud, "lab"), prices.shipped(), now(), **typed)
    return list(restart.apply(cloud, [proposed], now=now))


def only(cloud):
    """The one instance that there is, in AWS's words."""
    found = [
        facts
        for reservation in cloud.ec2.describe_instances()["Reservations"]
        for facts in reservation["Instances"]
    ]
    assert len(found) == 1
    return found[0]


def tags_of(facts):
    """Tags by key."""
    return {tag["Key"]: tag["Value"] for tag in facts["Tags"]}


def user_data_of(cloud, id_):
    """The cloud-config that an instance was given."""
    attribute = cloud.ec2.describe_instance_attribute(InstanceId=id_, Attribute="userData")
    return yaml.safe_load(base64.b64decode(attribute["UserData"]["Value"]))

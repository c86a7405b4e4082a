"""Two hundred simulated instances: what a poller of many has to live with."""

import collections

import pytest

from awstune.localcloud import client, lifecycle
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("key_file")]
SIZE = 200
ROOM = SIZE + 50  # other tests' instances count too


@pytest.fixture
def simulated(cloud):
    """Instances without processes for the rest of the test, and a quota that allows many."""
    client.call(cloud, "PUT", "/awstune/quotas/L-417A185B", {"value": 4 * ROOM})
    pace = {"boot_s": [0, 0.5], "checks_s": [0, 0.5], "end_s": [0, 0.1]}
    client.call(cloud, "PUT", "/awstune/simulated", pace)
    yield
    client.call(cloud, "DELETE", "/awstune/simulated")
    client.call(cloud, "PUT", "/awstune/quotas/L-417A185B", {"value": 64})


def test_a_fleet_lives_and_ends(simulated, cloud, ec2, course_image):
    """All are launched in one call, each runs and passes its checks in its own time, and all end."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "fleet", "Value": "one"}]}]
    wishes = {"ImageId": course_image, "InstanceType": "p2.xlarge", "KeyName": "lab"}
    answer = ec2.run_instances(**wishes, MinCount=SIZE, MaxCount=SIZE, TagSpecifications=tags)
    ids = [one["InstanceId"] for one in answer["Instances"]]
    assert len(set(ids)) == SIZE

    def checks():
        pages = [
            ec2.describe_instance_status(InstanceIds=ids[start : start + 100], IncludeAllInstances=True)
            for start in (0, 100)
        ]
        return collections.Counter(
            one["InstanceStatus"]["Status"] for page in pages for one in page["InstanceStatuses"]
        )

    until(lambda: checks()["ok"] == SIZE, "all to pass their checks")
    mine = [one for one in lifecycle.instances(cloud) if one["id"] in ids]
    assert all(one["ready_at"] for one in mine)
    assert {one["pid"] for one in mine} == {cloud.pid}
    ec2.terminate_instances(InstanceIds=ids)
    until(lambda: checks()["not-applicable"] == SIZE, "all to stop running")

    def states():
        return {one["state"] for one in lifecycle.instances(cloud) if one["id"] in ids}

    until(lambda: states() == {"terminated"}, "all to be terminated")


def test_a_launch_beyond_the_quota_starts_nothing(simulated, ec2, course_image):
    """What goes beyond the quota is refused whole, and nothing starts."""
    wishes = {
        "ImageId": course_image,
        "InstanceType": "p2.xlarge",
        "KeyName": "lab",
        "ClientToken": "too-many",
    }
    with pytest.raises(ec2.exceptions.ClientError, match="VcpuLimitExceeded"):
        ec2.run_instances(**wishes, MinCount=ROOM + 1, MaxCount=ROOM + 1)
    filters = [{"Name": "client-token", "Values": ["too-many"]}]
    assert ec2.describe_instances(Filters=filters)["Reservations"] == []

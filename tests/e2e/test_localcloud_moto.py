"""The promises that the embedded cloud keeps over moto's own behaviour, seen through boto3."""

import base64
import sys
import threading

import pytest
from botocore.exceptions import ClientError

from awstune import names
from tests.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(ec2, course_image, key_file):
    """RunInstances with whatever is wished; everything is terminated afterwards."""
    ids = []

    def launch(**wishes):
        wishes = {"InstanceType": "p2.xlarge", "KeyName": "lab", "MinCount": 1, "MaxCount": 1} | wishes
        answer = ec2.run_instances(ImageId=wishes.pop("ImageId", course_image), **wishes)
        ids.extend(i["InstanceId"] for i in answer["Instances"])
        return answer

    yield launch
    if ids:
        ec2.terminate_instances(InstanceIds=ids)


class TestLaunch:
    """RunInstances."""

    def test_as_many_as_max_count(self, run):
        """MaxCount decides how many start, each with its own address."""
        answer = run(MinCount=1, MaxCount=2)
        assert len(answer["Instances"]) == 2

    def test_addresses_are_distinct_and_on_loopback(self, run, ec2):
        """Each instance has a public address of 127/8 of its own."""
        ids = [i["InstanceId"] for i in run(MaxCount=2)["Instances"]]
        shown = ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
        addresses = {i["PublicIpAddress"] for i in shown}
        assert all(address.startswith("127.") for address in addresses)
        assert len(addresses) == (2 if sys.platform == "linux" else 1)

    def test_a_client_token_launches_once(self, run):
        """The same wishes under the same token are the same instance."""
        first = run(ClientToken="once-1")
        again = run(ClientToken="once-1")
        assert [i["InstanceId"] for i in first["Instances"]] == [i["InstanceId"] for i in again["Instances"]]

    def test_a_client_token_with_other_wishes_is_refused(self, run):
        """Other wishes under a used token are IdempotentParameterMismatch."""
        run(ClientToken="once-2")
        with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
            run(ClientToken="once-2", InstanceType="g4dn.xlarge")

    def test_a_token_that_failed_may_be_used_again(self, run):
        """A launch that was refused leaves its token unused."""
        with pytest.raises(ClientError, match="InvalidInstanceType"):
            run(ClientToken="once-3", InstanceType="p9.huge")
        assert run(ClientToken="once-3")["Instances"]

    def test_a_dry_run_launches_nothing(self, run, ec2):
        """DryRun answers DryRunOperation, and the token stays unused."""
        with pytest.raises(ClientError, match="DryRunOperation"):
            run(DryRun=True, ClientToken="once-4")
        filters = [{"Name": "client-token", "Values": ["once-4"]}]
        assert ec2.describe_instances(Filters=filters)["Reservations"] == []

    @pytest.mark.parametrize(
        ("wish", "code"),
        [
            ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
            ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
            ({"InstanceType": "p9.huge"}, "InvalidInstanceType.NotFound"),
            ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ],
    )
    def test_what_is_not_there_is_refused(self, run, wish, code):
        """A wish for an image, key, type or group that is not there is AWS's own error."""
        with pytest.raises(ClientError) as refused:
            run(**wish)
        assert refused.value.response["Error"]["Code"] == code

    def test_wishes_are_kept(self, run, ec2):
        """Tags, metadata options, spot market and the encrypted volume are what was asked for."""
        disk = {"VolumeSize": 100, "VolumeType": "gp3", "Encrypted": True}
        tags = [{"Key": "awstune:name", "Value": "wished"}]
        answer = run(
            TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": disk}],
            InstanceMarketOptions={"MarketType": "spot"},
            InstanceInitiatedShutdownBehavior="terminate",
        )
        instance_id = answer["Instances"][0]["InstanceId"]
        filters = [{"Name": "tag:awstune:name", "Values": ["wished"]}]
        shown = ec2.describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]
        assert shown["MetadataOptions"]["HttpTokens"] == "required"
        assert shown["InstanceLifecycle"] == "spot"
        volume = ec2.describe_volumes(Filters=filters)["Volumes"][0]
        assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (100, "gp3", True)
        assert volume["Attachments"][0]["DeleteOnTermination"] is True
        attribute = "instanceInitiatedShutdownBehavior"
        answer = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute=attribute)
        assert answer["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


class TestTypes:
    """p2.xlarge, at home and elsewhere."""

    def test_it_is_described_at_home(self, ec2):
        """DescribeInstanceTypes tells of its GPU, in us-east-1."""
        found = ec2.describe_instance_types(InstanceTypes=["p2.xlarge"])["InstanceTypes"][0]
        assert found["GpuInfo"]["Gpus"][0]["Name"] == "K80"
        assert found["GpuInfo"]["TotalGpuMemoryInMiB"] == 12288
        assert found["VCpuInfo"]["DefaultVCpus"] == 4
        assert found["MemoryInfo"]["SizeInMiB"] == 62464

    @pytest.mark.parametrize("kind", ["region", "availability-zone", "availability-zone-id"])
    def test_it_is_offered_at_home_only(self, aws, kind):
        """DescribeInstanceTypeOfferings has it in us-east-1, and nowhere else."""
        filters = [{"Name": "instance-type", "Values": ["p2.xlarge", "g4dn.xlarge"]}]

        def offered(region):
            answer = aws("ec2", region).describe_instance_type_offerings(LocationType=kind, Filters=filters)
            return {offer["InstanceType"] for offer in answer["InstanceTypeOfferings"]}

        assert offered("us-east-1") == {"p2.xlarge", "g4dn.xlarge"}
        assert offered("eu-west-1") == {"g4dn.xlarge"}

    def test_elsewhere_it_is_unknown(self, aws):
        """Describing or launching it in another region is InvalidInstanceType."""
        ec2 = aws("ec2", "eu-west-1")
        with pytest.raises(ClientError, match="InvalidInstanceType"):
            ec2.describe_instance_types(InstanceTypes=["p2.xlarge"])
        image = ec2.describe_images()["Images"][0]["ImageId"]
        with pytest.raises(ClientError, match=r"InvalidInstanceType|KeyPair"):
            ec2.run_instances(ImageId=image, InstanceType="p2.xlarge", MinCount=1, MaxCount=1)
        names_there = {t["InstanceType"] for t in _all_types(ec2)}
        assert "p2.xlarge" not in names_there
        assert "g4dn.xlarge" in names_there


class TestImages:
    """The course's image and a current one."""

    def test_the_courses_image_is_hidden_unless_asked_for(self, ec2, course_image):
        """A deprecated image is found by its id or with IncludeDeprecated only."""
        assert names.COURSE_AMI not in {i["Name"] for i in ec2.describe_images()["Images"]}
        by_id = ec2.describe_images(ImageIds=[course_image])["Images"][0]
        assert (by_id["Name"], by_id["OwnerId"]) == (names.COURSE_AMI, "898082745236")
        assert by_id["DeprecationTime"].startswith("2021-")

    def test_the_current_image_is_found_by_its_name(self, ec2):
        """The owner's newest image for these types is found by a glob."""
        glob = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.* (Ubuntu 24.04)*"
        filters = [{"Name": "name", "Values": [glob]}, {"Name": "state", "Values": ["available"]}]
        images = ec2.describe_images(Owners=["898082745236"], Filters=filters)["Images"]
        assert len(images) == 1
        assert images[0]["CreationDate"].startswith("2026-")

    def test_an_image_tells_its_size(self, ec2, course_image):
        """The root disk that an image needs is in its description."""
        image = ec2.describe_images(ImageIds=[course_image])["Images"][0]
        root = next(m for m in image["BlockDeviceMappings"] if m["DeviceName"] == image["RootDeviceName"])
        assert root["Ebs"]["VolumeSize"] == 75
        assert root["Ebs"]["DeleteOnTermination"] is True


class TestGroups:
    """Security groups."""

    def test_one_in_use_is_not_deleted(self, run, ec2):
        """A group that an instance has is a DependencyViolation until the instance is gone."""
        group = ec2.create_security_group(GroupName="in-use", Description="d")["GroupId"]
        instance_id = run(SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_security_group(GroupId=group)
        ec2.terminate_instances(InstanceIds=[instance_id])

        def state():
            answer = ec2.describe_instances(InstanceIds=[instance_id])
            return answer["Reservations"][0]["Instances"][0]["State"]["Name"]

        until(lambda: state() == "terminated", "the instance to be terminated")
        ec2.delete_security_group(GroupId=group)

    def test_one_that_another_names_is_not_deleted(self, ec2):
        """A group that another group's rule names is a DependencyViolation."""
        first = ec2.create_security_group(GroupName="first", Description="d")["GroupId"]
        second = ec2.create_security_group(GroupName="second", Description="d")["GroupId"]
        pair = {"UserIdGroupPairs": [{"GroupId": first}], "IpProtocol": "-1"}
        ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=[pair])
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_security_group(GroupId=first)
        ec2.delete_security_group(GroupId=second)
        ec2.delete_security_group(GroupId=first)

    def test_one_that_names_itself_may_go(self, ec2):
        """A self-referencing rule does not keep a group."""
        group = ec2.create_security_group(GroupName="own", Description="d")["GroupId"]
        pair = {"UserIdGroupPairs": [{"GroupId": group}], "IpProtocol": "-1"}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[pair])
        ec2.delete_security_group(GroupId=group)


class TestForms:
    """What AWS refuses for its form alone."""

    def test_descriptions(self, ec2):
        """A group's and a rule's words have AWS's letters only."""
        with pytest.raises(ClientError, match="Invalid security group description"):
            ec2.create_security_group(GroupName="worded", Description="one's own")
        group = ec2.create_security_group(GroupName="worded", Description="own")["GroupId"]
        ranges = [{"CidrIp": "127.0.0.0/8", "Description": "it's"}]
        rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}
        with pytest.raises(ClientError, match="Invalid rule description"):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        ec2.delete_security_group(GroupId=group)

    def test_user_data_and_tags(self, run, ec2):
        """User-data beyond 16 KB is refused, and so is a tag that is too long."""
        with pytest.raises(ClientError, match="limited to 16384 bytes"):
            run(UserData="x" * 16385)
        instance_id = run()["Instances"][0]["InstanceId"]
        with pytest.raises(ClientError, match="maximum length of 256"):
            ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "k", "Value": "v" * 257}])


def test_tags_may_come_while_others_look(run, ec2, aws):
    """Tagging and describing at the same time never fails."""
    instance_id = run()["Instances"][0]["InstanceId"]
    stop = threading.Event()

    def tag():
        mine = aws("ec2")
        for number in range(40):
            mine.create_tags(Resources=[instance_id], Tags=[{"Key": f"k{number}", "Value": "v"}])
        stop.set()

    thread = threading.Thread(target=tag)
    thread.start()
    while not stop.is_set():
        ec2.describe_instances(InstanceIds=[instance_id])
    thread.join()
    shown = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert {f"k{number}" for number in range(40)} <= {tag["Key"] for tag in shown["Tags"]}


def test_filters_that_moto_lacks(run, ec2):
    """Filters by client token and lifecycle are answered."""
    run(ClientToken="filtered", InstanceMarketOptions={"MarketType": "spot"})
    by_token = [{"Name": "client-token", "Values": ["filtered"]}]
    found = ec2.describe_instances(Filters=by_token)["Reservations"]
    assert len(found) == 1
    by_life = [{"Name": "instance-lifecycle", "Values": ["spot"]}]
    assert ec2.describe_instances(Filters=by_life)["Reservations"]


def test_user_data_that_is_not_base64_is_sent_as_such(run, ec2):
    """What boto3 encodes is what the instance gets."""
    instance_id = run(UserData="#!/bin/sh\ntrue\n")["Instances"][0]["InstanceId"]
    answer = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]) == b"#!/bin/sh\ntrue\n"


def _all_types(ec2):
    return [
        one
        for page in ec2.get_paginator("describe_instance_types").paginate()
        for one in page["InstanceTypes"]
    ]

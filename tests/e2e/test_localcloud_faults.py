"""The embedded cloud's ways to fail on purpose, as boto3 meets them."""

import base64
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from awstune import errors
from awstune.localcloud import client
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("key_file")]
PARAMETER = "/aws/service/deeplearning/ami/x86_64/{}/latest/ami-id"


def _quotas(aws):
    return aws("service-quotas").list_service_quotas(ServiceCode="ec2")


@pytest.fixture
def rule(cloud):
    """Adds a rule for the rest of the test."""
    added = []

    def add(**words):
        answer = client.call(cloud, "POST", "/awstune/rules", words)
        added.append(answer["id"])
        return answer["id"]

    yield add
    for one in added:
        client.call(cloud, "DELETE", f"/awstune/rules/{one}")


@pytest.fixture
def quota(cloud):
    """Sets a quota for the rest of the test."""
    changed = []

    def set_to(code, value):
        changed.append(code)
        client.call(cloud, "PUT", f"/awstune/quotas/{code}", {"value": value})

    yield set_to
    for code in changed:
        client.call(cloud, "PUT", f"/awstune/quotas/{code}", {"value": 64})


def struck(cloud, rule_id):
    """How often a rule has struck."""
    return next(one["struck"] for one in client.call(cloud, "GET", "/awstune/rules") if one["id"] == rule_id)


class TestErrors:
    """Answers other than AWS's success."""

    @pytest.mark.parametrize(
        ("service", "action", "call", "status"),
        [
            ("ec2", "DescribeKeyPairs", lambda aws: aws("ec2").describe_key_pairs(), 503),
            ("sts", "GetCallerIdentity", lambda aws: aws("sts").get_caller_identity(), 400),
            ("servicequotas", "ListServiceQuotas", _quotas, 429),
        ],
    )
    def test_in_every_protocol(self, rule, aws, *, service, action, call, status):
        """The code, message and status arrive as that service's client reads them."""
        rule(
            service=service,
            action=action,
            error="RequestLimitExceeded",
            message="slow down",
            status=status,
            times=1,
        )
        with pytest.raises(ClientError) as failed:
            call(aws)
        answer = failed.value.response
        assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("RequestLimitExceeded", "slow down")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
        call(aws)

    def test_by_zone(self, rule, ec2, course_image):
        """Capacity may be missing in one zone and there in the next."""
        zone = {"Placement.AvailabilityZone": "us-east-1a"}
        rule(
            service="ec2",
            action="RunInstances",
            params=zone,
            error="InsufficientInstanceCapacity",
            status=500,
        )

        def run(zone):
            return ec2.run_instances(
                ImageId=course_image,
                InstanceType="p2.xlarge",
                KeyName="lab",
                MinCount=1,
                MaxCount=1,
                Placement={"AvailabilityZone": zone},
            )["Instances"][0]["InstanceId"]

        with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
            run("us-east-1a")
        ec2.terminate_instances(InstanceIds=[run("us-east-1b")])

    def test_by_region(self, rule, aws):
        """A rule may strike one region and leave the others alone."""
        rule(service="ec2", region="eu-west-1", error="UnauthorizedOperation", status=403)
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            aws("ec2", "eu-west-1").describe_key_pairs()
        aws("ec2", "eu-west-2").describe_key_pairs()


class TestConnections:
    """A network that breaks."""

    def test_reset(self, rule, ec2, cloud):
        """The connection is cut before anything happens."""
        one = rule(service="ec2", action="CreateSecurityGroup", reset=True, times=1)
        with pytest.raises((ConnectionClosedError, ConnectionError)):
            ec2.create_security_group(GroupName="cut", Description="d")
        assert struck(cloud, one) == 1
        filters = [{"Name": "group-name", "Values": ["cut"]}]
        assert ec2.describe_security_groups(Filters=filters)["SecurityGroups"] == []

    def test_lost_after_commit(self, rule, ec2):
        """The call has acted; only its answer is lost."""
        rule(service="ec2", action="CreateSecurityGroup", after_commit=True, reset=True, times=1)
        with pytest.raises((ConnectionClosedError, ConnectionError)):
            ec2.create_security_group(GroupName="committed", Description="d")
        filters = [{"Name": "group-name", "Values": ["committed"]}]
        found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        assert len(found) == 1
        ec2.delete_security_group(GroupId=found[0]["GroupId"])

    def test_error_after_commit(self, rule, ec2):
        """The call has acted, and its answer says that it failed."""
        rule(
            service="ec2",
            action="CreateSecurityGroup",
            after_commit=True,
            error="InternalError",
            status=500,
            times=1,
        )
        with pytest.raises(ClientError, match="InternalError"):
            ec2.create_security_group(GroupName="both", Description="d")
        filters = [{"Name": "group-name", "Values": ["both"]}]
        found = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        ec2.delete_security_group(GroupId=found[0]["GroupId"])

    def test_delay(self, rule, ec2, cloud):
        """A slow answer comes in the end."""
        one = rule(service="ec2", action="DescribeKeyPairs", delay_s=0.05, times=1)
        ec2.describe_key_pairs()
        assert struck(cloud, one) == 1


class TestLives:
    """Rules about an instance's own life."""

    def test_a_slow_boot_and_slow_checks(self, rule, launcher, cloud):
        """A delay holds a step back, and no other."""
        boot = rule(service="instance", action="boot", delay_s=600, times=1)
        ready = rule(service="instance", action="ready", delay_s=600, times=1)
        with launcher() as host:
            until(lambda: struck(cloud, ready), "cloud-init to be done")
            assert host.state == "pending"
            client.call(cloud, "DELETE", f"/awstune/rules/{boot}")
            host.reaches("running")
            assert host.checks == "initializing"
            client.call(cloud, "DELETE", f"/awstune/rules/{ready}")
            host.is_ready()

    def test_a_death_of_ones_choice(self, rule, launcher):
        """An instance may end with any of AWS's reasons, by its tags."""
        code = "Client.VolumeLimitExceeded"
        rule(
            service="instance",
            action="boot",
            params={"tag:doomed": "yes"},
            error=code,
            message=f"{code}: Limit",
        )
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "doomed", "Value": "yes"}]}]
        with launcher(TagSpecifications=tags) as host:
            host.reaches("terminated")
            assert host.shown["StateReason"] == {"Code": code, "Message": f"{code}: Limit"}


class TestQuotas:
    """Quotas are answered, and held to."""

    def test_answered(self, aws):
        """The quota that p2.xlarge counts against is a number of vCPUs."""
        quotas = aws("service-quotas")
        one = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-417A185B")["Quota"]
        assert (one["QuotaName"], one["Value"]) == ("Running On-Demand P instances", 64.0)
        codes = {q["QuotaCode"] for q in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]}
        assert {"L-417A185B", "L-DB2E81BA", "L-7212CCBC", "L-3819A6DF"} <= codes

    def test_unknown(self, aws):
        """A quota that EC2 does not have is NoSuchResourceException."""
        with pytest.raises(ClientError, match="NoSuchResourceException"):
            aws("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-0")

    def test_asked_for_more(self, aws):
        """A request for more is pending, and can be looked up."""
        quotas = aws("service-quotas")
        words = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
        quotas.request_service_quota_increase(**words, DesiredValue=96)
        history = quotas.list_requested_service_quota_change_history_by_quota(**words)["RequestedQuotas"]
        assert [(one["DesiredValue"], one["Status"]) for one in history] == [(96.0, "PENDING")]

    @pytest.mark.parametrize(
        ("code", "market", "error"),
        [
            ("L-417A185B", {}, "VcpuLimitExceeded"),
            ("L-7212CCBC", {"MarketType": "spot"}, "MaxSpotInstanceCountExceeded"),
        ],
    )
    def test_held_to(self, quota, ec2, course_image, *, code, market, error):
        """A launch beyond the quota of its family and market is refused."""
        quota(code, 0)
        wishes = {"InstanceMarketOptions": market} if market else {}
        with pytest.raises(ClientError, match=error):
            ec2.run_instances(
                ImageId=course_image,
                InstanceType="p2.xlarge",
                KeyName="lab",
                MinCount=1,
                MaxCount=1,
                **wishes,
            )

    def test_an_unknown_quota_cannot_be_set(self, cloud):
        """Setting a quota that is not there is an error."""
        with pytest.raises(errors.CloudError, match="L-0"):
            client.call(cloud, "PUT", "/awstune/quotas/L-0", {"value": 1})


class TestAnswers:
    """What moto does not have."""

    def test_image_parameter(self, aws, ec2):
        """The public parameter of the current image names an image that is there."""
        name = PARAMETER.format("oss-nvidia-driver-gpu-pytorch-2.8-ubuntu-24.04")
        image = aws("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        assert "PyTorch 2.8" in ec2.describe_images(ImageIds=[image])["Images"][0]["Name"]

    def test_unknown_image_parameter(self, aws):
        """One that is not there is ParameterNotFound."""
        name = PARAMETER.format("other")
        with pytest.raises(ClientError, match="ParameterNotFound"):
            aws("ssm").get_parameter(Name=name)

    def test_price(self, aws):
        """The Price List API tells what an hour costs."""
        filters = [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p2.xlarge"}]
        answer = aws("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)
        product = json.loads(answer["PriceList"][0])
        term = next(iter(product["terms"]["OnDemand"].values()))
        price = next(iter(term["priceDimensions"].values()))["pricePerUnit"]["USD"]
        assert float(price) == 0.9

    def test_disk_smaller_than_the_image(self, ec2, course_image):
        """A root disk that the image does not fit on is refused."""
        disk = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8}}]
        with pytest.raises(ClientError, match="InvalidBlockDeviceMapping"):
            ec2.run_instances(
                ImageId=course_image,
                InstanceType="p2.xlarge",
                KeyName="lab",
                MinCount=1,
                MaxCount=1,
                BlockDeviceMappings=disk,
            )

    def test_a_refusal_is_decoded(self, aws):
        """What a rule encodes in a refusal, STS decodes."""
        encoded = base64.b64encode(b'{"allowed": false}').decode()
        decoded = aws("sts").decode_authorization_message(EncodedMessage=encoded)
        assert decoded["DecodedMessage"] == '{"allowed": false}'
        with pytest.raises(ClientError, match="InvalidAuthorizationMessageException"):
            aws("sts").decode_authorization_message(EncodedMessage="no base64!")

    def test_spot_prices(self, ec2):
        """They are a part of the on-demand price, and of today."""
        rows = ec2.describe_spot_price_history(InstanceTypes=["p2.xlarge"])["SpotPriceHistory"]
        assert {row["AvailabilityZone"] for row in rows} >= {"us-east-1a", "us-east-1b"}
        assert all(0.1 < float(row["SpotPrice"]) < 0.9 for row in rows)
        assert all(abs((datetime.now(UTC) - row["Timestamp"]).total_seconds()) < 60 for row in rows)
        assert not ec2.describe_spot_price_history(InstanceTypes=["p4d.24xlarge"])["SpotPriceHistory"]

    def test_what_is_there_is_listed(self, cloud, launcher):
        """Every resource shows in moto's own state, and goes with the instance."""

        def kinds(instance_id):
            there = client.call(cloud, "GET", "/awstune/resources")
            return {one["kind"] for one in there if instance_id in (one["id"], "any")}, len(there)

        before = kinds("any")[1]
        with launcher() as host:
            host.is_ready()
            assert kinds(host.id) == ({"instance"}, before + 3)
        assert kinds(host.id) == (set(), before)

    def test_calls_are_counted(self, cloud, ec2):
        """How many calls there were can be asked, struck ones included."""
        before = client.call(cloud, "GET", "/awstune/calls").get("ec2:DescribeKeyPairs", 0)
        ec2.describe_key_pairs()
        assert client.call(cloud, "GET", "/awstune/calls")["ec2:DescribeKeyPairs"] == before + 1

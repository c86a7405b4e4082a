import pytest
from botocore.awsrequest import AWSResponse

from awstune import names
from awstune.ec2 import faults, images, instances, keys, launch, network, prices, survey
from awstune.ec2.wanted import Wanted
from awstune.errors import KeyFileError, NameTaken, NotOffered, UsageError
from tests.serving import Answering, serving
from tests.unit.ec2.conftest import COURSE_IMAGE, NEW_IMAGE
from tests.unit.ec2.launches import G4, HERE, launched, only, planned


def test_a_subnet_is_used(cloud, keys_dir):
    """--subnet: the instance and its group are in that subnet's network."""
    vpc = cloud.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    launched(cloud, keys_dir, subnet=subnet)
    assert only(cloud)["SubnetId"] == subnet
    group = cloud.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["awstune-lab"]}])[
        "SecurityGroups"
    ]
    assert group[0]["VpcId"] == vpc


def test_no_default_network_is_said_before_anything_is_made(cloud, keys_dir):
    """An account without a default network is told about --subnet."""
    for vpc in cloud.ec2.describe_vpcs()["Vpcs"]:
        for subnet in cloud.ec2.describe_subnets()["Subnets"]:
            cloud.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        cloud.ec2.delete_vpc(VpcId=vpc["VpcId"])
    with pytest.raises(UsageError) as caught:
        planned(cloud, keys_dir)
    assert "--subnet" in caught.value.hint


def test_a_key_of_ones_own(cloud, keys_dir, tmp_path):
    """--key: the PEM stays where it is, and the instance's key file is that one."""
    own = tmp_path / "course.pem"
    keys.generate(own)
    launched(cloud, keys_dir, key=str(own))
    found = instances.find(cloud, "lab")
    assert found.key_file(keys_dir).resolve() == own
    assert planned(cloud, keys_dir, key=str(own)).empty


def test_a_key_lost_on_this_disk(cloud, keys_dir):
    """Another laptop without the file: an error with the ways out, and nothing launched."""
    story = launch.apply(cloud, planned(cloud, keys_dir), keys_dir)
    next(story)
    (keys_dir / "awstune-lab-us-east-1.pem").unlink()
    with pytest.raises(KeyFileError, match="not on this machine"):
        planned(cloud, keys_dir)


def test_a_key_others_can_read_stops_the_launch(cloud, keys_dir):
    """The hint is chmod 600."""
    launched(cloud, keys_dir)
    (keys_dir / "awstune-lab-us-east-1.pem").chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read"):
        planned(cloud, keys_dir, count=2)


def test_other_wishes(cloud, keys_dir):
    """The tag says what the first launch asked for."""
    launched(cloud, keys_dir)
    with pytest.raises(NameTaken, match="ttl is 8h, not 1h"):
        planned(cloud, keys_dir, ttl_s=3600)


def test_a_region_without_the_courses_type(cloud, keys_dir):
    """p2.xlarge is offered nowhere in moto, as nearly everywhere at AWS: the nearest are named."""
    with pytest.raises(NotOffered, match=r"nearest: g4dn\.xlarge"):
        planned(cloud, keys_dir, type="p2.xlarge")
    assert not keys_dir.exists()


def test_or_similar_takes_the_nearest_and_an_image_that_fits(cloud, keys_dir):
    """--or-similar: a T4 with the newest image instead of a K80 with the course's."""
    step = planned(cloud, keys_dir, type="p2.xlarge", or_similar=True).launches[0]
    assert (step.type, step.image_id) == ("g4dn.xlarge", NEW_IMAGE)


def test_images_are_found_by_name_pattern_and_id(cloud, keys_dir):
    """The course's image by its exact name, the newest by pattern, any by id."""
    assert planned(cloud, keys_dir, image=names.COURSE_AMI).launches[0].image_id == COURSE_IMAGE
    assert planned(cloud, keys_dir, image="Deep Learning OSS*").launches[0].image_id == NEW_IMAGE
    assert planned(cloud, keys_dir, image=COURSE_IMAGE).launches[0].image == names.COURSE_AMI
    assert planned(cloud, keys_dir).launches[0].image_id == NEW_IMAGE


@pytest.mark.parametrize("query", ["ami-00000000000000bad", "No such image", "No such *"])
def test_an_image_that_is_not_there(cloud, keys_dir, query):
    """Said before anything is made."""
    with pytest.raises(UsageError, match="there is no image"):
        planned(cloud, keys_dir, image=query)


def test_the_callers_address_cannot_be_asked(cloud):
    """Where checkip does not answer, or answers nonsense, --ssh-from must be typed."""

    def offline(_):
        raise OSError("offline")

    for fetch in (offline, lambda _: "<html>", lambda _: "0.0.0.0/0"):
        with pytest.raises(UsageError) as caught:
            network.caller_cidr(cloud, None, fetch=fetch)
        assert "--ssh-from" in caught.value.hint
    with pytest.raises(UsageError, match="is no address range"):
        network.caller_cidr(cloud, "my house", fetch=offline)
    assert network.caller_cidr(cloud, "198.51.100.0/24", fetch=offline) == "198.51.100.0/24"


def test_an_image_by_its_parameter(cloud, keys_dir):
    """--ami ssm:/aws/...: the id that AWS keeps there; a parameter that is not there is said."""
    events_of = cloud.client("ssm").meta.events
    answer = (AWSResponse("", 200, {}, None), {"Parameter": {"Value": NEW_IMAGE}})
    asked = lambda **_: answer  # noqa: E731  # one line, used at once
    events_of.register("before-call.ssm.GetParameter", asked)
    try:
        assert planned(cloud, keys_dir, image="ssm:/aws/service/x").launches[0].image_id == NEW_IMAGE
    finally:
        events_of.unregister("before-call.ssm.GetParameter", asked)
    with pytest.raises(UsageError, match="there is no image"):
        planned(cloud, keys_dir, image="/aws/service/none")


def test_prices_may_be_given(cloud, keys_dir):
    """A table at hand is not asked for again; for spot the zones' prices are added."""
    wanted = Wanted("lab", **G4, market="spot", ssh_from=HERE)
    table = prices.shipped().with_types({})
    assert survey.look(cloud, wanted, keys_dir, table=table).prices is table
    assert survey.look(cloud, wanted, keys_dir).prices.usd_per_hour("g4dn.xlarge", "spot") < 0.526


def test_errors_that_are_nobodys_fault_are_handed_on(cloud, answering):
    """A refusal that means nothing else is never taken for absence."""
    answering("ssm", "GetParameter", "AccessDeniedException")
    answering("ec2", "DescribeImages", "UnauthorizedOperation")
    for query in ("ssm:/aws/service/x", COURSE_IMAGE):
        with pytest.raises(faults.NotPermitted):
            images.find_image(cloud, query, "g4dn.xlarge")
    answering("ec2", "AuthorizeSecurityGroupIngress", "UnauthorizedOperation")
    answering("ec2", "RevokeSecurityGroupIngress", "UnauthorizedOperation")
    for change in (network.allow_ssh, network.revoke_ssh):
        with pytest.raises(faults.NotPermitted):
            change(cloud, "sg-1", HERE)


def test_the_address_is_fetched_without_a_proxy(monkeypatch):
    """What checkip says is the address that SSH comes from, not a proxy's."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    class Checkip(Answering):
        def get(self):
            self.answer(200, "203.0.113.7\n")

    with serving(Checkip) as server:
        assert network.fetch(f"{server.url}/").strip() == "203.0.113.7"


def test_a_pem_that_aws_knows_is_linked(cloud, keys_dir, tmp_path):
    """From another laptop with the same PEM: the pair stays as it is, this disk remembers the file."""
    own = tmp_path / "course.pem"
    keys.generate(own)
    launched(cloud, keys_dir, key=str(own))
    link = keys_dir / "awstune-lab-us-east-1.pem"
    link.unlink()
    told = launched(cloud, keys_dir, key=str(own), count=1, name="lab")
    assert told == []
    told = list(launch.apply(cloud, planned(cloud, keys_dir, key=str(own), count=2), keys_dir))
    assert told[0].step.action == "link-key"
    assert link.resolve() == own

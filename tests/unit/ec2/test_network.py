"""Who may knock, as AWS sees it: one's own address, a typed range, the group itself, and nobody else."""

import pytest

from awstune import names
from awstune.ec2 import end, instances, launch, network, survey
from awstune.ec2.plan import make_plan
from awstune.ec2.steps import JoinGroup
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError, UsageError
from tests.unit.ec2.launches import G4, HERE, launched, only, planned

MOVED = "198.51.100.9/32"


def _group(cloud, name="awstune-lab"):
    return network.find_group(cloud, name, network.network_of(cloud, None).vpc_id)


def _rules(cloud):
    """Every opening of the group: protocol, ports, and from where."""
    facts = cloud.ec2.describe_security_groups(GroupIds=[_group(cloud).id])["SecurityGroups"][0]
    return sorted(
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], source)
        for rule in facts["IpPermissions"]
        for source in (
            *(one["CidrIp"] for one in rule["IpRanges"]),
            *(one["CidrIpv6"] for one in rule.get("Ipv6Ranges", [])),
            *(one["GroupId"] for one in rule["UserIdGroupPairs"]),
        )
    )


def test_the_open_port_follows_its_owner(cloud, keys_dir):
    """A new address replaces the old one, in one's own groups only; a second look changes nothing."""
    launched(cloud, keys_dir)
    vpc = network.network_of(cloud, None).vpc_id
    theirs = cloud.ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    groups = [*instances.find(cloud, "lab").group_ids, theirs]
    assert network.refresh_ssh(cloud, groups, lambda: MOVED) == MOVED
    assert network.refresh_ssh(cloud, groups, lambda: MOVED) is None
    assert _rules(cloud) == [("tcp", 22, 22, MOVED)]
    assert _group(cloud, "theirs").ssh_from == frozenset()


def test_a_way_by_ipv6_replaces_one_by_ipv4(cloud, keys_dir):
    """The other address family counts as a change as well."""
    launched(cloud, keys_dir)
    ids = instances.find(cloud, "lab").group_ids
    assert network.refresh_ssh(cloud, ids, lambda: "2001:db8::7/128") == "2001:db8::7/128"
    assert _rules(cloud) == [("tcp", 22, 22, "2001:db8::7/128")]


def test_a_typed_range_stays(cloud, keys_dir):
    """--ssh-from is the user's word: whoever connects from elsewhere neither moves nor widens it."""
    launched(cloud, keys_dir, ssh_from="192.0.2.0/24")
    ids = instances.find(cloud, "lab").group_ids
    assert network.refresh_ssh(cloud, ids, pytest.fail) is None
    assert _rules(cloud) == [("tcp", 22, 22, "192.0.2.0/24")]


def test_a_fleet_reaches_itself_and_nobody_else(cloud, keys_dir):
    """--count N: all TCP from the group itself, port 22 from one's own address, no other opening."""
    launched(cloud, keys_dir, count=2)
    group = _group(cloud)
    assert _rules(cloud) == sorted([("tcp", 0, 65535, group.id), ("tcp", 22, 22, HERE)])
    assert group.joined
    assert group.ssh_from == {HERE}


def test_a_single_instance_has_no_such_rule(cloud, keys_dir):
    """One instance needs none; it comes when the same NAME becomes a fleet."""
    launched(cloud, keys_dir)
    assert _rules(cloud) == [("tcp", 22, 22, HERE)]
    plan = planned(cloud, keys_dir, count=2)
    assert [step for step in plan.steps if isinstance(step, JoinGroup)]
    list(launch.apply(cloud, plan, keys_dir))
    assert _group(cloud).joined


def test_a_group_that_stays_is_shut(cloud, keys_dir):
    """At the end every opening is revoked before the group goes: one that AWS keeps admits nobody."""
    launched(cloud, keys_dir, count=2)
    group = _group(cloud)
    gone = []
    events = cloud.ec2.meta.events

    def look(**_):
        gone.append(_rules(cloud))

    events.register("before-call.ec2.DeleteSecurityGroup", look)
    try:
        list(end.terminate(cloud, instances.own(cloud), keys_dir, sleep=lambda _: None))
    finally:
        events.unregister("before-call.ec2.DeleteSecurityGroup", look)
    assert gone == [[]]
    assert not cloud.ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group.id]}])[
        "SecurityGroups"
    ]


@pytest.fixture
def no_default(cloud):
    """An account without a default network, with one network of its own: its id and a private subnet's."""
    for vpc in cloud.ec2.describe_vpcs()["Vpcs"]:
        for subnet in cloud.ec2.describe_subnets()["Subnets"]:
            cloud.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        cloud.ec2.delete_vpc(VpcId=vpc["VpcId"])
    vpc = cloud.ec2.create_vpc(CidrBlock="10.7.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    # moto makes a zone's first subnet its default one.
    cloud.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
    return vpc, subnet


def test_a_subnet_where_there_is_no_default_network(cloud, keys_dir, no_default):
    """--subnet alone is enough: the group is made in its network, and the plan says how it is reached."""
    vpc, subnet = no_default
    plan = planned(cloud, keys_dir, subnet=subnet)
    assert any("gives no public address" in line for line in plan.prose())
    list(launch.apply(cloud, plan, keys_dir))
    facts = only(cloud)
    assert (facts["SubnetId"], facts["VpcId"]) == (subnet, vpc)
    assert "PublicIpAddress" not in facts
    assert instances.find(cloud, "lab").address == facts["PrivateIpAddress"]
    list(end.terminate(cloud, instances.own(cloud), keys_dir, sleep=lambda _: None))
    assert network.find_group(cloud, "awstune-lab", vpc) is None


def test_a_group_of_ones_own_needs_its_network(cloud, keys_dir, no_default):
    """--security-group without --subnet there, or of another network, is refused at once."""
    vpc, subnet = no_default
    mine = cloud.ec2.create_security_group(GroupName="mine", Description="x", VpcId=vpc)["GroupId"]
    with pytest.raises(UsageError, match="no default network"):
        planned(cloud, keys_dir, security_group=mine)
    launched(cloud, keys_dir, security_group=mine, subnet=subnet)
    assert [one["GroupId"] for one in only(cloud)["SecurityGroups"]] == [mine]
    other = cloud.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    far = cloud.ec2.create_security_group(GroupName="far", Description="x", VpcId=other)["GroupId"]
    with pytest.raises(UsageError, match=rf"{far} is in {other}"):
        planned(cloud, keys_dir, name="b", security_group=far, subnet=subnet)


def test_a_jump_host_makes_a_private_subnet_usable(cloud, keys_dir, no_default):
    """--ssh-jump: remembered in a tag, said in the plan, and SSH goes to the private address."""
    _, subnet = no_default
    plan = planned(cloud, keys_dir, subnet=subnet, ssh_jump="me@bastion:2222", ssh_from="10.7.0.5/32")
    assert any("by way of me@bastion:2222" in line for line in plan.prose())
    assert not any("no public address" in line for line in plan.prose())
    list(launch.apply(cloud, plan, keys_dir))
    lab = instances.find(cloud, "lab")
    assert (lab.jump, lab.address) == ("me@bastion:2222", only(cloud)["PrivateIpAddress"])
    assert _rules_of(cloud, lab.group_ids) == {"10.7.0.5/32"}


def _rules_of(cloud, ids):
    facts = cloud.ec2.describe_security_groups(GroupIds=list(ids))["SecurityGroups"][0]
    return {one["CidrIp"] for rule in facts["IpPermissions"] for one in rule["IpRanges"]}


def test_a_jump_host_is_preferred_to_a_public_address(cloud, keys_dir):
    """A host inside the network is admitted by its private address, so SSH goes to a private one."""
    launched(cloud, keys_dir, ssh_jump="bastion")
    facts = only(cloud)
    assert facts["PublicIpAddress"] != facts["PrivateIpAddress"] == instances.find(cloud, "lab").address


@pytest.mark.parametrize("jump", ["-oProxyCommand=x", "a b", "a;b", "$(x)", "a,b", "@h", "h:port", ""])
def test_what_is_no_jump_host(jump):
    """Nothing that a shell or ssh would take for something else gets that far."""
    with pytest.raises(UsageError, match="--ssh-jump"):
        Wanted("lab", ssh_jump=jump)


@pytest.mark.parametrize(
    "jump", ["bastion", "me@bastion.example.org", "me@10.0.0.1:2222", "[2001:db8::1]:22"]
)
def test_what_is_a_jump_host(jump):
    """A name, an alias, an address; with a login and a port."""
    assert Wanted("lab", ssh_jump=jump).wishes()["ssh-jump"] == jump


def test_a_subnet_that_speaks_ipv6_only(cloud, keys_dir, no_default):
    """Where instances get an IPv6 address and no public IPv4 one, one's own IPv6 address is admitted."""
    vpc, subnet = no_default
    block = cloud.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0][
        "Ipv6CidrBlock"
    ]
    six = cloud.ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.7.2.0/24", Ipv6CidrBlock=block.replace("/56", "/64")
    )["Subnet"]["SubnetId"]
    cloud.ec2.modify_subnet_attribute(SubnetId=six, MapPublicIpOnLaunch={"Value": False})
    cloud.ec2.modify_subnet_attribute(SubnetId=six, AssignIpv6AddressOnCreation={"Value": True})
    there = network.network_of(cloud, six)
    assert (there.public, there.ipv6) == (False, True)
    assert not network.network_of(cloud, subnet).ipv6
    assert network.caller_cidr(cloud, None, ipv6=True, own_ipv6=lambda: "2001:db8::7") == "2001:db8::7/128"

    def none():
        raise OSError("Network is unreachable")

    with pytest.raises(UsageError, match="no way out by IPv6"):
        network.caller_cidr(cloud, None, ipv6=True, own_ipv6=none)


def test_the_callers_address_is_not_asked_for_where_a_group_is_given(cloud, keys_dir):
    """A group of one's own is left as it is: neither asked, nor moved, nor deleted at the end."""
    vpc = network.network_of(cloud, None).vpc_id
    mine = cloud.ec2.create_security_group(GroupName="mine", Description="x", VpcId=vpc)["GroupId"]
    wanted = Wanted("lab", **G4, security_group=mine)
    list(
        launch.apply(
            cloud, make_plan(wanted, survey.look(cloud, wanted, keys_dir, fetch=pytest.fail)), keys_dir
        )
    )
    lab = instances.find(cloud, "lab")
    assert network.refresh_ssh(cloud, lab.group_ids, pytest.fail) is None
    list(end.terminate(cloud, [lab], keys_dir, sleep=lambda _: None))
    assert _group(cloud, "mine") is not None


def test_a_refusal_is_handed_on(cloud, keys_dir):
    """A port that AWS would not move is an error, not a silence."""
    launched(cloud, keys_dir)
    ids = [*instances.find(cloud, "lab").group_ids, "sg-00000000000000000"]
    with pytest.raises(CloudError):
        network.refresh_ssh(cloud, ids, lambda: MOVED)
    assert names.SSH_PORT == 22

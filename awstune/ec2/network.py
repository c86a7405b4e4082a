"""Who may knock: port 22, from the caller's own address, and nothing else.

A range that was typed (``--ssh-from``) stays as it was typed; the caller's own address, found by asking,
moves along with the caller. The rule's description tells which is which, so any laptop knows.

Sources: https://checkip.amazonaws.com (AWS's own, answers with the caller's address as text);
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-rules.html
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2.faults import Refused

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef

    from awstune.ec2.session import Cloud

CHECKIP_URL = "https://checkip.amazonaws.com"
# Every instance of the embedded cloud, and everybody who may call it, is on this machine.
LOOPBACK = "127.0.0.0/8"
_PATIENCE_S = 5.0
# AWS takes letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* here, and no apostrophe.
_GROUP_SAYS = "awstune: SSH from the address of its owner only"
_RULE_SAYS = "SSH from the address of the owner"
_TYPED_SAYS = "SSH from the range given with --ssh-from"
_NODES_SAY = "the instances of this group among themselves"
# AWS's own IPv6 space in Virginia: where a packet would leave this machine for it is asked, none is sent.
_AWS_IPV6 = ("2600:1f18::1", 443)

Fetch = Callable[[str], str]


@dataclass(frozen=True)
class Group:
    """A security group.

    Attributes:
        id: ``sg-...``.
        name: its name.
        vpc_id: the network it is in.
        owner: its owner tag; empty where it has none.
        ssh_from: the address ranges that may reach port 22.
        typed: those of them that were typed.
        joined: whether its instances reach each other on every port.
    """

    id: str
    name: str
    vpc_id: str
    owner: str = ""
    ssh_from: frozenset[str] = frozenset()
    typed: frozenset[str] = frozenset()
    joined: bool = False


@dataclass(frozen=True)
class Network:
    """Where instances go.

    Attributes:
        vpc_id: ``vpc-...``.
        public: whether an instance gets a public IPv4 address there.
        ipv6: whether it gets an IPv6 address.
    """

    vpc_id: str
    public: bool = True
    ipv6: bool = False


def group_name(name: str) -> str:
    """The security group's name for instances called ``name``."""
    return names.SECURITY_GROUP_NAME.format(name=name)


def fetch(url: str) -> str:
    """The text at ``url``, asked directly: a proxy's address is not the one that SSH comes from."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=_PATIENCE_S) as answer:
        text: str = answer.read(100).decode("ascii", "replace")
        return text


def own_ipv6() -> str:
    """The address that this machine has towards AWS by IPv6; IPv6 has no address translation.

    Raises:
        OSError: there is no way by IPv6.
    """
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
        asking.connect(_AWS_IPV6)
        return str(asking.getsockname()[0])


def caller_cidr(
    cloud: Cloud,
    typed: str | None,
    *,
    ipv6: bool = False,
    fetch: Fetch = fetch,
    own_ipv6: Callable[[], str] = own_ipv6,
) -> str:
    """The address range that may reach port 22.

    Args:
        cloud: on the embedded one it is `LOOPBACK`.
        typed: ``--ssh-from``, taken as it is.
        ipv6: whether instances are reached by IPv6.
        fetch: how to ask AWS's checkip, which speaks IPv4.
        own_ipv6: how to find one's IPv6 address.

    Raises:
        UsageError: what was typed is no range, or nobody can say the caller's address.
    """
    if typed:
        return cidr(typed)
    if cloud.local:
        return LOOPBACK
    if ipv6:
        return _own_ipv6_cidr(own_ipv6)
    try:
        # One address: whoever answers with a range would open the port to it.
        return cidr(str(ipaddress.ip_address(fetch(CHECKIP_URL).strip())))
    except (OSError, ValueError) as error:
        raise errors.UsageError(
            f"cannot find out this machine's public address from {CHECKIP_URL}",
            "type it: --ssh-from 203.0.113.7/32",
        ) from error


def _own_ipv6_cidr(own_ipv6: Callable[[], str]) -> str:
    try:
        return cidr(own_ipv6())
    except OSError as error:
        raise errors.UsageError(
            "the subnet's instances are reached by IPv6, and this machine has no way out by IPv6",
            "use another --subnet, or go by way of a host there: --ssh-jump HOST",
        ) from error


def cidr(text: str) -> str:
    """``text`` as a range in AWS's spelling; a bare address becomes /32 or /128.

    Raises:
        UsageError: it is neither.
    """
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise errors.UsageError(
            f"{text!r} is no address range", "write it like 203.0.113.7/32, or 2001:db8::7/128"
        ) from error


def network_of(cloud: Cloud, subnet: str | None) -> Network:
    """The network that instances go to: the subnet's, else the account's default one.

    Raises:
        UsageError: there is no default network, so a subnet has to be named.
    """
    if subnet:
        # A filter rather than an id: AWS answers an unknown id with an error.
        found = cloud.ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["Subnets"]
        if not found:
            listed = cloud.aws("ec2 describe-subnets")
            hint = f"{listed} lists them; without --subnet the default network's is used"
            raise errors.UsageError(f"there is no subnet {subnet!r} in {cloud.region}", hint)
        facts = found[0]
        return Network(
            facts["VpcId"],
            public=facts.get("MapPublicIpOnLaunch", False),
            ipv6=facts.get("AssignIpv6AddressOnCreation", False),
        )
    vpcs = cloud.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise errors.UsageError(
            f"the account has no default network in {cloud.region}",
            f"name a subnet with --subnet, or make one: {cloud.aws('ec2 create-default-vpc')}",
        )
    return Network(vpcs[0]["VpcId"])


def check_group(cloud: Cloud, group_id: str, vpc_id: str) -> None:
    """Looks whether a security group of the user's own is there, in the network that instances go to.

    Raises:
        UsageError: it is not.
    """
    filters: Any = [{"Name": "group-id", "Values": [group_id]}]
    found = cloud.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    if found and found[0].get("VpcId", vpc_id) != vpc_id:
        raise errors.UsageError(
            f"the security group {group_id} is in {found[0]['VpcId']}, and instances would go to {vpc_id}",
            f"name a subnet of {found[0]['VpcId']} with --subnet, or another --security-group",
        )
    if not found:
        listed = cloud.aws("ec2 describe-security-groups")
        hint = f"{listed} lists their ids; without --security-group one is made"
        raise errors.UsageError(f"there is no security group {group_id!r} in {cloud.region}", hint)


def find_group(cloud: Cloud, name: str, vpc_id: str) -> Group | None:
    """The security group of that name in that network; None where there is none."""
    found = cloud.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc_id]}]
    )["SecurityGroups"]
    return _group(found[0]) if found else None


def groups(cloud: Cloud, ids: Iterable[str]) -> list[Group]:
    """Security groups by their ids."""
    return [
        _group(facts) for facts in cloud.ec2.describe_security_groups(GroupIds=list(ids))["SecurityGroups"]
    ]


def owned(cloud: Cloud, filters: Any) -> list[Group]:
    """The security groups that filters find."""
    return [_group(facts) for facts in cloud.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]


def group_id(cloud: Cloud, group: str, vpc_id: str) -> str:
    """The id of a group that is named by its id already, or by its name.

    Raises:
        Refused: it is gone, or AWS does not find it yet.
    """
    if group.startswith("sg-"):
        return group
    found = find_group(cloud, group, vpc_id)
    if found is None:
        what, hint = f"the security group {group} is gone", "repeat the command: it is made again"
        raise Refused(what, hint, code="InvalidGroup.NotFound", operation="DescribeSecurityGroups")
    return found.id


def create_group(cloud: Cloud, name: str, vpc_id: str, tags: dict[str, str]) -> str:
    """Makes a group that admits nobody yet, and returns its id; one that is there already is taken."""
    try:
        return cloud.ec2.create_security_group(
            GroupName=name,
            VpcId=vpc_id,
            Description=_GROUP_SAYS,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(tags)}],
        )["GroupId"]
    except Refused as error:
        there = find_group(cloud, name, vpc_id) if error.code == "InvalidGroup.Duplicate" else None
        if there is None or there.owner != tags[names.TAG_OWNER]:
            raise
        return there.id


def allow_ssh(cloud: Cloud, group_id: str, ssh_from: str, *, typed: bool = False) -> None:
    """Admits ``ssh_from`` to port 22; ``typed`` is what does not move with the caller."""
    _authorize(cloud, group_id, _rule(ssh_from, _TYPED_SAYS if typed else _RULE_SAYS))


def join(cloud: Cloud, group_id: str) -> None:
    """Lets the instances of a group reach each other on every TCP port, and nobody else."""
    pair = {"GroupId": group_id, "Description": _NODES_SAY}
    _authorize(
        cloud, group_id, {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": [pair]}
    )


def revoke_ssh(cloud: Cloud, group_id: str, ssh_from: str) -> None:
    """Admits ``ssh_from`` no longer."""
    _revoke(cloud, group_id, [_rule(ssh_from, "")])


def close(cloud: Cloud, facts: SecurityGroupTypeDef) -> None:
    """Admits nobody any more: a group that AWS would not delete is then at least shut.

    Args:
        cloud: where it is.
        facts: the group, as DescribeSecurityGroups shows it.

    Raises:
        CloudError: AWS refused.
    """
    rules = [_without_words(rule) for rule in facts.get("IpPermissions", [])]
    if rules:
        _revoke(cloud, facts["GroupId"], rules)


def refresh_ssh(cloud: Cloud, group_ids: Iterable[str], ssh_from: Callable[[], str]) -> str | None:
    """Moves the one open port of one's own groups to the caller's address, where that has changed.

    A range that was typed stays, and then nothing moves.

    Args:
        cloud: where they are.
        group_ids: an instance's groups; those that awstune did not make are left as they are.
        ssh_from: finds the range that may reach port 22 from now on; asked only where one moves.

    Returns:
        The new range; None where nothing changed.

    Raises:
        CloudError: AWS refused.
    """
    own = [group for group in groups(cloud, group_ids) if group.owner == cloud.owner and not group.typed]
    mine = ssh_from() if own else ""
    moved = [group for group in own if group.ssh_from != {mine}]
    for group in moved:
        if mine not in group.ssh_from:
            allow_ssh(cloud, group.id, mine)
        for old in sorted(group.ssh_from - {mine}):
            revoke_ssh(cloud, group.id, old)
    return mine if moved else None


def tag_list(tags: dict[str, str]) -> list[Any]:
    """Tags as boto3 wants them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _authorize(cloud: Cloud, group_id: str, rule: Any) -> None:
    try:
        cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
    except Refused as error:
        if error.code != "InvalidPermission.Duplicate":
            raise


def _revoke(cloud: Cloud, group_id: str, rules: list[Any]) -> None:
    try:
        cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=rules)
    except Refused as error:
        if error.code != "InvalidPermission.NotFound":
            raise


def _rule(ssh_from: str, says: str) -> Any:
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": names.SSH_PORT, "ToPort": names.SSH_PORT}
    said = {"Description": says} if says else {}
    if ":" in ssh_from:
        return {**rule, "Ipv6Ranges": [{"CidrIpv6": ssh_from, **said}]}
    return {**rule, "IpRanges": [{"CidrIp": ssh_from, **said}]}


def _without_words(rule: Any) -> Any:
    """A rule as AWS wants it back: without what is empty."""
    return {key: value for key, value in rule.items() if value not in ([], None)}


def _group(facts: SecurityGroupTypeDef) -> Group:
    tags = {tag["Key"]: tag["Value"] for tag in facts.get("Tags", [])}
    rules: list[Any] = list(facts.get("IpPermissions", []))
    ranges = {
        found.get("CidrIp") or found["CidrIpv6"]: found.get("Description", "")
        for rule in rules
        if rule.get("FromPort") == names.SSH_PORT and rule.get("IpProtocol") == "tcp"
        for found in (*rule.get("IpRanges", []), *rule.get("Ipv6Ranges", []))
    }
    named = {pair.get("GroupId") for rule in rules for pair in rule.get("UserIdGroupPairs", [])}
    return Group(
        id=facts["GroupId"],
        name=facts["GroupName"],
        vpc_id=facts.get("VpcId", ""),
        owner=tags.get(names.TAG_OWNER, ""),
        ssh_from=frozenset(ranges),
        typed=frozenset(range_ for range_, says in ranges.items() if says == _TYPED_SAYS),
        joined=facts["GroupId"] in named,
    )

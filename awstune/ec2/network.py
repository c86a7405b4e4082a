"""Who may knock: port 22, from the caller's own address, and nothing else.

Sources: https://checkip.amazonaws.com (AWS's own, answers with the caller's address as text);
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-rules.html
"""

from __future__ import annotations

import ipaddress
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
    """

    id: str
    name: str
    vpc_id: str
    owner: str = ""
    ssh_from: frozenset[str] = frozenset()


def group_name(name: str) -> str:
    """The security group's name for instances called ``name``."""
    return names.SECURITY_GROUP_NAME.format(name=name)


def fetch(url: str) -> str:
    """The text at ``url``, asked directly: a proxy's address is not the one that SSH comes from."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=_PATIENCE_S) as answer:
        text: str = answer.read(100).decode("ascii", "replace")
        return text


def caller_cidr(cloud: Cloud, typed: str | None, *, fetch: Fetch = fetch) -> str:
    """The address range that may reach port 22.

    Args:
        cloud: on the embedded one it is `LOOPBACK`.
        typed: ``--ssh-from``, taken as it is.
        fetch: how to ask AWS's checkip.

    Raises:
        UsageError: what was typed is no range, or nobody can say the caller's address.
    """
    if typed:
        return cidr(typed)
    if cloud.local:
        return LOOPBACK
    try:
        return cidr(fetch(CHECKIP_URL).strip())
    except (OSError, errors.UsageError) as error:
        raise errors.UsageError(
            f"cannot find out this machine's public address from {CHECKIP_URL}",
            "type it: --ssh-from 203.0.113.7/32",
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


def network_of(cloud: Cloud, subnet: str | None) -> str:
    """The id of the network that instances go to: the subnet's, else the account's default one.

    Raises:
        UsageError: there is no default network, so a subnet has to be named.
    """
    if subnet:
        # A filter rather than an id: AWS answers an unknown id with an error.
        found = cloud.ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["Subnets"]
        if not found:
            hint = "`aws ec2 describe-subnets` lists them; without --subnet the default network's is used"
            raise errors.UsageError(f"there is no subnet {subnet!r} in {cloud.region}", hint)
        return found[0]["VpcId"]
    vpcs = cloud.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise errors.UsageError(
            f"the account has no default network in {cloud.region}",
            "name a subnet with --subnet, or make one: `aws ec2 create-default-vpc`",
        )
    return vpcs[0]["VpcId"]


def check_group(cloud: Cloud, group_id: str) -> None:
    """Looks whether a security group of the user's own is there.

    Raises:
        UsageError: it is not.
    """
    filters: Any = [{"Name": "group-id", "Values": [group_id]}]
    if not cloud.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        hint = "`aws ec2 describe-security-groups` lists their ids; without --security-group one is made"
        raise errors.UsageError(f"there is no security group {group_id!r} in {cloud.region}", hint)


def find_group(cloud: Cloud, name: str, vpc_id: str) -> Group | None:
    """The security group of that name in that network; None where there is none."""
    found = cloud.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc_id]}]
    )["SecurityGroups"]
    return _group(found[0]) if found else None


def group_id(cloud: Cloud, group: str, vpc_id: str) -> str:
    """The id of a group that is named by its id already, or by its name.

    Raises:
        CloudError: it is gone.
    """
    if group.startswith("sg-"):
        return group
    found = find_group(cloud, group, vpc_id)
    if found is None:
        raise errors.CloudError(f"the security group {group} is gone", "repeat the command: it is made again")
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


def allow_ssh(cloud: Cloud, group_id: str, ssh_from: str) -> None:
    """Admits ``ssh_from`` to port 22."""
    try:
        cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[_rule(ssh_from)])
    except Refused as error:
        if error.code != "InvalidPermission.Duplicate":
            raise


def revoke_ssh(cloud: Cloud, group_id: str, ssh_from: str) -> None:
    """Admits ``ssh_from`` no longer."""
    try:
        cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[_rule(ssh_from)])
    except Refused as error:
        if error.code != "InvalidPermission.NotFound":
            raise


def refresh_ssh(cloud: Cloud, group_ids: Iterable[str], ssh_from: str) -> bool:
    """Moves the one open port of one's own groups to ``ssh_from``, where the caller's address has changed.

    Args:
        cloud: where they are.
        group_ids: an instance's groups; those that awstune did not make are left as they are.
        ssh_from: the range that may reach port 22 from now on.

    Returns:
        Whether anything changed.

    Raises:
        CloudError: AWS refused.
    """
    changed = False
    for facts in cloud.ec2.describe_security_groups(GroupIds=list(group_ids))["SecurityGroups"]:
        group = _group(facts)
        if group.owner != cloud.owner or group.ssh_from == {ssh_from}:
            continue
        if ssh_from not in group.ssh_from:
            allow_ssh(cloud, group.id, ssh_from)
        for old in group.ssh_from - {ssh_from}:
            revoke_ssh(cloud, group.id, old)
        changed = True
    return changed


def tag_list(tags: dict[str, str]) -> list[Any]:
    """Tags as boto3 wants them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _rule(ssh_from: str) -> Any:
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": names.SSH_PORT, "ToPort": names.SSH_PORT}
    said = {"Description": _RULE_SAYS}
    if ":" in ssh_from:
        return {**rule, "Ipv6Ranges": [{"CidrIpv6": ssh_from, **said}]}
    return {**rule, "IpRanges": [{"CidrIp": ssh_from, **said}]}


def _group(facts: SecurityGroupTypeDef) -> Group:
    tags = {tag["Key"]: tag["Value"] for tag in facts.get("Tags", [])}
    ranges = [
        found
        for rule in facts.get("IpPermissions", [])
        if rule.get("FromPort") == names.SSH_PORT and rule.get("IpProtocol") == "tcp"
        for found in (
            *(range_["CidrIp"] for range_ in rule.get("IpRanges", [])),
            *(range_["CidrIpv6"] for range_ in rule.get("Ipv6Ranges", [])),
        )
    ]
    return Group(
        id=facts["GroupId"],
        name=facts["GroupName"],
        vpc_id=facts.get("VpcId", ""),
        owner=tags.get(names.TAG_OWNER, ""),
        ssh_from=frozenset(ranges),
    )

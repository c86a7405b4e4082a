"""What the caller may do: each EC2 call that awstune makes, asked of AWS with its DryRun.

A dry run changes nothing and costs nothing; AWS answers ``DryRunOperation`` where the call would be
allowed. Calls on instances are asked about one's own, as the policy allows no others: where there is
none, they are left out.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html (DryRun)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from awstune import names
from awstune.ec2 import iam, instances, keys, network
from awstune.ec2.faults import NoCapacity, NotPermitted, QuotaExceeded, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

_NAME = "doctor"
_PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbXWCQ4oVfBWoyVtWUAnSOJ1QVuPBLAhSNBGZOUtBqs"
_MADE = ("instance", "volume", "network-interface")
# What AWS looks at only once it has found that the caller may.
_ALLOWED = (
    "DryRunOperation",
    "InvalidGroup.Duplicate",
    "InvalidKeyPair.Duplicate",
    "InvalidPermission.Duplicate",
    "UnsupportedOperation",
    "IncorrectState",
    "IncorrectInstanceState",
    "DependencyViolation",
)


@dataclass(frozen=True)
class Launchable:
    """What a launch would be made of.

    Attributes:
        type: the instance type.
        image_id: empty where there is no image.
        vpc_id: empty where there is no network.
        spot: whether on the spot market, whose first instance AWS needs a role of its own for.
    """

    type: str
    image_id: str = ""
    vpc_id: str = ""
    spot: bool = False


def ask(cloud: Cloud, what: Launchable) -> tuple[list[iam.Call], list[iam.Call]]:
    """Asks AWS about every EC2 call of `iam.CALLS` that can be asked about.

    Args:
        cloud: whose permissions.
        what: a launch.

    Returns:
        The calls that were asked about, and those of them that are not allowed.

    Raises:
        CloudError: AWS refused for another reason than the caller's permissions.
    """
    own = instances.own(cloud) if _may(cloud, "DescribeInstances", {}) else []
    forms = requests(cloud, what, own[0] if own else None)
    asked = [call for call in iam.CALLS if _operation(call) in forms]
    return asked, [call for call in asked if not _may(cloud, _operation(call), forms[_operation(call)])]


def requests(cloud: Cloud, what: Launchable, own: Instance | None) -> Mapping[str, dict[str, Any]]:
    """A harmless request for each operation, by its name; even one that was carried out would change nothing
    that is somebody's.

    Args:
        cloud: whose tags.
        what: a launch.
        own: an instance of the caller's; None where there is none.
    """
    looks = [call for call in iam.CALLS if call.action.startswith("ec2:Describe")]
    forms: dict[str, dict[str, Any]] = {_operation(call): {} for call in looks}
    forms["DescribeImages"] = {"Owners": ["self"]}
    forms["DescribeInstanceTypes"] = {"InstanceTypes": [what.type]}
    of_type = [{"Name": "instance-type", "Values": [what.type]}]
    forms["DescribeInstanceTypeOfferings"] = {"Filters": of_type}
    forms["DescribeSpotPriceHistory"] = {"Filters": of_type, "MaxResults": 1}
    tags = network.tag_list(instances.tags_for(cloud, _NAME))
    pair = keys.pair_name(_NAME)
    forms["ImportKeyPair"] = {
        "KeyName": pair,
        "PublicKeyMaterial": _PUBLIC_KEY,
        "TagSpecifications": [{"ResourceType": "key-pair", "Tags": tags}],
    }
    if what.vpc_id:
        forms["CreateSecurityGroup"] = {
            "GroupName": network.group_name(_NAME),
            "Description": "awstune",
            "VpcId": what.vpc_id,
            "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}],
        }
    if what.image_id:
        forms["RunInstances"] = {
            "ImageId": what.image_id,
            "InstanceType": what.type,
            "MinCount": 1,
            "MaxCount": 1,
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in _MADE],
            **({"InstanceMarketOptions": {"MarketType": "spot"}} if what.spot else {}),
        }
    return {**forms, **(_on(own) if own else {})}


def _on(own: Instance) -> dict[str, dict[str, Any]]:
    one = {"InstanceIds": [own.id]}
    return {
        "DeleteKeyPair": {"KeyName": own.key_name},
        "CreateTags": {"Resources": [own.id], "Tags": [{"Key": names.TAG_NAME, "Value": own.name}]},
        "StartInstances": one,
        "StopInstances": one,
        "TerminateInstances": one,
        "ModifyInstanceAttribute": {
            "InstanceId": own.id,
            "InstanceInitiatedShutdownBehavior": {"Value": own.at_end or "stop"},
        },
        "ModifyInstanceMetadataOptions": {"InstanceId": own.id, "HttpTokens": own.http_tokens},
    }


def _operation(call: iam.Call) -> str:
    service, _, operation = call.action.partition(":")
    return operation if service == "ec2" else ""


def _may(cloud: Cloud, operation: str, asked: dict[str, Any]) -> bool:
    try:
        getattr(cloud.launcher, xform_name(operation))(**asked, DryRun=True)
    except NotPermitted:
        return False
    except (NoCapacity, QuotaExceeded):
        return True
    except Refused as error:
        if error.code not in _ALLOWED:
            raise
    return True

"""What awstune made in a region and nothing uses any more, such as after a launch that was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.ec2 import end, instances

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud


def find(cloud: Cloud) -> list[dict[str, str]]:
    """One's own disks, interfaces, groups and key pairs that no live instance has.

    Returns:
        ``{kind, id, name}`` each; ``name`` is the NAME that it was made for.

    Raises:
        CloudError: AWS refused.
    """
    live = instances.own(cloud)
    bases = {end.base_name(instance) for instance in live}
    mine: Any = [{"Name": f"tag:{names.TAG_OWNER}", "Values": [cloud.owner]}]
    free: Any = [*mine, {"Name": "status", "Values": ["available"]}]
    client = cloud.ec2
    volumes = client.describe_volumes(Filters=free)["Volumes"]
    interfaces = client.describe_network_interfaces(Filters=free)["NetworkInterfaces"]
    alone = [_one("volume", facts["VolumeId"], facts) for facts in volumes]
    alone += [
        _one("network-interface", facts["NetworkInterfaceId"], facts, tags="TagSet") for facts in interfaces
    ]
    beside = [
        _one("security-group", facts["GroupId"], facts)
        for facts in client.describe_security_groups(Filters=mine)["SecurityGroups"]
    ]
    pairs = client.describe_key_pairs(Filters=mine)["KeyPairs"]
    beside += [_one("key-pair", facts["KeyName"], facts) for facts in pairs]
    return [*alone, *(one for one in beside if one["name"] not in bases)]


def _one(kind: str, id_: str, facts: Any, tags: str = "Tags") -> dict[str, str]:
    words = {tag["Key"]: tag["Value"] for tag in facts.get(tags, [])}
    return {"kind": kind, "id": id_, "name": words.get(names.TAG_NAME, "")}

"""What awstune made in a region and nothing uses any more, such as after a launch that was cut short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.ec2 import backstop, end, instances

if TYPE_CHECKING:
    from awstune.ec2.session import Cloud

# What `end.clean` takes away; whose disk it is, and what is on it, nobody but its owner knows.
REMOVED = ("key-pair", "security-group", "schedule")
KEPT = ("volume", "network-interface")


@dataclass(frozen=True)
class Orphan:
    """Something that no live instance has.

    Attributes:
        kind: ``volume``, ``network-interface``, ``security-group``, ``key-pair`` or ``schedule``.
        id: what AWS calls it.
        base: the NAME that it was made for; of a disk or an interface its instance's.
        owner: whose.
    """

    kind: str
    id: str
    base: str
    owner: str


def deletion(cloud: Cloud, kind: str, id_: str) -> str:
    """The command that deletes what `end.clean` keeps."""
    if cloud.local:
        return "`awstune local stop` ends that cloud with all that is in it"
    return cloud.aws(f"ec2 delete-{kind} --{kind}-id {id_}")


def find(cloud: Cloud, *, everyone: bool = False) -> list[Orphan]:
    """Disks, interfaces, groups, key pairs and schedules that no live instance has.

    Args:
        cloud: whose, and where.
        everyone: whoever in the account launched what they were made for.

    Raises:
        CloudError: AWS refused.
    """
    theirs: Any = {"Name": "tag-key", "Values": [names.TAG_OWNER]}
    made: Any = [theirs if everyone else instances.made_by(cloud.owner)]
    free: Any = [*made, {"Name": "status", "Values": ["available"]}]
    client = cloud.ec2
    alone = [_one("volume", one["VolumeId"], one) for one in client.describe_volumes(Filters=free)["Volumes"]]
    alone += [
        _one("network-interface", one["NetworkInterfaceId"], one, tags="TagSet")
        for one in client.describe_network_interfaces(Filters=free)["NetworkInterfaces"]
    ]
    groups = client.describe_security_groups(Filters=made)["SecurityGroups"]
    pairs = client.describe_key_pairs(Filters=made)["KeyPairs"]
    beside = [_one("security-group", one["GroupId"], one) for one in groups]
    beside += [_one("key-pair", one["KeyName"], one) for one in pairs]
    stray = [
        Orphan("schedule", one.id, one.base, one.owner)
        for one in backstop.strays(cloud)
        if everyone or one.owner == cloud.owner
    ]
    # Asked last: what a launch makes meanwhile has got its instance by then, and is no orphan.
    bases = {(one.owner, end.base_name(one)) for one in instances.own(cloud, everyone=True)}
    return [*alone, *(one for one in beside if (one.owner, one.base) not in bases), *stray]


def _one(kind: str, id_: str, facts: Any, tags: str = "Tags") -> Orphan:
    words = {tag["Key"]: tag["Value"] for tag in facts.get(tags, [])}
    return Orphan(kind, id_, words.get(names.TAG_NAME, ""), words.get(names.TAG_OWNER, ""))

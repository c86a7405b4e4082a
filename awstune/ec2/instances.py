"""Instances as AWS describes them. The truth is in their tags: any laptop finds its own again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.amounts import count, iso
from awstune.ec2 import described, keys
from awstune.ec2.wanted import BUCKET, JUMP

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from awstune.ec2.prices import Prices
    from awstune.ec2.session import Cloud

TAG_BASE = f"{names.TAG_PREFIX}base"
TAG_DISK = f"{names.TAG_PREFIX}disk-gib"
TAG_RAN = f"{names.TAG_PREFIX}ran-s"
TAG_SEEN = f"{names.TAG_PREFIX}seen-s"
# How long it may live after a start, and what it may cost in all: what launch was asked.
TAG_TTL = f"{names.TAG_PREFIX}ttl-s"
TAG_CAP = f"{names.TAG_PREFIX}max-usd"
# Whom to log in as, where its image's is not `names.SSH_USER`.
TAG_USER = f"{names.TAG_PREFIX}user"
# Its price when it was launched, where it was launched: `ls` asks no price list.
TAG_RATE = f"{names.TAG_PREFIX}usd-per-hour"
# Whoever may tag instances may write there what a shell or ssh would act on, here or there.
_LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_AT_END = re.compile(r"stop|terminate")
_PORT = re.compile(r"[0-9]{1,5}")
_PUBLIC_KEY = re.compile(r"[a-z0-9-]+ [A-Za-z0-9+/=]+")
LIVE = ("pending", "running", "stopping", "stopped")
ENDED = ("shutting-down", "terminated")
# A stopped one keeps a private address, where nobody answers.
_REACHED = ("pending", "running")


@dataclass(frozen=True)
class Instance:
    """An instance.

    Attributes:
        id: ``i-...``.
        name: its NAME; empty for a stranger's.
        owner: whose it is, as the tag says.
        type: such as ``p2.xlarge``.
        market: ``on-demand`` or ``spot``.
        state: AWS's word: pending, running, stopping, stopped, shutting-down, terminated.
        state_reason: why it is in that state, in AWS's words; empty where AWS gives none.
        address: where SSH goes; None while it has none.
        zone: its availability zone.
        launched: when it was started last, seconds since the epoch.
        stopped: when it stopped or ended, seconds since the epoch; None while it runs.
        ends: when the guard ends it; None where nothing does.
        at_end: what its end does to it: ``stop`` or ``terminate``.
        key_name: its key pair at AWS.
        host_keys: the host keys that may be shown, ``ssh-ed25519 AAAA...`` each.
        ssh_port: where its sshd listens.
        wishes: the tag that says what was asked for.
        token: the client token that made it.
        image_id: ``ami-...``.
        disk_gib: its root disk.
        ran_s: seconds that it ran in earlier starts, as far as known.
        seen_s: seconds that it had run in all when somebody last looked.
        rate: its price an hour when it was launched; None where nobody knew it.
        group_ids: its security groups.
        region: where it is.
        tags: all its tags.
        http_tokens: ``required`` where its metadata service answers nobody without a token.
        volume_ids: the disks that it has, the user's own among them.
        interface_ids: the network interfaces that were put to it; its first one ends with it.
        born: since when its root disk is there, and billed; None where AWS does not say.
    """

    id: str
    name: str
    owner: str
    type: str
    market: str
    state: str
    state_reason: str
    address: str | None
    zone: str
    launched: float
    stopped: float | None
    ends: float | None
    at_end: str
    key_name: str
    host_keys: tuple[str, ...]
    ssh_port: int
    wishes: str
    token: str
    image_id: str
    disk_gib: float
    ran_s: float
    seen_s: float
    group_ids: tuple[str, ...]
    region: str
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate: float | None = None
    http_tokens: str = "required"
    volume_ids: tuple[str, ...] = ()
    interface_ids: tuple[str, ...] = ()
    born: float | None = None

    @property
    def jump(self) -> str:
        """The host that SSH goes by way of; empty where it goes straight."""
        return described.shaped(self.tags.get(names.TAG_SSH_JUMP, ""), JUMP)

    @property
    def live(self) -> bool:
        """Whether it exists: it can run (again) and its disk is billed."""
        return self.state in LIVE

    @property
    def host_key(self) -> str:
        """The host key that was written down first; empty where none was."""
        return self.host_keys[0] if self.host_keys else ""

    def running_s(self, now: float) -> float:
        """Seconds that it has run in all; where nobody says when it stopped, as far as was seen."""
        return max(self.seen_s, self.ran_s + max(0.0, self._ran_until(now) - self.launched))

    def _ran_until(self, now: float) -> float:
        if self.stopped is not None:
            return self.stopped
        if self.state in ("pending", "running", "stopping", "shutting-down"):
            return now
        # It ended itself, which AWS does not date: at its end at the latest, or before.
        return self.ends if self.ends is not None and self.ends <= now else self.launched

    @property
    def user(self) -> str:
        """Whom to log in as: its image family's user."""
        return described.shaped(self.tags.get(TAG_USER, ""), _LOGIN) or names.SSH_USER

    @property
    def ttl_s(self) -> float:
        """Seconds that it may live after a start; infinity for ever."""
        word = self.tags.get(TAG_TTL, "")
        return math.inf if word == "none" else described.seconds(word) or names.DEFAULT_TTL_S

    @property
    def max_usd(self) -> float | None:
        """The dollar cap on all that it costs, as far as a tag says so; None for none."""
        cap = described.number(self.tags.get(TAG_CAP, ""))
        return cap if cap is not None and 0 < cap < math.inf else None

    @property
    def bucket(self) -> str:
        """The bucket that its results are copied to; empty for none."""
        return described.shaped(self.tags.get(names.TAG_BUCKET, ""), BUCKET)

    def usd_per_hour(self, prices: Prices) -> float | None:
        """Its price an hour without its disk: as it was launched, else the table's; None where unknown."""
        return self.rate if self.rate is not None else prices.usd_per_hour(self.type, self.market)

    def usd_so_far(self, now: float, prices: Prices) -> float | None:
        """What it has cost by now, at least, with its disk; None where its price is unknown."""
        rate = self.usd_per_hour(prices)
        if rate is None:
            return None
        ran = self.running_s(now) / 3600
        gone = self.state in ENDED and self.stopped is not None
        until = self.stopped if gone and self.stopped is not None else now
        born = self.launched if self.born is None else min(self.born, self.launched)
        kept = max(ran, (until - born) / 3600)
        return ran * (rate + prices.public_ipv4_hour) + kept * prices.disk_usd_per_hour(self.disk_gib)

    def to_json(self, now: float, prices: Prices, keys_dir: Path) -> dict[str, Any]:
        """The object of ``ls --json``.

        Args:
            now: seconds since the epoch.
            prices: of its region.
            keys_dir: where private keys lie; ``key_file`` is null where its key is not there.
        """
        spent = self.usd_so_far(now, prices)
        ends_matter = self.ends is not None and self.state in ("pending", "running")
        path = self.key_file(keys_dir)
        until = self.stopped if self.stopped and self.state == "terminated" else now
        return {
            "name": self.name,
            "id": self.id,
            "type": self.type,
            "market": self.market,
            "state": self.state,
            "address": self.address,
            "zone": self.zone,
            "launched": iso(self.launched),
            "age_s": round(max(0.0, until - self.launched)),
            "ttl_left_s": round(max(0.0, self.ends - now)) if ends_matter and self.ends else None,
            "usd_per_hour": self.usd_per_hour(prices),
            "usd_so_far": None if spent is None else round(spent, 4),
            "key_file": str(path) if path else None,
            "ssh_port": self.ssh_port,
            "region": self.region,
        }

    def key_file(self, keys_dir: Path) -> Path | None:
        """Its private key's file; None where it is not on this machine."""
        path = keys.key_path(keys_dir, self.key_name, self.region)
        return path if path.exists() else None


def own(cloud: Cloud, *, ended: bool = False, everyone: bool = False) -> list[Instance]:
    """One's instances in this region, the newest first.

    Args:
        cloud: whose, and where.
        ended: also those that AWS still shows although they are gone.
        everyone: whoever in the account launched them with awstune.
    """
    filters = [{"Name": "tag-key", "Values": [names.TAG_NAME]}]
    if not everyone:
        filters.append(made_by(cloud.owner))
    if not ended:
        filters.append({"Name": "instance-state-name", "Values": list(LIVE)})
    return describe(cloud, filters=filters)


def named(cloud: Cloud, wanted: Iterable[str]) -> list[Instance]:
    """All instances with one of these names, whoever's, in all states."""
    return describe(cloud, filters=[{"Name": f"tag:{names.TAG_NAME}", "Values": sorted(wanted)}])


def find(cloud: Cloud, name: str | None = None) -> Instance:
    """One's own instance of that name.

    Args:
        cloud: whose, and where.
        name: None where only one can be meant.

    Raises:
        UnknownName: there is none, or without a name there are several.
    """
    return pick(own(cloud), name, cloud.region)


def pick(instances: list[Instance], name: str | None, region: str) -> Instance:
    """The one that ``name`` means among one's own live instances.

    Raises:
        UnknownName: as `find`; or there are several of that name, which only two machines that launch
            at one moment can make.
    """
    if name is None:
        if len(instances) == 1:
            return instances[0]
        raise _unnamed(instances, region)
    found = of_name(instances, name, region)
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        hint = f"awstune terminate {name} ends all of them"
        raise errors.UnknownName(
            f"there are {len(found)} instances {name!r} of yours in {region}: {ids}", hint
        )
    return found[0]


def of_name(instances: list[Instance], name: str, region: str) -> list[Instance]:
    """All that bear ``name`` among one's own live instances: what costs money is ended, twins too.

    Raises:
        UnknownName: there is none.
    """
    found = [one for one in instances if one.name == name]
    if not found:
        raise errors.UnknownName(f"there is no instance {name!r} of yours in {region}", _others(instances))
    return found


def describe(
    cloud: Cloud, ids: Iterable[str] = (), *, filters: Iterable[Mapping[str, Any]] = ()
) -> list[Instance]:
    """Instances by id or by filter, the newest first."""
    asked: dict[str, Any] = {"InstanceIds": list(ids)} if ids else {"Filters": list(filters)}
    pages = cloud.ec2.get_paginator("describe_instances").paginate(**asked)
    found = [
        from_facts(facts, cloud.region)
        for page in pages
        for reservation in page["Reservations"]
        for facts in reservation["Instances"]
    ]
    return sorted(found, key=lambda instance: (-instance.launched, instance.name))


def from_facts(facts: InstanceTypeDef, region: str) -> Instance:
    """What DescribeInstances or RunInstances answered, as an `Instance`."""
    tags = {tag["Key"]: tag["Value"] for tag in facts.get("Tags", [])}
    state = str(facts["State"]["Name"])
    return Instance(
        id=facts["InstanceId"],
        name=tags.get(names.TAG_NAME, ""),
        owner=tags.get(names.TAG_OWNER, ""),
        type=str(facts["InstanceType"]),
        market=str(facts.get("InstanceLifecycle", "on-demand")),
        state=state,
        state_reason=described.reason(facts),
        address=described.address(facts, by_jump=names.TAG_SSH_JUMP in tags) if state in _REACHED else None,
        zone=facts.get("Placement", {}).get("AvailabilityZone", ""),
        launched=facts["LaunchTime"].timestamp(),
        stopped=None if state in ("pending", "running") else described.stopped_at(facts),
        ends=described.seconds(tags.get(names.TAG_ENDS, "")),
        at_end=described.shaped(tags.get(names.TAG_AT_END, ""), _AT_END),
        key_name=facts.get("KeyName", ""),
        host_keys=tuple(
            key for key in tags.get(names.TAG_HOST_KEY, "").split(",") if described.shaped(key, _PUBLIC_KEY)
        ),
        ssh_port=int(described.shaped(tags.get(names.TAG_SSH_PORT, ""), _PORT) or names.SSH_PORT),
        wishes=tags.get(names.TAG_WISHES, ""),
        token=facts.get("ClientToken", ""),
        image_id=facts.get("ImageId", ""),
        disk_gib=described.number(tags.get(TAG_DISK, "")) or 0.0,
        ran_s=described.seconds(tags.get(TAG_RAN, "")) or 0.0,
        seen_s=described.seconds(tags.get(TAG_SEEN, "")) or 0.0,
        group_ids=tuple(group["GroupId"] for group in facts.get("SecurityGroups", [])),
        region=region,
        tags=tags,
        rate=described.number(tags.get(TAG_RATE, "")),
        http_tokens=str(facts.get("MetadataOptions", {}).get("HttpTokens", "required")),
        volume_ids=tuple(
            disk["Ebs"]["VolumeId"] for disk in facts.get("BlockDeviceMappings", []) if "Ebs" in disk
        ),
        interface_ids=tuple(
            card["NetworkInterfaceId"]
            for card in facts.get("NetworkInterfaces", [])
            if card.get("Attachment", {}).get("DeviceIndex", 0) > 0
        ),
        born=described.born(facts),
    )


def made_by(*owners: str) -> Any:
    """EC2's filter for what these owners made, whatever it is."""
    return {"Name": f"tag:{names.TAG_OWNER}", "Values": sorted(set(owners))}


def tags_for(cloud: Cloud, name: str) -> dict[str, str]:
    """The tags that everything made for ``name`` carries; ``Name`` is what the console shows."""
    return {"Name": f"awstune-{name}", names.TAG_NAME: name, names.TAG_OWNER: cloud.owner}


def _unnamed(instances: list[Instance], region: str) -> errors.UnknownName:
    if not instances:
        hint = "awstune ls --all-regions shows what there is; awstune launch makes one"
        return errors.UnknownName(f"you have no instance in {region}", hint)
    return errors.UnknownName(f"you have {count(len(instances), 'instance')} in {region}", _others(instances))


def _others(instances: list[Instance]) -> str:
    if not instances:
        return "awstune ls --all-regions shows what there is"
    return f"name one of: {', '.join(sorted(instance.name for instance in instances))}"

"""Runs one instance: the request, written down first; the next zone or type where there is no room."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from awstune import errors, names
from awstune.ec2 import fits, guard, instances, metadata, network, offers
from awstune.ec2.events import Launched, NoRoom, Retried
from awstune.ec2.faults import NoCapacity, Refused, Throttled, Unreachable, definite
from awstune.ec2.intent import Intent, intent_path, taken_up

if TYPE_CHECKING:
    from pathlib import Path

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud
    from awstune.ec2.steps import Fallback, RunInstance

T = TypeVar("T")
Event = Launched | Retried | NoRoom
Now = Callable[[], float]
Sleep = Callable[[float], None]
_PAUSES_S = (1.0, 2.0, 4.0, 8.0)
# EC2 is eventually consistent: what one call made, the next may not find for some seconds.
_NOT_SEEN_YET = ("InvalidGroup.NotFound", "InvalidKeyPair.NotFound")


def run(
    cloud: Cloud,
    step: RunInstance,
    group_id: str,
    keys_dir: Path,
    *,
    now: Now,
    sleep: Sleep,
) -> Iterator[Event]:
    """Runs one instance, zone by zone, then type by type.

    Args:
        cloud: where.
        step: what to run.
        group_id: its security group.
        keys_dir: below it the intent is written.
        now: the clock, in seconds since the epoch.
        sleep: how pauses are made.

    Yields:
        `Retried` and `NoRoom` on the way, `Launched` at last.

    Raises:
        NoCapacity: no zone has any of the types.
        Refused: AWS's other errors.
    """
    path = intent_path(keys_dir, step.name, cloud.region)
    intent = taken_up(path, step.wishes, now())
    if intent:
        with contextlib.suppress(NoCapacity):
            there = yield from _ask(cloud, step, intent, sleep)
            if there:
                yield Launched(step, there)
                return
    refused: list[NoCapacity] = []
    for attempt, zone in _attempts(cloud, step):
        intent = Intent(path, step.wishes, now(), request(cloud, attempt, group_id, now(), zone=zone))
        intent.write()
        try:
            launched = yield from _ask(cloud, attempt, intent, sleep)
        except NoCapacity as error:
            refused.append(error)
            yield NoRoom(step.name, attempt.type, zone, error.message)
            continue
        if launched is None:
            raise errors.CloudError(f"{step.name} ended at once", "`awstune ls --ended` may say why")
        yield Launched(attempt, launched)
        return
    raise _no_room(step, refused)


def once_seen(act: Callable[[], T], sleep: Sleep) -> T:
    """What ``act`` returns, once AWS finds what was made just before.

    Raises:
        Refused: AWS's other errors, and this one where it stays.
    """
    for pause in _PAUSES_S:
        try:
            return act()
        except Refused as error:
            if error.code not in _NOT_SEEN_YET:
                raise
        sleep(pause)  # nothing tells when AWS finds it
    return act()


def _attempts(cloud: Cloud, step: RunInstance) -> Iterator[tuple[RunInstance, str]]:
    """Where to ask: AWS's own choice of zone, then each zone; then the same for the next type."""
    for other in (None, *step.fallbacks):
        attempt = step if other is None else _as(step, other)
        yield attempt, ""
        if not step.subnet:
            yield from ((attempt, zone) for zone in offers.zones(cloud, attempt.type))


def _as(step: RunInstance, other: Fallback) -> RunInstance:
    return replace(step, type=other.type, usd_per_hour=other.usd_per_hour, rate=other.rate)


def _no_room(step: RunInstance, refused: list[NoCapacity]) -> NoCapacity:
    types = " or ".join([step.type, *(other.type for other in step.fallbacks)])
    last = refused[-1]
    return NoCapacity(
        f"no zone has a {types} for {step.name} now ({len(refused)} attempts; the last: {last.message})",
        "repeat later, or with --or-similar, another --type or --region",
        code=last.code,
        operation=last.operation,
    )


def _ask(
    cloud: Cloud, step: RunInstance, intent: Intent, sleep: Sleep
) -> Generator[Event, None, Instance | None]:
    """Asks until there is an answer. None: the instance that this token made is gone already.

    The intent stays until it is known what became of it: the next launch asks with the same token again.
    """
    pauses, unheard = iter(_PAUSES_S), False
    while True:
        try:
            answer = cloud.launcher.run_instances(**intent.request)
        except (Refused, Unreachable) as error:
            if _spent(error):
                intent.forget()
                return None
            unheard = unheard or not definite(error)
            pause = next(pauses, None) if _may_pass(error) else None
            if pause is None:
                # Of a token that made an instance AWS would not say that there is no room for it.
                if not unheard or isinstance(error, NoCapacity):
                    intent.forget()
                raise
            yield Retried(step.name, error.message, pause)
            sleep(pause)  # AWS asked for patience, each time for more
        else:
            intent.forget()
            found = instances.from_facts(answer["Instances"][0], cloud.region)
            return found if found.live else None


def _spent(error: errors.CloudError) -> bool:
    return isinstance(error, Refused) and error.code == "IdempotentInstanceTerminated"


def _may_pass(error: errors.CloudError) -> bool:
    """Whether asking again may help: throttled, unheard, or what was just made is not seen yet."""
    unseen = isinstance(error, Refused) and error.code in _NOT_SEEN_YET
    return unseen or isinstance(error, Throttled | Unreachable)


def request(cloud: Cloud, step: RunInstance, group_id: str, now: float, *, zone: str = "") -> dict[str, Any]:
    """RunInstances's arguments for one instance.

    Args:
        cloud: where, and whose.
        step: what to run.
        group_id: its security group.
        now: seconds since the epoch; the end is reckoned from here.
        zone: the availability zone; empty where AWS may choose.

    Returns:
        JSON-like values only: it is written down before it is used.
    """
    token = f"awstune-{uuid.uuid4()}"
    host_key = guard.HostKey.generate()
    ends = None if step.ttl_s is None else now + step.ttl_s
    tags = {**step.tags, **instances.tags_for(cloud, step.name), names.TAG_TOKEN: token}
    instance_tags = {
        **tags,
        names.TAG_ENDS: guard.ends_word(ends),
        names.TAG_AT_END: step.at_end,
        names.TAG_WISHES: step.wishes,
        names.TAG_HOST_KEY: host_key.public,
        instances.TAG_DISK: str(step.disk_gib),
        instances.TAG_BASE: step.base,
        names.TAG_UNFETCHED: "",
        **({names.TAG_SSH_JUMP: step.ssh_jump} if step.ssh_jump else {}),
        **({names.TAG_BUCKET: step.bucket} if step.bucket else {}),
        **({names.TAG_IMDS: metadata.V1_BOOT} if step.imds_v1_boot else {}),
        **_user_tag(step.image),
        instances.TAG_TTL: guard.ends_word(step.ttl_s),
        **({instances.TAG_CAP: f"{step.max_usd:.10g}"} if step.max_usd is not None else {}),
        **({instances.TAG_RATE: f"{step.rate:g}"} if step.rate is not None else {}),
    }
    asked: dict[str, Any] = {
        "ClientToken": token,
        "ImageId": step.image_id,
        "InstanceType": step.type,
        "MinCount": 1,
        "MaxCount": 1,
        "KeyName": step.pair,
        "SecurityGroupIds": [group_id],
        "UserData": guard.user_data(
            host_key,
            ends=ends,
            stamp=token,
            limits=step.limits,
            bucket=step.bucket,
            keep_host_keys=step.imds_v1_boot,
        ),
        "InstanceInitiatedShutdownBehavior": step.at_end,
        "MetadataOptions": {
            "HttpTokens": "optional" if step.imds_v1_boot else "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
        },
        "BlockDeviceMappings": [_root_disk(step)],
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": network.tag_list(instance_tags)},
            {"ResourceType": "volume", "Tags": network.tag_list(tags)},
            {"ResourceType": "network-interface", "Tags": network.tag_list(tags)},
        ],
    }
    if step.bucket:
        asked["IamInstanceProfile"] = {"Name": names.RESULTS_PROFILE}
    if zone:
        asked["Placement"] = {"AvailabilityZone": zone}
    if step.subnet:
        asked["SubnetId"] = step.subnet
    if step.market == "spot":
        asked["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time"},
        }
    return asked


def _user_tag(image: str) -> dict[str, str]:
    family = fits.family(image)
    return {} if family is None or family.user == names.SSH_USER else {instances.TAG_USER: family.user}


def _root_disk(step: RunInstance) -> dict[str, Any]:
    disk = {
        "VolumeSize": step.disk_gib,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    return {"DeviceName": step.root_device, "Ebs": disk}

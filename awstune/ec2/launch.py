"""Applies a plan. Each call is repeatable: after a crash at any line the next launch finishes it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2 import guard, instances, keys, network, survey
from awstune.ec2.events import Applied, Launched, Retried
from awstune.ec2.faults import Refused, Throttled, Unreachable
from awstune.ec2.intent import Intent, intent_path, taken_up
from awstune.ec2.steps import (
    AllowSsh,
    CreateGroup,
    ImportKeyPair,
    LinkKey,
    RevokeSsh,
    RunInstance,
    Step,
    Wait,
)

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.plan import Plan
    from awstune.ec2.session import Cloud

Event = Applied | Launched | Retried
Now = Callable[[], float]
Sleep = Callable[[float], None]
_PAUSES_S = (1.0, 2.0, 4.0, 8.0)


def apply(
    cloud: Cloud, plan: Plan, keys_dir: Path, *, now: Now = time.time, sleep: Sleep = time.sleep
) -> Iterator[Event]:
    """Does what the plan says, step by step. Waiting is the caller's (`awstune.ec2.wait`).

    Args:
        cloud: where.
        plan: made just now; what it found is not looked at again.
        keys_dir: where private keys and intents are written.
        now: the clock, in seconds since the epoch.
        sleep: how pauses are made.

    Yields:
        `Applied` for each step that is done, `Launched` for each instance that AWS accepted, `Retried`
        before a call is made again.

    Raises:
        CloudError: AWS refused; what was made before stays, and the next launch finds it.
    """
    for step in plan.steps:
        if isinstance(step, RunInstance):
            yield from _run(cloud, step, keys_dir, now, sleep)
        elif not isinstance(step, Wait):
            yield Applied(step, _apply_one(cloud, step))


def request(cloud: Cloud, step: RunInstance, group_id: str, now: float) -> dict[str, Any]:
    """RunInstances's arguments for one instance.

    Args:
        cloud: where, and whose.
        step: what to run.
        group_id: its security group.
        now: seconds since the epoch; the end is reckoned from here.

    Returns:
        JSON-like values only: it is written down before it is used.
    """
    token = f"awstune-{uuid.uuid4()}"
    host_key = guard.HostKey.generate()
    ends = None if step.ttl_s is None else now + step.ttl_s
    tags = {**step.tags, **tags_for(cloud, step.name), names.TAG_TOKEN: token}
    instance_tags = {
        **tags,
        names.TAG_ENDS: guard.ends_word(ends),
        names.TAG_AT_END: step.at_end,
        names.TAG_WISHES: step.wishes,
        names.TAG_HOST_KEY: host_key.public,
        instances.TAG_DISK: str(step.disk_gib),
        instances.TAG_BASE: step.base,
    }
    asked: dict[str, Any] = {
        "ClientToken": token,
        "ImageId": step.image_id,
        "InstanceType": step.type,
        "MinCount": 1,
        "MaxCount": 1,
        "KeyName": step.pair,
        "SecurityGroupIds": [group_id],
        "UserData": guard.user_data(host_key, ends=ends, stamp=token),
        "InstanceInitiatedShutdownBehavior": step.at_end,
        "MetadataOptions": {
            "HttpTokens": "required",
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
    if step.subnet:
        asked["SubnetId"] = step.subnet
    if step.market == "spot":
        asked["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"SpotInstanceType": "one-time"},
        }
    return asked


def tags_for(cloud: Cloud, name: str) -> dict[str, str]:
    """The tags that everything made for ``name`` carries; ``Name`` is what the console shows."""
    return {"Name": f"awstune-{name}", names.TAG_NAME: name, names.TAG_OWNER: cloud.owner}


def _root_disk(step: RunInstance) -> dict[str, Any]:
    disk = {
        "VolumeSize": step.disk_gib,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    return {"DeviceName": step.root_device, "Ebs": disk}


def _apply_one(cloud: Cloud, step: Step) -> str:
    match step:
        case ImportKeyPair():
            return _import_key_pair(cloud, step)
        case LinkKey():
            return _link_key(step.path, step.link)
        case CreateGroup():
            name = step.group.removeprefix(names.SECURITY_GROUP_NAME.format(name=""))
            return network.create_group(cloud, step.group, step.vpc_id, tags_for(cloud, name))
        case AllowSsh():
            network.allow_ssh(cloud, _group_id(cloud, step.group, step.vpc_id), step.ssh_from)
        case RevokeSsh():
            network.revoke_ssh(cloud, _group_id(cloud, step.group, step.vpc_id), step.ssh_from)
        case _:
            raise TypeError(f"nobody knows how to apply {step!r}")
    return ""


def _import_key_pair(cloud: Cloud, step: ImportKeyPair) -> str:
    if step.link:
        _link_key(step.path, step.link)
    public = step.public or keys.generate(Path(step.path), key_type=step.key_type)
    name = step.pair.removeprefix(names.KEY_PAIR_NAME.format(name=""))
    tags = network.tag_list(tags_for(cloud, name))
    try:
        return cloud.ec2.import_key_pair(
            KeyName=step.pair,
            PublicKeyMaterial=f"{public} {step.pair}".encode(),
            TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}],
        )["KeyPairId"]
    except Refused as error:
        # botocore repeats a call whose answer was lost: then the pair is there, and it is this one.
        there = survey.find_pair(cloud, step.pair) if error.code == "InvalidKeyPair.Duplicate" else None
        if there is None or not keys.same(there.public, public):
            raise
        return step.pair


def _link_key(path: str, link: str) -> str:
    file = Path(path)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(link)
    return path


def _group_id(cloud: Cloud, group: str, vpc_id: str) -> str:
    if group.startswith("sg-"):
        return group
    found = network.find_group(cloud, group, vpc_id)
    if found is None:
        raise errors.CloudError(f"the security group {group} is gone", "repeat the command: it is made again")
    return found.id


def _run(cloud: Cloud, step: RunInstance, keys_dir: Path, now: Now, sleep: Sleep) -> Iterator[Event]:
    path = intent_path(keys_dir, step.name, cloud.region)
    intent = taken_up(path, step.wishes, now())
    if intent:
        there = yield from _ask(cloud, step, intent, sleep)
        if there:
            yield Launched(step, there)
            return
    asked = request(cloud, step, _group_id(cloud, step.group, step.vpc_id), now())
    intent = Intent(path, step.wishes, now(), asked)
    intent.write()
    launched = yield from _ask(cloud, step, intent, sleep)
    if launched is None:
        raise errors.CloudError(f"{step.name} ended at once", "`awstune ls --ended` may say why")
    yield Launched(step, launched)


def _ask(
    cloud: Cloud, step: RunInstance, intent: Intent, sleep: Sleep
) -> Generator[Event, None, Instance | None]:
    """Asks until there is an answer. None: the instance that this token made is gone already."""
    pauses = iter(_PAUSES_S)
    while True:
        try:
            answer = cloud.launcher.run_instances(**intent.request)
        except (Throttled, Unreachable) as error:
            pause = next(pauses, None)
            if pause is None:
                raise
            yield Retried(step.name, error.message, pause)
            sleep(pause)
        except Refused as error:
            intent.forget()
            if error.code == "IdempotentInstanceTerminated":
                return None
            raise
        else:
            intent.forget()
            found = instances.from_facts(answer["Instances"][0], cloud.region)
            return found if found.live else None

"""Ends and stops instances, and looks afterwards: hidden is not gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2 import backstop, instances, keys, network
from awstune.ec2.events import Changed, Removed
from awstune.ec2.faults import Refused
from awstune.ec2.instances import TAG_SEEN, Instance
from awstune.ec2.intent import forget_all
from awstune.ec2.network import tag_list

if TYPE_CHECKING:
    from pathlib import Path

    from awstune.ec2.session import Cloud

Event = Changed | Removed
Base = tuple[str, str]  # whose, and the NAME that things were made for
Left = list[dict[str, str]]
Now = Callable[[], float]
Sleep = Callable[[float], None]
TIMEOUT_S = 10 * 60.0
# A group stays in use for a while after its last instance has ended.
_GROUP_TRIES, _GROUP_EVERY_S = 30, 1.0


def terminate(
    cloud: Cloud,
    doomed: Sequence[Instance],
    keys_dir: Path,
    *,
    now: Now = time.time,
    sleep: Sleep = time.sleep,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Event]:
    """Ends instances and removes what was made beside them once nobody uses it.

    Args:
        cloud: where they are.
        doomed: which.
        keys_dir: where private keys lie; a key that opens nothing any more is deleted.
        now: the clock, in seconds.
        sleep: how pauses are made.
        timeout_s: how long they may take to end.

    Yields:
        `Changed` as they end, `Removed` for key pair, security group and key file.

    Raises:
        CloudError: AWS refused; then nothing is reported as ended.
        LeftBehind: an instance has not ended in time.
    """
    if doomed:
        cloud.ec2.terminate_instances(InstanceIds=[instance.id for instance in doomed])
        yield from _until(cloud, doomed, "terminated", now=now, sleep=sleep, timeout_s=timeout_s)
        backstop.disarm(cloud, [instance.id for instance in doomed])
    for owner, base in sorted(_bases(doomed)):
        yield from clean(cloud, base, keys_dir, sleep=sleep, owner=owner)


def clean(
    cloud: Cloud, base: str, keys_dir: Path, *, sleep: Sleep = time.sleep, owner: str | None = None
) -> Iterator[Removed]:
    """Removes key pair, key file, security group and stray schedules of NAME, unless an instance uses them.

    It is also what ends a launch that got no further than these.

    Args:
        cloud: where they are.
        base: NAME.
        keys_dir: where private keys lie.
        sleep: how pauses are made.
        owner: whose; None is the caller's, whose key file lies here.
    """
    owner = cloud.owner if owner is None else owner
    live = instances.own(cloud, everyone=True)
    for stray in _strays(cloud, owner, base, live):
        backstop.disarm(cloud, [stray])
        yield Removed("schedule", stray)
    if (owner, base) in _bases(live):
        return
    of_base = _filters([owner], names.TAG_NAME, [base])
    for pair in cloud.ec2.describe_key_pairs(Filters=of_base)["KeyPairs"]:
        cloud.ec2.delete_key_pair(KeyName=pair["KeyName"])
        yield Removed("key-pair", pair["KeyName"])
    if owner == cloud.owner:
        path = keys.key_path(keys_dir, keys.pair_name(base), cloud.region)
        if path.is_symlink() or path.exists():
            path.unlink()
            yield Removed("key-file", str(path))
        forget_all(keys_dir, keys.pair_name(base), cloud.region)
    for group in cloud.ec2.describe_security_groups(Filters=of_base)["SecurityGroups"]:
        network.close(cloud, group)
        delete_group(cloud, group["GroupId"], sleep)
        yield Removed("security-group", group["GroupId"])


def left_of(cloud: Cloud, base: str) -> bool:
    """Whether a launch of NAME left a key pair, a security group or a schedule of one's own behind."""
    of_base = _filters([cloud.owner], names.TAG_NAME, [base])
    if cloud.ec2.describe_key_pairs(Filters=of_base)["KeyPairs"]:
        return True
    if cloud.ec2.describe_security_groups(Filters=of_base)["SecurityGroups"]:
        return True
    return bool(_strays(cloud, cloud.owner, base, instances.own(cloud, everyone=True)))


def _strays(cloud: Cloud, owner: str, base: str, live: Iterable[Instance]) -> list[str]:
    found = backstop.strays(cloud, {one.id for one in live})
    return [one.id for one in found if (one.owner, one.base) == (owner, base)]


def leftovers(cloud: Cloud, gone: Iterable[Instance], bases_gone: Iterable[Base] = ()) -> Left:
    """What of ended instances is still there, as AWS's own answers say.

    Args:
        cloud: where they were.
        gone: the instances as they were before they ended.
        bases_gone: NAMEs of which there was no instance, only what had been made beside it.

    Returns:
        ``{kind, id}`` each: instance, volume, network-interface, schedule, security-group, key-pair.
    """
    known = list(gone)
    left = _of_instances(cloud, known) if known else []
    bases = _bases(known) | set(bases_gone)
    left += _beside(cloud, bases) if bases else []
    return [{"kind": kind, "id": id_} for kind, id_ in dict.fromkeys(left)]


def _of_instances(cloud: Cloud, known: Sequence[Instance]) -> list[tuple[str, str]]:
    tokens = {instance.tags.get(names.TAG_TOKEN, "-") for instance in known}
    owners = {instance.owner for instance in known}
    still = instances.describe(cloud, filters=_either("instance-id", [one.id for one in known]))
    left = [("instance", one.id) for one in still if one.state != "terminated"]
    # What was made with it is known by its token, what was put to it later by its id.
    disks = [volume for one in known for volume in one.volume_ids]
    cards = [card for one in known for card in one.interface_ids]
    volumes = {
        volume["VolumeId"]: volume.get("State")
        for asked in (_filters(owners, names.TAG_TOKEN, tokens), _either("volume-id", disks))
        for volume in cloud.ec2.describe_volumes(Filters=asked)["Volumes"]
    }
    interfaces = {
        card["NetworkInterfaceId"]: ""
        for asked in (_filters(owners, names.TAG_TOKEN, tokens), _either("network-interface-id", cards))
        for card in cloud.ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
    }
    left += [("volume", id_) for id_, state in volumes.items() if state != "deleting"]
    left += [("network-interface", id_) for id_ in interfaces]
    return left + [("schedule", id_) for id_ in backstop.left(cloud, [one.id for one in known])]


def stop(
    cloud: Cloud,
    chosen: Sequence[Instance],
    *,
    now: Now = time.time,
    sleep: Sleep = time.sleep,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Changed]:
    """Stops instances: their disks stay, and stay billed.

    Yields:
        `Changed` until all are stopped.

    Raises:
        UsageError: one is a spot instance, which AWS does not stop.
        CloudError: AWS refused.
    """
    spot = [instance.name for instance in chosen if instance.market == "spot"]
    if spot:
        raise errors.UsageError(
            f"{', '.join(spot)} cannot be stopped: AWS stops no spot instance of a one-time request",
            f"awstune terminate {' '.join(spot)} ends it; what its sweeps have made is fetched first",
        )
    for instance in chosen:
        seen = {TAG_SEEN: str(round(instance.running_s(now())))}
        cloud.ec2.create_tags(Resources=[instance.id], Tags=tag_list(seen))
    cloud.ec2.stop_instances(InstanceIds=[instance.id for instance in chosen])
    yield from _until(cloud, chosen, "stopped", now=now, sleep=sleep, timeout_s=timeout_s)
    # Else it would end for good, some time, what was only stopped.
    backstop.disarm(cloud, [one.id for one in chosen if one.at_end == "terminate"])


def base_name(instance: Instance) -> str:
    """The NAME that an instance's key pair and security group were made for; empty where unknown."""
    return instance.tags.get(instances.TAG_BASE, "")


def _until(
    cloud: Cloud, chosen: Sequence[Instance], wanted: str, *, now: Now, sleep: Sleep, timeout_s: float
) -> Iterator[Changed]:
    deadline = now() + timeout_s
    ids, seen = [instance.id for instance in chosen], dict[str, str]()
    while True:
        for found in instances.describe(cloud, ids):
            if seen.get(found.id) != found.state:
                seen[found.id] = found.state
                yield Changed(found.id, found.name, found.state)
        late = [instance for instance in chosen if seen.get(instance.id) not in (wanted, "terminated")]
        if not late:
            return
        if now() >= deadline:
            raise _late(late, seen, wanted)
        sleep(cloud.look_every_s)  # AWS tells nobody of a new state: one asks


def _late(late: Sequence[Instance], seen: dict[str, str], wanted: str) -> errors.LeftBehind:
    stands = ", ".join(f"{instance.name} ({instance.id}) is {seen.get(instance.id)}" for instance in late)
    return errors.LeftBehind(f"not {wanted} in time: {stands}", "look again with `awstune ls`, and repeat")


def delete_group(cloud: Cloud, group_id: str, sleep: Sleep) -> None:
    """Deletes a security group; one that is gone already is fine.

    Raises:
        CloudError: AWS refused.
        LeftBehind: something still has it.
    """
    for _ in range(_GROUP_TRIES):
        try:
            cloud.ec2.delete_security_group(GroupId=group_id)
        except Refused as error:
            if error.code == "InvalidGroup.NotFound":
                return
            if error.code != "DependencyViolation":
                raise
            sleep(_GROUP_EVERY_S)  # an ended instance has its group for a moment longer
        else:
            return
    raise errors.LeftBehind(
        f"the security group {group_id} is still in use", "repeat the command in a few minutes"
    )


def _bases(found: Iterable[Instance]) -> set[Base]:
    """Whose, and for which NAME, their key pairs and groups were made."""
    return {(one.owner, base_name(one)) for one in found if base_name(one)}


def _beside(cloud: Cloud, bases: set[Base]) -> list[tuple[str, str]]:
    live = instances.own(cloud, everyone=True)
    free, left = bases - _bases(live), list[tuple[str, str]]()
    strays = backstop.strays(cloud, {one.id for one in live})
    left += [("schedule", one.id) for one in strays if (one.owner, one.base) in bases]
    for owner in sorted({owner for owner, _ in bases}):
        of_bases = _filters([owner], names.TAG_NAME, [base for its, base in free if its == owner])
        groups = cloud.ec2.describe_security_groups(Filters=of_bases)["SecurityGroups"]
        pairs = cloud.ec2.describe_key_pairs(Filters=of_bases)["KeyPairs"]
        left += [("security-group", group["GroupId"]) for group in groups]
        left += [("key-pair", pair["KeyName"]) for pair in pairs]
    return left


def _either(name: str, values: Sequence[str]) -> Any:
    return [{"Name": name, "Values": list(values) or ["-"]}]


def _filters(owners: Iterable[str], tag: str, values: Iterable[str]) -> Any:
    return [
        {"Name": f"tag:{names.TAG_OWNER}", "Values": sorted(owners)},
        {"Name": f"tag:{tag}", "Values": sorted(values) or ["-"]},
    ]


def still_there(left: Sequence[Mapping[str, str]]) -> str:
    """What a terminate has left, ``{kind, id}`` each; of a region that did not answer nothing is known."""
    silent = ", ".join(thing["id"] for thing in left if thing["kind"] == "region")
    things = ", ".join(f"{thing['kind']} {thing['id']}" for thing in left if thing["kind"] != "region")
    unknown = f"what is in {silent} is not known, as AWS did not answer there"
    return "; ".join(said for said in (things and f"still there: {things}", silent and unknown) if said)

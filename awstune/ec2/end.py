"""Ends and stops instances, and looks afterwards: hidden is not gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2 import backstop, instances, keys, network
from awstune.ec2.events import Changed, Removed
from awstune.ec2.faults import Refused, Throttled
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
TERMINATE = "TerminateInstances"
# What an ended instance had stays in use for a while.
_TRIES, _EVERY_S = 30, 1.0
_A_CALL = 100  # instances; a filter takes 200 values, and some have two disks


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
        LeftBehind: an instance has not ended in time, or AWS refused to end it and ended others.
    """
    kept = _ask(cloud, doomed)
    ending = [one for one in doomed if one.id not in kept]
    stories = [_ended(cloud, ending, now=now, sleep=sleep, timeout_s=timeout_s)]
    stories += [clean(cloud, base, keys_dir, sleep=sleep, owner=who) for who, base in sorted(_bases(ending))]
    yield from _each(stories)
    if kept:
        raise errors.LeftBehind(f"not ended: {'; '.join(kept.values())}")


def _ask(cloud: Cloud, doomed: Sequence[Instance]) -> dict[str, str]:
    """Has AWS end them: all at once, else one by one, as it refuses all for one that it does not end.

    Returns:
        Those that it would not end, by their ids, and in which words.
    """
    kept = dict[str, str]()
    try:
        if doomed:
            cloud.ec2.terminate_instances(InstanceIds=[one.id for one in doomed])
    except Throttled:
        raise
    except Refused as refused:
        if len(doomed) == 1:
            refused.hint = _way_on(cloud, doomed[0], refused)
            raise
        for one in doomed:
            try:
                cloud.ec2.terminate_instances(InstanceIds=[one.id])
            except Refused as error:
                kept[one.id] = f"{one.name} ({one.id}): {error.message}; {_way_on(cloud, one, error)}"
        if len(kept) == len(doomed):
            raise
    return kept


def _way_on(cloud: Cloud, one: Instance, refused: Refused) -> str:
    if refused.code != "OperationNotPermitted":
        return refused.hint
    asked = f"ec2 modify-instance-attribute --instance-id {one.id} --no-disable-api-termination"
    return f"{cloud.aws(asked)} takes its protection away"


def _ended(
    cloud: Cloud, ending: Sequence[Instance], *, now: Now, sleep: Sleep, timeout_s: float
) -> Iterator[Event]:
    if ending:
        yield from _until(cloud, ending, "terminated", now=now, sleep=sleep, timeout_s=timeout_s)
        backstop.disarm(cloud, [one.id for one in ending])


def _each(stories: Iterable[Iterator[Event]]) -> Iterator[Event]:
    """One after the other; what AWS refuses in one keeps no other, and is raised when all are told."""
    met: Refused | errors.LeftBehind | None = None
    for story in stories:
        try:
            yield from story
        except (Refused, errors.LeftBehind) as error:
            met = met or error
    if met is not None:
        raise met


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
    for stray in _strays(cloud, owner, base):
        backstop.disarm(cloud, [stray])
        yield Removed("schedule", stray)
    of_base = _filters([owner], names.TAG_NAME, [base])
    pairs = cloud.ec2.describe_key_pairs(Filters=of_base)["KeyPairs"]
    groups = cloud.ec2.describe_security_groups(Filters=of_base)["SecurityGroups"]
    # Asked after what is removed: an instance that another laptop launches meanwhile keeps its own.
    if (owner, base) in _bases(instances.own(cloud, everyone=True)):
        return
    for pair in pairs:
        cloud.ec2.delete_key_pair(KeyName=pair["KeyName"])
        yield Removed("key-pair", pair["KeyName"])
    if owner == cloud.owner:
        path = keys.key_path(keys_dir, keys.pair_name(base), cloud.region)
        if path.is_symlink() or path.exists():
            path.unlink()
            yield Removed("key-file", str(path))
        forget_all(keys_dir, keys.pair_name(base), cloud.region)
    for group in groups:
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
    return bool(_strays(cloud, cloud.owner, base))


def _strays(cloud: Cloud, owner: str, base: str) -> list[str]:
    return [one.id for one in backstop.strays(cloud) if (one.owner, one.base) == (owner, base)]


def leftovers(
    cloud: Cloud,
    gone: Iterable[Instance],
    bases_gone: Iterable[Base] = (),
    *,
    sleep: Sleep = time.sleep,
) -> Left:
    """What of ended instances is still there, as AWS's own answers say.

    Args:
        cloud: where they were.
        gone: the instances as they were before they ended.
        bases_gone: NAMEs of which there was no instance, only what had been made beside it.
        sleep: how pauses are made: AWS takes a moment to take disks and interfaces off what has ended.

    Returns:
        ``{kind, id}`` each: instance, volume, network-interface, schedule, security-group, key-pair.
    """
    known = list(gone)
    parts = [known[at : at + _A_CALL] for at in range(0, len(known), _A_CALL)]
    left = [thing for part in parts for thing in _of_instances(cloud, part, sleep)]
    bases = _bases(known) | set(bases_gone)
    left += _beside(cloud, bases) if bases else []
    return [{"kind": kind, "id": id_} for kind, id_ in dict.fromkeys(left)]


def _of_instances(cloud: Cloud, known: Sequence[Instance], sleep: Sleep) -> list[tuple[str, str]]:
    still = instances.describe(cloud, filters=_either("instance-id", [one.id for one in known]))
    alive = [one.id for one in still if one.state != "terminated"]
    things = _things(cloud, known)
    for _ in range(_TRIES):
        if all(user is None or user in alive for user in things.values()):
            break
        sleep(_EVERY_S)  # AWS tells nobody when it has taken something off: one asks
        things = _things(cloud, known)
    schedules = [("schedule", id_) for id_ in backstop.left(cloud, [one.id for one in known])]
    return [*(("instance", id_) for id_ in alive), *things, *schedules]


def _things(cloud: Cloud, known: Sequence[Instance]) -> dict[tuple[str, str], str | None]:
    """Disks and network interfaces of instances that are still there, and which of these still has each."""
    # What was made with it is known by its token, what was put to it later by its id.
    tokens = {one.tags.get(names.TAG_TOKEN, "-") for one in known}
    made = _filters({one.owner for one in known}, names.TAG_TOKEN, tokens)
    disks = _either("volume-id", [volume for one in known for volume in one.volume_ids])
    cards = _either("network-interface-id", [card for one in known for card in one.interface_ids])
    ids, found = {one.id for one in known}, dict[tuple[str, str], str | None]()
    for asked in (made, disks):
        for disk in cloud.ec2.describe_volumes(Filters=asked)["Volumes"]:
            if disk.get("State") != "deleting":
                users = ids & {one.get("InstanceId", "") for one in disk.get("Attachments", [])}
                found["volume", disk["VolumeId"]] = next(iter(users), None)
    for asked in (made, cards):
        for card in cloud.ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]:
            users = ids & {card.get("Attachment", {}).get("InstanceId", "")}
            found["network-interface", card["NetworkInterfaceId"]] = next(iter(users), None)
    return found


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
        with suppress(Refused):  # for `ls` only: nothing keeps running for it
            cloud.ec2.create_tags(Resources=[instance.id], Tags=tag_list(seen))
    cloud.ec2.stop_instances(InstanceIds=[instance.id for instance in chosen])
    backstop.spare(cloud, chosen)  # before anybody waits, which may be interrupted
    yield from _until(cloud, chosen, "stopped", now=now, sleep=sleep, timeout_s=timeout_s)


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
    for _ in range(_TRIES):
        try:
            cloud.ec2.delete_security_group(GroupId=group_id)
        except Refused as error:
            if error.code == "InvalidGroup.NotFound":
                return
            if error.code != "DependencyViolation":
                raise
            sleep(_EVERY_S)  # an ended instance has its group for a moment longer
        else:
            return
    users = _users(cloud, group_id)
    by, hint = (f" by {', '.join(users)}", "end that first") if users else ("", "wait a few minutes")
    raise errors.LeftBehind(f"the security group {group_id} is still in use{by}", f"{hint}, then repeat")


def _users(cloud: Cloud, group_id: str) -> list[str]:
    """The instances that have a group, and the network interfaces of something else that do."""
    asked = _either("group-id", [group_id])
    cards = cloud.ec2.describe_network_interfaces(Filters=asked)["NetworkInterfaces"]
    ids = [card.get("Attachment", {}).get("InstanceId") or card["NetworkInterfaceId"] for card in cards]
    return sorted(set(ids))


def _bases(found: Iterable[Instance]) -> set[Base]:
    """Whose, and for which NAME, their key pairs and groups were made."""
    return {(one.owner, base_name(one)) for one in found if base_name(one)}


def _beside(cloud: Cloud, bases: set[Base]) -> list[tuple[str, str]]:
    free = bases - _bases(instances.own(cloud, everyone=True))
    left = [("schedule", one.id) for one in backstop.strays(cloud) if (one.owner, one.base) in bases]
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
        instances.made_by(*owners),
        {"Name": f"tag:{tag}", "Values": sorted(values) or ["-"]},
    ]


def still_there(left: Sequence[Mapping[str, str]]) -> str:
    """What a terminate has left, ``{kind, id}`` each; of a region that did not answer nothing is known."""
    silent = ", ".join(thing["id"] for thing in left if thing["kind"] == "region")
    things = ", ".join(f"{thing['kind']} {thing['id']}" for thing in left if thing["kind"] != "region")
    unknown = f"what is in {silent} is not known, as AWS did not say"
    return "; ".join(said for said in (things and f"still there: {things}", silent and unknown) if said)

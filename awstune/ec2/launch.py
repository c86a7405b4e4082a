"""Applies a plan. Each call is repeatable: after a crash at any line the next launch finishes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune import errors, names
from awstune.ec2 import backstop, end, instances, keys, network, survey
from awstune.ec2.events import Applied, Launched, NoBackstop, NoRoom, Removed, Retried
from awstune.ec2.faults import NotPermitted, Refused, Throttled, Unreachable, definite
from awstune.ec2.fleet import run_all
from awstune.ec2.intent import intent_path
from awstune.ec2.run import Now, Sleep, once_seen
from awstune.ec2.steps import (
    AllowSsh,
    ArmBackstop,
    CreateGroup,
    ImportKeyPair,
    JoinGroup,
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

_SHOWN_S = 30
Event = Applied | Launched | Retried | NoRoom | NoBackstop | Removed


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
        before a call is made again, `NoRoom` before the next zone or type is asked, `Removed` for what is
        taken away again after a refusal.

    Raises:
        PartLaunched: some instances of several are launched, then AWS refused.
        Refused: AWS refused, and nothing was launched; what had been made for it is gone again, or named.
        CloudError: nobody knows what AWS did (`unsettled`); what was made before stays, and the next launch
            finds it.
    """
    made: list[Applied] = []
    launched: list[Instance] = []
    try:
        for event in _steps(cloud, plan, keys_dir, now=now, sleep=sleep):
            launched += [event.instance] if isinstance(event, Launched) else []
            made += [event] if isinstance(event, Applied) else []
            yield event
    except errors.CloudError as error:
        opened = unsettled(cloud, plan, keys_dir, error)
        said = _explained(cloud, error, launched, plan, opened=opened)
        if isinstance(said, Refused) and not opened:
            yield from _undone(cloud, plan, made, said, sleep)
        raise said from error
    _until_shown(cloud, launched, sleep)


def unsettled(cloud: Cloud, plan: Plan, keys_dir: Path, error: errors.CloudError) -> bool:
    """Whether AWS may have acted all the same on what a launch asked last.

    Then nothing is taken away, least of all the only key to what may run by now; whoever tells of the error
    says what may stand.
    """
    intents = (intent_path(keys_dir, run.name, cloud.region) for run in plan.launches)
    return not definite(error) or any(path.exists() for path in intents)


def _steps(cloud: Cloud, plan: Plan, keys_dir: Path, *, now: Now, sleep: Sleep) -> Iterator[Event]:
    for step in plan.steps:
        if isinstance(step, ArmBackstop):
            yield from _armed(cloud, step)
        elif not isinstance(step, RunInstance | Wait):
            yield Applied(step, once_seen(partial(_apply_one, cloud, step), sleep))
    if plan.launches:
        yield from run_all(cloud, plan.launches, keys_dir, now=now, sleep=sleep)


def _armed(cloud: Cloud, step: ArmBackstop) -> Iterator[Applied | NoBackstop]:
    """It is a second end: where AWS refuses it, the instance has its own.

    Raises:
        InstanceDied: it has ended since the plan was made.
    """
    # A filter rather than an id: AWS answers an id that it has forgotten with an error.
    asked: Any = {"Name": "instance-id", "Values": [step.id]}
    try:
        live = [one for one in instances.describe(cloud, filters=[asked]) if one.live]
        for one in live:
            backstop.arm(cloud, one, one.ends)
    except errors.CloudError as error:
        yield NoBackstop(step.name, error.message)
        return
    if not live:
        raise errors.InstanceDied(
            f"{step.name} ({step.id}) has just ended, so it costs nothing more",
            f"the same command again launches another; awstune terminate {step.base} removes what is left",
        )
    yield Applied(step, step.id)


def _undone(cloud: Cloud, plan: Plan, made: list[Applied], said: Refused, sleep: Sleep) -> Iterator[Removed]:
    """Takes away what was made for instances that AWS refused; what stays after all is said."""
    left = [one for one in reversed(made) if isinstance(one.step, CreateGroup | ImportKeyPair)]
    if not left:
        return
    ends = f"awstune terminate {plan.launches[0].base}"
    try:
        # Another machine with the same key may be at work on the same name.
        wanted = [run.name for run in plan.launches]
        there = sorted({one.name for one in instances.named(cloud, wanted) if one.live})
        if there:
            said.message += f"; yet {' '.join(there)} is there, goes on and costs"
            said.hint += f"; {ends} ends it"
            return
        while left:
            yield _taken_away(cloud, left[0], sleep)
            left.pop(0)
    except errors.AwstuneError as error:
        things = " and ".join(_called(one.step) for one in left)
        said.message += f"; {things} could not be removed again, and costs nothing: {error.message}"
        said.hint += f"; {ends} removes it"


def _taken_away(cloud: Cloud, one: Applied, sleep: Sleep) -> Removed:
    if isinstance(one.step, ImportKeyPair):
        cloud.ec2.delete_key_pair(KeyName=one.step.pair)
        _forget_key(one.step)
        return Removed("key-pair", one.step.pair)
    end.delete_group(cloud, one.id, sleep)
    return Removed("security-group", one.id)


def _called(step: Step) -> str:
    return f"the key pair {step.pair}" if isinstance(step, ImportKeyPair) else "the security group"


def _forget_key(step: ImportKeyPair) -> None:
    """Removes what the step has put to its path; a key that was there before stays."""
    if step.link or step.public is None:
        Path(step.path).unlink(missing_ok=True)


def _until_shown(cloud: Cloud, launched: list[Instance], sleep: Sleep) -> None:
    """EC2 is eventually consistent: whoever looks for the new ones by name shall find them all."""
    ids = {instance.id for instance in launched}
    for _ in range(_SHOWN_S):
        with contextlib.suppress(Throttled, Unreachable):
            if ids <= {found.id for found in instances.named(cloud, {one.name for one in launched})}:
                return
        sleep(1.0)  # nothing tells when AWS shows it


class PartLaunched(errors.CloudError):
    """AWS refused after some of several instances were launched; those run, and cost.

    Attributes:
        launched: what there is now.
    """

    kind = "part_launched"

    def __init__(self, message: str, hint: str, launched: tuple[Instance, ...]) -> None:
        super().__init__(message, hint)
        self.launched = launched


def _explained(
    cloud: Cloud, error: errors.CloudError, launched: list[Instance], plan: Plan, *, opened: bool
) -> errors.CloudError:
    if isinstance(error, NotPermitted):
        error = cloud.decoded(error)
    if not launched:
        return error
    there = ", ".join(sorted(instance.name for instance in launched))
    more = "; AWS may have accepted more, which cost, too: awstune ls shows them" if opened else ""
    return PartLaunched(
        f"{len(launched)} of {len(plan.launches)} are launched ({there}), then: {error.message}{more}",
        f"repeat the command to get the rest, or `awstune terminate {there.replace(',', '')}`",
        tuple(launched),
    )


def _apply_one(cloud: Cloud, step: Step) -> str:
    match step:
        case ImportKeyPair():
            return _import_key_pair(cloud, step)
        case LinkKey():
            return _link_key(step.path, step.link)
        case CreateGroup():
            name = step.group.removeprefix(names.SECURITY_GROUP_NAME.format(name=""))
            return network.create_group(cloud, step.group, step.vpc_id, instances.tags_for(cloud, name))
        case AllowSsh():
            group_id = network.group_id(cloud, step.group, step.vpc_id)
            network.allow_ssh(cloud, group_id, step.ssh_from, typed=step.typed)
        case JoinGroup():
            network.join(cloud, network.group_id(cloud, step.group, step.vpc_id))
        case RevokeSsh():
            network.revoke_ssh(cloud, network.group_id(cloud, step.group, step.vpc_id), step.ssh_from)
        case _:
            raise TypeError(f"nobody knows how to apply {step!r}")
    return ""


def _import_key_pair(cloud: Cloud, step: ImportKeyPair) -> str:
    if step.link:
        _link_key(step.path, step.link)
    public = step.public or keys.generate(Path(step.path), key_type=step.key_type)
    name = step.pair.removeprefix(names.KEY_PAIR_NAME.format(name=""))
    tags = network.tag_list(instances.tags_for(cloud, name))
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
            if definite(error):
                _forget_key(step)
            raise
        return step.pair


def _link_key(path: str, link: str) -> str:
    file = Path(path)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(link)
    return path

"""A second end, from outside: a one-time EventBridge schedule that ends an instance whose guard did not.

It is optional: it exists where an account owner has applied ``infra/ttl-backstop.yaml``, which makes the
schedule group and the role that the schedules act under. One schedule an instance, named by its id.

Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.ec2 import instances
from awstune.ec2.faults import NotPermitted, Refused
from awstune.ec2.guard import HOLD_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

GROUP, ROLE = names.BACKSTOP_GROUP, names.BACKSTOP_ROLE
# The guard may hold an end off while results are fetched; then it gets some minutes more.
GRACE_S = HOLD_S + 5 * 60.0
# Schedules carry no tags: whose one is, and which NAME's, stands in its description.
_SAYS = "awstune: {base} of {owner}"
_SAID = re.compile(r"awstune: (\S+) of (\S+)")
_FOR_GOOD = "terminateInstances"


def arm(cloud: Cloud, instance: Instance, ends: float | None) -> None:
    """Schedules the end of ``instance`` for some minutes after ``ends``, or moves it there.

    Does nothing where the account has no backstop. None takes the schedule away.

    Raises:
        CloudError: AWS refused, for another reason than that the caller may not list them.
    """
    if not cloud.has_backstop:
        return
    if ends is None:
        disarm(cloud, [instance.id])
        return
    asked = _schedule(cloud, instance, ends)
    try:
        cloud.scheduler.create_schedule(**asked)
    except Refused as error:
        if error.code != "ConflictException":
            raise
        cloud.scheduler.update_schedule(**asked)


def disarm(cloud: Cloud, ids: Iterable[str]) -> None:
    """Takes the schedules of these instances away; those that are gone are fine.

    Raises:
        CloudError: AWS refused.
    """
    if not cloud.has_backstop:
        return
    for id_ in ids:
        try:
            cloud.scheduler.delete_schedule(GroupName=GROUP, Name=id_)
        except Refused as error:
            if error.code != "ResourceNotFoundException":
                raise


def spare(cloud: Cloud, stopped: Iterable[Instance]) -> None:
    """Takes away the schedules that would end for good what is only stopped; the others do it no harm.

    Raises:
        CloudError: AWS refused.
    """
    disarm(cloud, [one.id for one in stopped if _verb(one) == _FOR_GOOD])


def left(cloud: Cloud, ids: Iterable[str]) -> list[str]:
    """Those of ``ids`` that still have a schedule.

    Raises:
        CloudError: AWS refused.
    """
    if not cloud.has_backstop:
        return []
    return [id_ for id_ in ids if _there(cloud, id_)]


@dataclass(frozen=True)
class Stray:
    """A schedule whose instance is gone.

    Attributes:
        id: of the instance, which is its name.
        base: the NAME that the instance was launched for.
        owner: whose.
    """

    id: str
    base: str
    owner: str


def strays(cloud: Cloud) -> list[Stray]:
    """The schedules, whoever's, that would end none of awstune's live instances.

    An instance is there before its schedule is: of those that are listed first none belongs to an instance
    that another launch makes meanwhile, and would lose its end from outside.

    Raises:
        CloudError: AWS refused.
    """
    if not cloud.has_backstop:
        return []
    pages = cloud.scheduler.get_paginator("list_schedules").paginate(GroupName=GROUP)
    # An older policy does not allow it: what has an instance ends in any case, and a stray costs nothing.
    with suppress(NotPermitted):
        listed = [one["Name"] for page in pages for one in page["Schedules"]]
        live = {one.id for one in instances.own(cloud, everyone=True)} if listed else set()
        said = {name: _SAID.fullmatch(_description(cloud, name)) for name in listed if name not in live}
        return [Stray(name, found[1], found[2]) for name, found in said.items() if found]
    return []


def _description(cloud: Cloud, id_: str) -> str:
    try:
        return str(cloud.scheduler.get_schedule(GroupName=GROUP, Name=id_).get("Description") or "")
    except Refused as error:
        if error.code == "ResourceNotFoundException":  # it has been carried out meanwhile
            return ""
        raise


def _there(cloud: Cloud, id_: str) -> bool:
    try:
        cloud.scheduler.get_schedule(GroupName=GROUP, Name=id_)
    except Refused as error:
        if error.code == "ResourceNotFoundException":
            return False
        raise
    return True


def _schedule(cloud: Cloud, instance: Instance, ends: float) -> dict[str, Any]:
    at = datetime.fromtimestamp(ends + GRACE_S, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    base = instance.tags.get(instances.TAG_BASE, instance.name)
    return {
        "GroupName": GROUP,
        "Name": instance.id,
        "Description": _SAYS.format(base=base, owner=instance.owner),
        "ScheduleExpression": f"at({at})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": f"arn:aws:scheduler:::aws-sdk:ec2:{_verb(instance)}",
            "RoleArn": f"arn:aws:iam::{cloud.account}:role/{ROLE}",
            "Input": json.dumps({"InstanceIds": [instance.id]}),
        },
    }


def _verb(instance: Instance) -> str:
    return "stopInstances" if instance.at_end == "stop" else _FOR_GOOD

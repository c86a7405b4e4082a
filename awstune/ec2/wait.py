"""Waits for a whole fleet with one poller: one describe call a second for up to a hundred instances.

botocore's waiters look every 15 s, at one of the checks, and sit out ten minutes beside an instance
that has ended; this one fails at once and says what died.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from awstune import errors
from awstune.ec2 import instances
from awstune.ec2.events import Waiting
from awstune.ec2.faults import Refused, Throttled, Unreachable

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

TIMEOUT_S = 15 * 60.0
_PATIENT_S = 5.0
_IDS_A_CALL = 100
_PAGE = 1000
# Their presence says that a check applies; AWS may add more, so any key of this shape counts.
_CHECK_SUFFIX = "Status"


def until_ready(
    cloud: Cloud,
    ids: Sequence[str],
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Waiting]:
    """Waits until all of ``ids`` run and pass all status checks that apply to them.

    Args:
        cloud: where they are.
        ids: ``i-...``; one that AWS does not show yet counts as pending.
        now: the clock, in seconds.
        sleep: how pauses are made.
        timeout_s: how long it may take.

    Yields:
        `Waiting` for an instance whenever it has changed; the last one of each has ``ready`` set.

    Raises:
        InstanceDied: one has ended, or is on its way to; with AWS's reason.
        NotReady: a check is impaired, or the time is up.
    """
    deadline = now() + timeout_s
    open_ids, seen = list(ids), dict[str, Waiting]()
    while True:
        pause = cloud.look_every_s
        try:
            statuses = _poll(cloud, open_ids)
        except (Throttled, Unreachable):
            statuses, pause = {}, _PATIENT_S
        for id_, facts in statuses.items():
            told = _judge(cloud, id_, facts)
            if told != seen.get(id_):
                seen[id_] = told
                yield told
        open_ids = [id_ for id_ in open_ids if id_ not in seen or not seen[id_].ready]
        if not open_ids:
            return
        if now() >= deadline:
            raise _too_long(seen, open_ids, timeout_s)
        sleep(pause)  # AWS tells nobody that a check is passed: one asks


def checks(facts: Any) -> dict[str, str]:
    """The status checks that apply, by AWS's name, as DescribeInstanceStatus answers them."""
    found = {
        name: value["Status"]
        for name, value in facts.items()
        if name.endswith(_CHECK_SUFFIX) and isinstance(value, dict) and "Status" in value
    }
    return {name: status for name, status in found.items() if status != "not-applicable"}


def _poll(cloud: Cloud, ids: Sequence[str]) -> dict[str, Any]:
    if len(ids) <= _IDS_A_CALL:
        return _describe(cloud, InstanceIds=list(ids))
    every = _describe(cloud, PaginationConfig={"PageSize": _PAGE})
    return {id_: every[id_] for id_ in ids if id_ in every}


def _describe(cloud: Cloud, **asked: Any) -> dict[str, Any]:
    paginator = cloud.ec2.get_paginator("describe_instance_status")
    try:
        pages = paginator.paginate(IncludeAllInstances=True, **asked)
        return {facts["InstanceId"]: facts for page in pages for facts in page["InstanceStatuses"]}
    except Refused as error:
        # An instance may not be shown for a while after RunInstances answered with it.
        if error.code == "InvalidInstanceID.NotFound":
            return {}
        raise


def _judge(cloud: Cloud, id_: str, facts: Any) -> Waiting:
    state = facts["InstanceState"]["Name"]
    if state not in ("pending", "running"):
        raise _died(cloud, id_, state)
    found = checks(facts)
    for check, status in found.items():
        if status == "impaired":
            there = _shown(cloud, id_)
            name = there.name if there else "NAME"
            raise errors.NotReady(
                f"{_called(there, id_)} is impaired: AWS's check {check} failed; it goes on, and costs",
                f"awstune terminate {name}, and launch again: the machine below it is at fault",
            )
    passed = sum(status == "ok" for status in found.values())
    if state == "pending" or not found:
        return Waiting(id_, state, "-")
    return Waiting(id_, state, f"{passed}/{len(found)}", ready=passed == len(found))


def _died(cloud: Cloud, id_: str, state: str) -> errors.InstanceDied:
    found = _shown(cloud, id_)
    reason = (found.state_reason if found else "") or "AWS gives no reason"
    hint = "nothing of it runs any more; the same command again launches another"
    if state not in instances.ENDED:
        name = found.name if found else "NAME"
        hint = f"its disk goes on costing: awstune start {name}, or awstune terminate {name} ends that, too"
    return errors.InstanceDied(f"{_called(found, id_)} is {state} instead of getting ready: {reason}", hint)


def _shown(cloud: Cloud, id_: str) -> Instance | None:
    """The instance, for its name and AWS's reason; what has become of it is said without them, too."""
    with contextlib.suppress(errors.CloudError):
        return next(iter(instances.describe(cloud, [id_])), None)
    return None


def _called(found: Instance | None, id_: str) -> str:
    return f"{found.name} ({id_})" if found else id_


def _too_long(seen: dict[str, Waiting], open_ids: Sequence[str], timeout_s: float) -> errors.NotReady:
    stands = [
        f"{id_} is {seen[id_].state}, checks {seen[id_].checks}" if id_ in seen else f"{id_} does not show"
        for id_ in open_ids
    ]
    return errors.NotReady(
        f"not ready after {timeout_s / 60:.0f} minutes: {'; '.join(stands)}",
        "it runs and costs money: `awstune ls` shows it, `awstune terminate` ends it",
    )

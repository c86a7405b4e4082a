"""EventBridge's one-time schedules, obeyed: moto keeps them, and carries none out.

What the backstop asks for (`awstune.ec2.backstop`) is what is understood: at a time, have EC2 stop or
terminate instances, then be gone.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.scheduler.models import scheduler_backends

if TYPE_CHECKING:
    from awstune.localcloud.clock import Clock

EVERY_S = 0.5
_VERBS = {
    "arn:aws:scheduler:::aws-sdk:ec2:stopInstances": "stop_instances",
    "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances": "terminate_instances",
}
_log = logging.getLogger(__name__)


def keep(clock: Clock, account: str, now: Callable[[], float] = time.time) -> None:
    """Carries out what is due, again and again, for as long as the clock runs.

    Args:
        clock: what has it look again.
        account: whose schedules.
        now: seconds since the epoch.
    """
    try:
        for region, backend in list(scheduler_backends[account].items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in [one for one in group.schedules.values() if _is_due(one, now())]:
                    group.schedules.pop(schedule.name, None)
                    _carry_out(schedule.target, ec2_backends[account][region])
    finally:
        clock.after(EVERY_S, lambda: keep(clock, account, now))


def _is_due(schedule: Any, now: float) -> bool:
    at = datetime.strptime(schedule.schedule_expression, "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
    return at.timestamp() <= now


def _carry_out(target: dict[str, Any], ec2: Any) -> None:
    try:
        getattr(ec2, _VERBS[target["Arn"]])(json.loads(target["Input"])["InstanceIds"])
    except ServiceException as error:  # such as an instance that has ended, or stopped, by itself
        _log.info("a schedule came to nothing: %s", error)

"""Runs several instances at a time: each is a call of its own, with its own token and host key."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from awstune import errors
from awstune.ec2 import backstop, network
from awstune.ec2.events import Launched, NoBackstop, NoRoom, Retried
from awstune.ec2.run import Now, Sleep, once_seen, run

if TYPE_CHECKING:
    from pathlib import Path

    from awstune.ec2.session import Cloud
    from awstune.ec2.steps import RunInstance

Event = Launched | Retried | NoRoom | NoBackstop
# RunInstances is throttled at a few a second; more at once would only be sent away.
AT_ONCE = 8


def run_all(
    cloud: Cloud, steps: Sequence[RunInstance], keys_dir: Path, *, now: Now, sleep: Sleep
) -> Iterator[Event]:
    """Runs all of ``steps``, `AT_ONCE` at a time; what happens is told as it comes.

    After an error nothing more is begun; what is under way is waited for and told.

    Raises:
        CloudError: the first error, after all else has been told.
    """
    found = partial(network.group_id, cloud, steps[0].group, steps[0].vpc_id)
    group_id = once_seen(found, sleep)
    if len(steps) == 1:
        yield from _one(cloud, steps[0], group_id, keys_dir, now=now, sleep=sleep)
        return
    # Clients and identity are made here: a boto3 Session is not for several threads.
    _ = cloud.launcher, cloud.owner, cloud.has_backstop, cloud.scheduler
    told: queue.SimpleQueue[Event | Future[None]] = queue.SimpleQueue()
    stop = threading.Event()

    def work(step: RunInstance) -> None:
        if stop.is_set():
            return
        try:
            for event in _one(cloud, step, group_id, keys_dir, now=now, sleep=sleep):
                told.put(event)
        except BaseException:  # whatever it is: nobody begins another one after it
            stop.set()
            raise

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="launch") as pool:
        try:
            yield from _listen(told, [pool.submit(work, step) for step in steps])
        finally:
            stop.set()


def _listen(told: queue.SimpleQueue[Event | Future[None]], works: Sequence[Future[None]]) -> Iterator[Event]:
    for future in works:
        future.add_done_callback(told.put)
    done: list[Future[None]] = []
    while len(done) < len(works):
        item = told.get()
        if isinstance(item, Future):
            done.append(item)
        else:
            yield item
    for future in done:
        future.result()


def _one(
    cloud: Cloud, step: RunInstance, group_id: str, keys_dir: Path, *, now: Now, sleep: Sleep
) -> Iterator[Event]:
    for event in run(cloud, step, group_id, keys_dir, now=now, sleep=sleep):
        yield event
        if isinstance(event, Launched):
            yield from _backstop(cloud, event)


def _backstop(cloud: Cloud, launched: Launched) -> Iterator[NoBackstop]:
    try:
        backstop.arm(cloud, launched.instance, launched.instance.ends)
    except errors.CloudError as error:
        yield NoBackstop(launched.instance.name, error.message)

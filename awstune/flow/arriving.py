"""Waiting until instances are ready, and the first login to each: several at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from awstune.config import Config
from awstune.ec2 import instances, wait
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, ConnectionLost, KeyFileError, NoGuard, NotReady, RemoteError
from awstune.flow import access, closing, login
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.flow.together import together
from awstune.names import ARMED_FILE, ROOT_VARIABLE

SSH_PATIENCE_S = 60.0
# Each is a connection, some calls to AWS, and a host key that is made there.
AT_ONCE = 8
# The guard's timer may fire a moment after sshd lets us in, as it does after a quick start.
_ARMED = (
    f'for _ in $(seq {{looks}}); do test -e "${{{{{ROOT_VARIABLE}}}}}{ARMED_FILE}" && exit 0; '
    "sleep 0.2; done; exit 1"
)
_NAMED = 6  # instances that a line can name


def until_in(
    config: Config,
    cloud: Cloud,
    waited: Sequence[Instance],
    ssh_patience_s: float = SSH_PATIENCE_S,
    running: Callable[[str], object] = lambda _: None,
) -> Story[None]:
    """Waits until instances run, pass every status check, let us in, and their guard is armed.

    All are logged in to, whatever comes of the first ones.

    Args:
        config: the options.
        cloud: where they are.
        waited: the instances.
        ssh_patience_s: how long sshd may take once the checks are passed.
        running: told the NAME of each that runs, and whose checks are still to pass.

    Raises:
        InstanceDied: one ended meanwhile.
        NotReady: one does not pass its checks, or lets nobody in.
        NoGuard: one has no guard; that comes before all else.
    """
    began = time.monotonic()
    name_of = {one.id: one.name for one in waited}
    seen = dict.fromkeys(name_of, "pending")
    for event in wait.until_ready(cloud, list(name_of)):
        seen[event.id] = f"{event.state}, {event.checks} checks" if event.state == "running" else event.state
        if event.state == "running":
            running(name_of[event.id])
        yield Doing(f"waiting: {_standing({name_of[id_]: word for id_, word in seen.items()})}")
    there = live(cloud, name_of.values())
    ends = yield from together(
        [_arrival(config, cloud, one, ssh_patience_s, began) for one in there], AT_ONCE
    )
    failed = [end for end in ends if isinstance(end, AwstuneError)]
    unguarded = [one.name for one, end in zip(there, ends, strict=True) if end is False]
    for error in failed[1:]:
        yield Warned(error.message)
    if unguarded:  # what nothing ends comes before what only lets nobody in
        raise _no_guard(unguarded, failed[0].message if failed else "")
    if failed:
        raise failed[0]


def live(cloud: Cloud, names: Iterable[str]) -> list[Instance]:
    """The instances of these names that exist, by name."""
    return sorted((one for one in instances.named(cloud, names) if one.live), key=lambda one: one.name)


def _arrival(config: Config, cloud: Cloud, one: Instance, patience_s: float, began: float) -> Story[bool]:
    """Logs in for the first time and shuts what is due; whether the guard is armed."""
    yield Doing(f"{one.name}: opening a verified SSH connection")
    try:
        with access.enter(config, cloud, one, patience_s=patience_s) as connection:
            guarded = connection.run(_ARMED.format(looks=round(patience_s)), check=False).status == 0
            access.note_hours(cloud, one, connection)
            if guarded:
                yield from closing.close(config.home, cloud, one, connection)
    except (RemoteError, KeyFileError) as error:
        raise _shut_out(cloud, one, error) from error
    if guarded:
        yield Done(f"{one.name} is ready after {time.monotonic() - began:.0f} s: {one.address}")
    return guarded


def _no_guard(names: Sequence[str], also: str = "") -> NoGuard:
    which = " ".join(names)
    what = f"{also}; and {which}" if also else which
    return NoGuard(f"{what} has no guard that would end it", f"awstune terminate {which}", names=tuple(names))


def _standing(words: Mapping[str, str]) -> str:
    """Each instance with its state; of many, how many are in each."""
    if len(words) <= _NAMED:
        return " · ".join(f"{name} {word}" for name, word in words.items())
    return " · ".join(f"{number} {word}" for word, number in Counter(words.values()).most_common())


def _shut_out(cloud: Cloud, one: Instance, error: RemoteError | KeyFileError) -> NotReady:
    hint, ends = error.hint, f"awstune terminate {one.name}"
    if isinstance(error, ConnectionLost):
        why = login.explained(cloud, one, error)
        error, hint = why, "" if why is error else why.hint
    return NotReady(
        f"{one.name} passes its checks, but lets nobody in: {error.message}; it goes on, and costs",
        f"{hint}; {ends} ends it" if hint else ends,
    )

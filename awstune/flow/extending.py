"""A later end: on the disk, where the guard reads it, then in the tag, where people do."""

from __future__ import annotations

from awstune.config import Config
from awstune.ec2 import extend, guard
from awstune.ec2.extend import Extension
from awstune.ec2.session import Cloud
from awstune.errors import CloudError, KeyFileError, RemoteError
from awstune.flow import launch, login
from awstune.flow.events import Doing, Done, Story


def carry_out(config: Config, cloud: Cloud, extension: Extension) -> Story[None]:
    """Moves the end of an instance.

    The disk comes first: a crash in between leaves a tag that says too early an end, never one that
    promises time that the guard does not give. Where the instance cannot be reached, neither is written.

    Raises:
        NameBusy: another awstune is at work on it.
        RemoteError: the instance cannot be reached; its end has not moved, on disk or tag.
        CloudError: AWS refused the tag or the backstop: the disk is written, the same command does the rest.
    """
    claim = launch.claimed(config, cloud, [extension.instance.name], "extend")
    try:
        yield from _move(config, cloud, extension)
    finally:
        claim.release()


def _move(config: Config, cloud: Cloud, extension: Extension) -> Story[None]:
    one = extension.instance
    yield Doing(f"{one.name}: moving the end on its disk")
    try:
        with (yield from login.enter(config, cloud, one)) as connection:
            if extension.limits is not None:
                connection.run(guard.more_limits_command(extension.limits))
            connection.run(guard.move_end_command(extension.ends))
    except (RemoteError, KeyFileError) as error:
        raise type(error)(
            f"the end of {one.name} has not moved, as its disk cannot be written: {error.message}",
            error.hint or f"awstune ssh {one.name} shows whether it can be reached; then repeat",
        ) from error
    try:
        if extension.limits is not None and extension.max_usd is not None:
            extend.write_cap(cloud, one, extension.max_usd)
        extend.write_end(cloud, one, extension.ends)
    except CloudError as error:
        error.message += f"; the end of {one.name} has moved on its disk only: AWS may still end it before"
        error.hint = "; ".join(filter(None, (error.hint, "then the same command finishes it")))
        raise
    yield Done(f"{one.name}: the end is moved, on its disk and in its tag")

"""A later end: on the disk, where the guard reads it, then in the tag, where people do."""

from __future__ import annotations

from awstune.config import Config
from awstune.ec2 import extend, guard
from awstune.ec2.extend import Extension
from awstune.ec2.session import Cloud
from awstune.flow import access
from awstune.flow.events import Doing, Done, Story


def carry_out(config: Config, cloud: Cloud, extension: Extension) -> Story[None]:
    """Moves the end of an instance.

    The disk comes first: a crash in between leaves a tag that says too early an end, never one that
    promises time that the guard does not give.

    Raises:
        RemoteError: the instance cannot be reached; its end has not moved.
        CloudError: AWS refused the tag.
    """
    one = extension.instance
    yield Doing(f"{one.name}: moving the end on its disk")
    with access.connect(access.address_of(config, cloud, one)) as connection:
        connection.run(guard.move_end_command(extension.ends))
    extend.write_end(cloud, one, extension.ends)
    yield Done(f"{one.name}: the end is moved, on its disk and in its tag")

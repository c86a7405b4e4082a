"""What a sweep takes along beside its project: the data that ``--data`` names."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from awstune.amounts import size
from awstune.config import Config
from awstune.errors import UsageError
from awstune.flow.events import Doing, Done, Story
from awstune.names import REMOTE_ROOT
from awstune.remote import delivery
from awstune.remote.bootstrap import Runtime
from awstune.remote.delivery import Delivered
from awstune.remote.project import Project
from awstune.remote.ssh import Connection
from awstune.sweeps import data
from awstune.sweeps.data import OPTION, ORIGIN, Data
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec


@dataclass(frozen=True)
class Luggage:
    """Data that goes to an instance.

    Attributes:
        data: as it lies here.
        manifest: its contents; see `Data.manifest`.
        inside: its place within the project; None where it lies elsewhere.
    """

    data: Data
    manifest: Mapping[str, str]
    inside: Path | None

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """A spec's options as they are on any instance."""
        there = f"~/{delivery.place_of(self.data, self.manifest)}"
        return {**options, OPTION: there, ORIGIN: str(self.data.path)}


def of_spec(config: Config, spec: Spec) -> Data | None:
    """The data of a sweep as it lies here; None where it has none.

    Raises:
        UsageError: it is not there, or cannot be read.
    """
    place = data.at_home(spec.options).get(OPTION)
    return None if place is None else data.read(Path(place), config.cwd)


def without(found: Project, config: Config, spec: Spec) -> Project:
    """A project without the data that lies in it: that goes its own way."""
    inside = _inside(config, spec, found.root)
    if inside is None:
        return found
    files = tuple(file for file in found.files if not file.is_relative_to(inside))
    return replace(found, files=files, size=sum((found.root / file).lstat().st_size for file in files))


def pack(config: Config, spec: Spec, parcel: Project) -> Story[Luggage | None]:
    """Looks at all of the data, to know later what an instance has of it already."""
    found = of_spec(config, spec)
    if found is None:
        return None
    yield Doing(f"reading {found.path} ({size(found.size)})")
    return packed(config, spec, parcel, found)


def packed(config: Config, spec: Spec, parcel: Project, found: Data) -> Luggage:
    """Data that was found, with all of its contents; reads all of it."""
    return Luggage(found, found.manifest(), _inside(config, spec, parcel.root))


def send(
    connection: Connection,
    runtime: Runtime,
    folder: Folder,
    luggage: Luggage,
    ahead: Delivered | None = None,
) -> Story[None]:
    """Has the instance hold the data, and the project's copy there lead to it.

    Args:
        connection: an open connection.
        runtime: how awstune is called there.
        folder: the sweep's here.
        luggage: the data.
        ahead: what was sent of it while the instance's status checks ran.
    """
    name = luggage.data.path.name
    yield Doing(f"sending what is not there of {name} ({size(luggage.data.size)})")
    told = delivery.deliver(connection, runtime, luggage.data, luggage.manifest)
    if luggage.inside is not None:
        there = f"{REMOTE_ROOT}/projects/{folder.name}/{luggage.inside.as_posix()}"
        link, place = shlex.quote(there), f'"$HOME"/{shlex.quote(told.path)}'
        connection.run(f'mkdir -p "$(dirname {link})" && rm -f {link} && ln -s {place} {link}')
    if told.files:
        yield Done(f"{name} is there now: {size(told.sent)} were sent")
    elif ahead is not None and ahead.files:
        yield Done(f"{name} is there now: {size(ahead.sent)} were sent while the checks ran")
    else:
        yield Done(f"{name} was there already: nothing of it was sent")


def _inside(config: Config, spec: Spec, root: Path) -> Path | None:
    typed = data.at_home(spec.options).get(OPTION)
    if typed is None:
        return None
    # Not resolved: what lies in the project may be a link to where the data is kept.
    named = Path(os.path.normpath(config.cwd.resolve() / Path(typed).expanduser()))
    if named == root or root.is_relative_to(named):
        raise UsageError(
            f"the data {typed} holds the project itself", "--data names a folder beside the code"
        )
    return named.relative_to(root) if named.is_relative_to(root) else None

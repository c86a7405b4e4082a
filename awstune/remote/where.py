"""Where a sweep runs, as its folder here remembers it: ``where.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from awstune.config import CloudName
from awstune.errors import SweepError
from awstune.sweeps.aside import whole
from awstune.sweeps.folder import Folder

SEEN_EVERY_S = 5.0


@dataclass(frozen=True)
class Where:
    """The instance that has a sweep.

    Attributes:
        cloud: ``aws`` or ``local``.
        region: the instance's region.
        instance: its id.
        name: its NAME.
        path: the sweep's folder there, relative to the login's home.
        workdir: the folder that trials run in, relative to the copy of the project.
        complete: whether everything that the sweep left there is here.
        alive: whether it ran, or was about to go on by itself, at the last look.
        seen: seconds since the epoch of the last look; None before the first.
        usd_per_hour: what the instance costs; None where it is not known.
        owned: whether the instance is terminated when the sweep has ended and all of it is here.
        stops: whether the instance stops itself when the sweep has ended.
        account: the AWS account that it is in; empty where an older awstune did not write it down.
        root: the project's folder, as seen from the one that holds ``sweeps/``.
        bucket: where the instance writes a copy of the sweep; empty for nowhere.
        owner: whose the instance is, as its tag says; empty where an older awstune did not write it down.
    """

    cloud: CloudName
    region: str
    instance: str
    name: str
    path: str
    workdir: str = "."
    complete: bool = False
    alive: bool = True
    seen: float | None = None
    usd_per_hour: float | None = None
    owned: bool = False
    stops: bool = False
    account: str = ""
    root: str = "."
    bucket: str = ""
    owner: str = ""

    def write(self, folder: Folder) -> None:
        """Remembers it in the sweep's folder."""
        with whole(folder.where_file) as file:
            file.write(f"{json.dumps(asdict(replace(self, seen=time.time())))}\n".encode())

    @classmethod
    def parse(cls, text: str) -> Where:
        """What the file says.

        Raises:
            ValueError: it says nothing of the kind; or TypeError, AttributeError.
        """
        plain: Mapping[str, Any] = json.loads(text)
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in plain.items() if key in known})

    @classmethod
    def read(cls, folder: Folder) -> Where | None:
        """Where the sweep runs; None for one that runs here.

        Raises:
            SweepError: the file cannot be read as what it should be.
        """
        try:
            return cls.parse(folder.where_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            # Without that file it would be a sweep of this machine, and go on here while it runs there.
            hint = f"move {folder.path} away: awstune attach {folder.name} then looks for it there"
            raise SweepError(f"{folder.where_file} does not say where {folder.name} runs", hint) from error

    @classmethod
    def looked(cls, folder: Folder, *, alive: bool) -> None:
        """Remembers what a look has just seen; the same not more often than every few seconds."""
        where = cls.read(folder)
        if where is None:
            return
        if where.alive != alive or where.seen is None or time.time() - where.seen > SEEN_EVERY_S:
            replace(where, alive=alive).write(folder)

"""Where the embedded cloud keeps what a later command finds it by."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from awstune.localcloud import processes

if TYPE_CHECKING:
    from pathlib import Path

_STATE_FILE = "cloud.json"
ACCOUNT = "000000000000"


@dataclass(frozen=True)
class LocalCloud:
    """A running embedded cloud.

    Attributes:
        endpoint_url: ``http://127.0.0.1:PORT``, the same for every service.
        access_key: the one access key that it knows.
        secret_key: signs for ``access_key``; whoever has it may run commands as this user.
        pid: of the server.
        born: the server's birth, see `processes.born`.
    """

    endpoint_url: str
    access_key: str
    secret_key: str
    pid: int
    born: str

    @property
    def alive(self) -> bool:
        """Whether the very process that wrote this is still there."""
        return processes.born(self.pid) == self.born


@dataclass(frozen=True)
class Places:
    """The files of the embedded cloud that belongs to the awstune home ``home``."""

    home: Path

    @property
    def folder(self) -> Path:
        """All of it; removed when the cloud stops."""
        return self.home.resolve() / "local"

    @property
    def lock(self) -> Path:
        """Held while a cloud is started or stopped. It lies beside the folder, and stays."""
        return self.home.resolve() / "local.lock"

    @property
    def state(self) -> Path:
        """How the server is found and called; readable by its owner only."""
        return self.folder / _STATE_FILE

    @property
    def log(self) -> Path:
        """What the server had to say."""
        return self.folder / "server.log"

    @property
    def instances(self) -> Path:
        """One folder for each instance."""
        return self.folder / "instances"


def write(places: Places, cloud: LocalCloud) -> None:
    """Write the state file whole, with mode 0600 from its first byte."""
    aside = places.state.with_suffix(".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(cloud), file)
    aside.replace(places.state)


def read(places: Places) -> LocalCloud | None:
    """What the state file says; None where there is none or it cannot be read."""
    try:
        return LocalCloud(**json.loads(places.state.read_text()))
    except (OSError, ValueError, TypeError):
        return None

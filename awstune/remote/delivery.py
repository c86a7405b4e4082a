"""Data that goes to an instance once: what it has already does not travel again.

There it lies in ``~/.awstune/data``: contents by their hash, and a tree of links to them for each state
that the data was ever sent in. A sweep that reads an older state goes on reading it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from awstune.errors import RemoteError
from awstune.names import REMOTE_ROOT
from awstune.remote import sync
from awstune.remote.bootstrap import Runtime
from awstune.remote.ssh import Connection
from awstune.sweeps import stock
from awstune.sweeps.data import Data, key_of

ROOT = f"{REMOTE_ROOT}/data"
_BATCH = 256_000_000  # bytes that are packed at a time; a broken transfer goes on after the last whole batch


@dataclass(frozen=True)
class Delivered:
    """Data on an instance.

    Attributes:
        path: where it is, relative to the login's home.
        files: how many contents had to travel.
        sent: the bytes that travelled.
    """

    path: str
    files: int
    sent: int


def place_of(data: Data, manifest: Mapping[str, str]) -> str:
    """Where data of exactly this content is on any instance, relative to the login's home."""
    return str(PurePosixPath(ROOT) / stock.TREES / key_of(manifest) / data.path.name)


def deliver(connection: Connection, runtime: Runtime, data: Data, manifest: Mapping[str, str]) -> Delivered:
    """Has an instance hold the data; sends what is not there.

    Args:
        connection: an open connection.
        runtime: how awstune is called there; it is installed by now.
        data: what lies here.
        manifest: the data's, as `Data.manifest` gives it.

    Raises:
        RemoteError: the connection broke, or the data changed while it was sent.
    """
    missing = _ask(connection, runtime, {"missing": manifest})
    places = {content: data.files[name] for name, content in manifest.items()}
    sent = 0
    for batch in _batches([(content, places[content].stat().st_size) for content in missing]):
        incoming = f"incoming-{uuid.uuid4().hex[:12]}"
        parcels = [sync.Parcel(places[content], f"{incoming}/{content}") for content in batch]
        sent += sync.push(connection, parcels, ROOT)
        if _ask(connection, runtime, {"take": incoming}) != len(batch):
            raise RemoteError(f"{data.path} changed while it was sent", "run the command again")
    _ask(connection, runtime, {"build": manifest, "as": key_of(manifest)})
    return Delivered(place_of(data, manifest), len(missing), sent)


def _ask(connection: Connection, runtime: Runtime, question: Mapping[str, Any]) -> Any:
    command = runtime.command("awstune.sweeps.stock", ROOT)
    return json.loads(connection.run(command, stdin=json.dumps(question).encode()).stdout)


def _batches(sizes: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for content, size in sizes:
        if batch and total + size > _BATCH:
            yield batch
            batch, total = [], 0
        batch.append(content)
        total += size
    if batch:
        yield batch

"""Pinned host keys: an OpenSSH known_hosts file of awstune's own, one alias per instance.

The alias is the instance's id, so an address that AWS hands to somebody else later never clashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from awstune.sweeps.aside import whole

KNOWN_HOSTS = "known_hosts"


def file_of(home: Path) -> Path:
    """Where the pinned keys are: what ``UserKnownHostsFile`` names."""
    return home / KNOWN_HOSTS


def pinned(home: Path, alias: str) -> tuple[str, ...]:
    """The public keys that are accepted for an instance, as ``type base64``; empty where none is pinned."""
    return tuple(line.split(" ", 1)[1] for line in _lines(home) if line.split(" ", 1)[0] == alias)


def pin(home: Path, alias: str, keys: Sequence[str]) -> None:
    """Makes these, and only these, the accepted keys of an instance.

    Args:
        home: awstune's home folder.
        alias: the instance's id.
        keys: public keys as ``type base64``, a comment after them is dropped.
    """
    entries = [f"{alias} {' '.join(key.split()[:2])}" for key in keys]
    with FileLock(f"{file_of(home)}.lock"):
        others = [line for line in _lines(home) if line.split(" ", 1)[0] != alias]
        _write(file_of(home), "".join(f"{line}\n" for line in (*others, *entries)))


def unpin(home: Path, alias: str) -> None:
    """Forgets an instance that is gone."""
    if pinned(home, alias):
        pin(home, alias, ())


def _lines(home: Path) -> list[str]:
    path = file_of(home)
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if " " in line]


def _write(path: Path, text: str) -> None:
    # An ssh that starts meanwhile reads the old file or the new one.
    with whole(path, ".known_hosts", durable=True) as file:
        file.write(text.encode())

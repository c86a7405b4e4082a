"""User-data as cloud-init reads it: ``bootcmd``, ``ssh_keys``, ``write_files`` and ``runcmd``.

Paths lie below the instance's root. A part that cannot be used is skipped with a word on the console,
as cloud-init does: an instance boots with bad user-data too.

Source: https://docs.cloud-init.io/en/latest/reference/modules.html.
"""

from __future__ import annotations

import base64
import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLOUD_CONFIG = "#cloud-config"
_GZIP = b"\x1f\x8b"
_HOST_KEYS = {
    f"{kind}_{half}": kind for kind in ("rsa", "ecdsa", "ed25519") for half in ("private", "public")
}


@dataclass(frozen=True)
class File:
    """One entry of ``write_files``."""

    path: str
    content: bytes
    mode: int = 0o644
    append: bool = False


@dataclass(frozen=True)
class CloudConfig:
    """What user-data asks for.

    Attributes:
        bootcmd: commands of every boot, each a list of words.
        host_keys: text by file name below ``etc/ssh``.
        write_files: files of the first boot.
        runcmd: commands of the first boot, once SSH is up.
        problems: what was left out, in words.
    """

    bootcmd: tuple[tuple[str, ...], ...] = ()
    host_keys: Mapping[str, str] = field(default_factory=dict)
    write_files: tuple[File, ...] = ()
    runcmd: tuple[tuple[str, ...], ...] = ()
    problems: tuple[str, ...] = ()


def read(encoded: str | None) -> CloudConfig:
    """What base64-encoded user-data asks for; a shell script is a ``runcmd``, anything else a problem."""
    if not encoded:
        return CloudConfig()
    try:
        data = base64.b64decode(encoded)
        text = (gzip.decompress(data) if data.startswith(_GZIP) else data).decode()
    except (ValueError, OSError, EOFError) as error:
        return CloudConfig(problems=(f"user-data cannot be read: {error}",))
    if text.startswith("#!"):
        return CloudConfig(runcmd=(("sh", "-c", text),))
    if text.partition("\n")[0].strip() != CLOUD_CONFIG:
        return CloudConfig(problems=(f"user-data starts with neither {CLOUD_CONFIG} nor #!",))
    return parse(text)


def parse(text: str) -> CloudConfig:
    """What a ``#cloud-config`` document asks for."""
    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        return CloudConfig(problems=(f"user-data is not YAML: {error}",))
    if not isinstance(document, dict):
        return CloudConfig(problems=("user-data is not a mapping",))
    problems: list[str] = []
    return CloudConfig(
        bootcmd=_each(document, "bootcmd", _command, problems),
        host_keys=_host_keys(document.get("ssh_keys") or {}),
        write_files=_each(document, "write_files", _file, problems),
        runcmd=_each(document, "runcmd", _command, problems),
        problems=tuple(problems),
    )


def write(file: File, root: Path) -> None:
    """Write one file below ``root``.

    Raises:
        ValueError: its path leads out of ``root``.
    """
    path = root / file.path.lstrip("/")
    if not Path(os.path.normpath(path)).is_relative_to(root):
        raise ValueError(f"{file.path} lies outside of the instance")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if file.append else "wb") as target:
        target.write(file.content)
    path.chmod(file.mode)


def write_host_keys(keys: Mapping[str, str], root: Path) -> None:
    """Write host keys where an SSH server finds them."""
    for name, text in keys.items():
        write(File(f"etc/ssh/{name}", text.encode(), 0o644 if name.endswith(".pub") else 0o600), root)


def _each(
    document: Mapping[str, Any], key: str, make: Callable[[Any], Any], problems: list[str]
) -> tuple[Any, ...]:
    made = []
    for entry in document.get(key) or []:
        try:
            made.append(make(entry))
        except (TypeError, ValueError, KeyError, OSError) as error:
            problems.append(f"{key}: {entry!r:.80} is left out: {error}")
    return tuple(made)


def _command(entry: Any) -> tuple[str, ...]:
    if isinstance(entry, str):
        return ("sh", "-c", entry)
    if not isinstance(entry, list):
        raise TypeError("a command is a text or a list")
    return tuple(str(word) for word in entry)


def _host_keys(keys: Mapping[str, str]) -> dict[str, str]:
    names = {key: f"ssh_host_{kind}_key" for key, kind in _HOST_KEYS.items()}
    ends = {key: ".pub" if key.endswith("_public") else "" for key in names}
    return {names[key] + ends[key]: text.rstrip("\n") + "\n" for key, text in keys.items() if key in names}


def _file(entry: Mapping[str, Any]) -> File:
    content = entry.get("content", "")
    data = content if isinstance(content, bytes) else str(content).encode()
    mode = entry.get("permissions", "0644")
    octal = mode if isinstance(mode, int) else int(str(mode), 8)
    return File(
        str(entry["path"]), _decode(data, str(entry.get("encoding", ""))), octal, bool(entry.get("append"))
    )


def _decode(data: bytes, encoding: str) -> bytes:
    words = set(encoding.replace("text/plain", "").replace("base64", "b64").replace("gzip", "gz").split("+"))
    if "b64" in words:
        data = base64.b64decode(data)
    return gzip.decompress(data) if "gz" in words else data

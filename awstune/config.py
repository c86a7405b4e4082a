"""Flags, the environment and awstune.toml become one frozen Config."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from awstune.errors import UsageError

CloudName = Literal["aws", "local"]
CONFIG_FILE = "awstune.toml"
SECTIONS = ("launch", "sweep")
TOP_LEVEL = ("cloud", "region", "profile")


@dataclass(frozen=True)
class Config:
    """What every command works with.

    Attributes:
        cloud: whose EC2: AWS's, or the embedded one on this machine.
        region: as typed, from the environment or from awstune.toml; None leaves it to the profile.
        profile: an AWS profile, None for the default chain.
        home: where keys, pinned hosts and the embedded cloud's state are kept (mode 0700).
        cwd: the folder one is in; ``sweeps/`` lies below it.
        json: whether stdout is one JSON document.
        verbosity: -1 quiet, 0 as usual, 1 more.
        typed: the global options of the command line, by name; the commands that it shows carry them.
    """

    cloud: CloudName
    region: str | None
    profile: str | None
    home: Path
    cwd: Path
    json: bool = False
    verbosity: int = 0
    typed: Mapping[str, Any] = field(default_factory=dict, compare=False)


def load(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path) -> Config:
    """Joins the three sources: a flag wins over the environment, that over the file.

    Args:
        flags: the global options that were typed; absent or None where they were not.
        environ: the process's environment.
        cwd: the folder one is in.

    Raises:
        UsageError: awstune.toml is not TOML, or has keys that mean nothing; or the cloud is unknown.
    """
    file = read_file(cwd)
    cloud = flags.get("cloud") or environ.get("AWSTUNE_CLOUD") or file.get("cloud") or "aws"
    if cloud not in ("aws", "local"):
        raise UsageError(f"there is no cloud {cloud!r}", "use aws or local (--cloud, or AWSTUNE_CLOUD)")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or file.get("region")
    return Config(
        cloud=cast("CloudName", cloud),
        region=flags.get("region") or region,
        profile=flags.get("profile") or environ.get("AWS_PROFILE") or file.get("profile"),
        home=Path(environ.get("AWSTUNE_HOME") or Path.home() / ".awstune"),
        cwd=cwd,
        json=bool(flags.get("json")),
        verbosity=int(flags.get("verbose") or 0) - int(flags.get("quiet") or 0),
        typed=dict(flags),
    )


def read_file(cwd: Path) -> dict[str, Any]:
    """The project's awstune.toml: in this folder, or in the nearest one above it up to the project's root.

    Raises:
        UsageError: it is not TOML, or holds a key that is neither a default nor a section.
    """
    path = find_file(cwd)
    if path is None:
        return {}
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", f"mend {path}") from error
    unknown = [key for key in table if key not in SECTIONS + TOP_LEVEL]
    if unknown:
        raise UsageError(
            f"{path} has an unknown key {unknown[0]!r}",
            f"keys are {', '.join(TOP_LEVEL)}, and sections [launch] and [sweep]",
        )
    _refuse_wrong_types(path, table)
    return table


def _refuse_wrong_types(path: Path, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        wanted = dict if key in SECTIONS else str
        if not isinstance(value, wanted):
            form = f"[{key}]" if wanted is dict else f'{key} = "..."'
            raise UsageError(
                f"{path}: {key} is no {'section' if wanted is dict else 'text'}", f"write {form}"
            )


def find_file(cwd: Path) -> Path | None:
    """The nearest awstune.toml, looked for no higher than the folder that holds .git or pyproject.toml."""
    for folder in (cwd, *cwd.parents):
        if (folder / CONFIG_FILE).is_file():
            return folder / CONFIG_FILE
        if (folder / ".git").exists() or (folder / "pyproject.toml").exists():
            return None
    return None


def ensure_home(home: Path) -> Path:
    """Makes the home folder, readable by its owner alone.

    Raises:
        UsageError: it cannot be made, or takes nothing.
    """
    hint = "set AWSTUNE_HOME to a folder that you may write to"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)
    except OSError as error:
        why = "it is a file" if home.is_file() else error.strerror
        raise UsageError(f"cannot make the folder {home}: {why}", hint) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {home}: {os.strerror(errno.EACCES)}", hint)
    return home

"""What an instance needs before it can run a sweep: this very awstune, and a Python to run it.

The package travels as it is installed here, once per content: its folder there is named after its hash.
"""

from __future__ import annotations

import hashlib
import shlex
import uuid
from dataclasses import dataclass
from pathlib import Path

from awstune.names import REMOTE_ROOT
from awstune.remote import sync
from awstune.remote.ssh import Connection

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Runtime:
    """How awstune is called on an instance.

    Attributes:
        python: the interpreter there.
        path: the folder there that holds the package, relative to the login's home.
    """

    python: str
    path: str

    def command(self, module: str, *arguments: str) -> str:
        """A shell command that runs one of awstune's modules in the folder that the shell is in.

        Args:
            module: such as ``awstune.sweeps.detached``.
            arguments: paths relative to the login's home.
        """
        words = " ".join(f'"$HOME"/{shlex.quote(word)}' for word in arguments)
        path = f'PYTHONPATH="$HOME/{self.path}${{PYTHONPATH:+:$PYTHONPATH}}"'
        return f"{path} {self.python} -m {module} {words}"


def package_parcels(package: Path = PACKAGE) -> list[sync.Parcel]:
    """The files of the installed package, under the name that they are imported by."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [sync.Parcel(path, f"awstune/{path.relative_to(package)}") for path in files]


def content_key(parcels: list[sync.Parcel]) -> str:
    """A name for exactly these files: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for parcel in parcels:
        digest.update(parcel.name.encode() + b"\0" + parcel.source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def install(connection: Connection, python: str = "python3") -> Runtime:
    """Sees to it that this very awstune is on the instance; an earlier sweep may have brought it.

    It is sent aside and renamed, so that two who send it at once never run what is half there.

    Args:
        connection: an open connection.
        python: an interpreter there that has what a sweep needs.

    Returns:
        How awstune is called there.

    Raises:
        RemoteError: the connection broke.
    """
    parcels = package_parcels()
    runtime = Runtime(python, f"{REMOTE_ROOT}/packages/{content_key(parcels)}")
    if connection.run(f"test -e {runtime.path}", check=False).status == 0:
        return runtime
    aside = f"{runtime.path}.{uuid.uuid4().hex[:8]}"
    sync.push(connection, parcels, aside)
    rename = f"{python} -c 'import os, sys; os.rename(*sys.argv[1:])' {aside} {runtime.path}"
    connection.run(f"{rename} 2>/dev/null || {{ rm -rf {aside}; test -e {runtime.path}; }}")
    return runtime

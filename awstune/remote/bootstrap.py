"""What an instance needs before it can run a sweep: this very awstune, and a Python to run it.

The package travels as it is installed here, once per content: its folder there is named after its hash.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path

from awstune.names import REMOTE_ROOT
from awstune.remote import sync
from awstune.remote.ssh import Connection

PACKAGE = Path(__file__).resolve().parents[1]
COMPLETE = "complete"


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


def install(connection: Connection, python: str = "python3") -> tuple[Runtime, list[sync.Parcel]]:
    """What it takes that this awstune is on the instance.

    Args:
        connection: an open connection.
        python: an interpreter there that has what a sweep needs.

    Returns:
        How awstune is called there, and the files still to be sent to `REMOTE_ROOT` for it: none where an
        earlier sweep has brought this very package. The last of them says that all are there.

    Raises:
        RemoteError: the connection broke.
    """
    parcels = package_parcels()
    folder = f"packages/{content_key(parcels)}"
    runtime = Runtime(python, f"{REMOTE_ROOT}/{folder}")
    if connection.run(f"test -e {runtime.path}/{COMPLETE}", check=False).status == 0:
        return runtime, []
    needed = [sync.Parcel(parcel.source, f"{folder}/{parcel.name}") for parcel in parcels]
    return runtime, [*needed, sync.Parcel(PACKAGE / "__init__.py", f"{folder}/{COMPLETE}")]

"""A sweep that goes on on its instance by itself, whatever happens to its process or to the instance.

What shall run is a script in ``~/.awstune/going/``; ``keep.sh`` starts it, and a systemd timer there has
it look again and again, from the instance's boot on.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from awstune import names
from awstune.errors import RemoteError
from awstune.remote.ssh import Connection

KEEPER = Path(__file__).with_name("keep.sh")
_HERE = f"{names.REMOTE_ROOT}/keep.sh"


def file_of(sweep: str) -> str:
    """The script that starts a sweep, relative to the login's home; there as long as it shall run."""
    return f"{names.REMOTE_ROOT}/{names.GOING_DIR}/{sweep}"


def start(connection: Connection, sweep: str, script: str) -> str | None:
    """Starts a sweep there, now and whenever it should run and does not.

    Args:
        connection: an open connection.
        sweep: its name.
        script: what starts it, for ``sh`` in the login's home; it returns once the sweep runs.

    Returns:
        Why it will not be started again after a reboot; None where it will.

    Raises:
        RemoteError: it did not start, with what it said.
    """
    there, aside = shlex.quote(file_of(sweep)), shlex.quote(file_of(f".{sweep}"))
    # Of a name that no other sweep has, which may be on its way there at the same time.
    new = shlex.quote(f"{_HERE}.{sweep}")
    connection.run(
        f"mkdir -p {names.REMOTE_ROOT}/{names.GOING_DIR} && cat > {new}", stdin=KEEPER.read_bytes()
    )
    connection.run(f"mv {new} {_HERE} && cat > {aside}", stdin=f"{script}\n".encode())
    try:
        connection.run(f"sh {_HERE} start {shlex.quote(sweep)}")
    except RemoteError:
        connection.run(f"rm -f {there} {aside}")
        raise
    kept = connection.run(f"sh {_HERE} install", check=False)
    return None if kept.status == 0 else (kept.stderr.decode(errors="replace").strip() or "systemd refused")

"""One awstune at a time on a NAME: two that launch it would make twins, or one would undo the other's work.

A claim is a lock that the kernel takes back when its holder ends, however it ends; the file that carries
it stays, and says who has it.
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path

from awstune.errors import NameBusy
from awstune.sweeps.aside import named

FOLDER = "claims"
_SAYS_S = 5.0


class Claim:
    """The right to change what belongs to some names, until it is released or forgotten.

    Args:
        descriptors: of the locked files.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._release = weakref.finalize(self, _close, descriptors)

    def release(self) -> None:
        """Lets others have it; releasing twice is harmless."""
        self._release()


def take(home: Path, place: str, names: Iterable[str], doing: str) -> Claim:
    """Claims names for this process.

    Args:
        home: awstune's home folder.
        place: where the names count: an account and a region.
        names: what is claimed.
        doing: what for, in a word or two.

    Raises:
        NameBusy: another process has one of them.
    """
    folder = home / FOLDER / place
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held: list[int] = []
    try:
        for name in sorted(set(names)):
            held.append(_locked(folder / name.replace("/", "_"), name, doing))  # noqa: PERF401  # closed below
    except BaseException:  # an interrupt, too, gives back what it had got
        _close(held)
        raise
    return Claim(held)


def _locked(path: Path, name: str, doing: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path, name)
        os.ftruncate(descriptor, 0)
        with named(path):
            os.write(descriptor, f"{os.getpid()} {doing}\n".encode())
    except BaseException:  # an interrupt, too, leaves no lock
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, path: Path, name: str) -> None:
    give_up = time.monotonic() + _SAYS_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = _said(path)
        else:
            return
        if said or time.monotonic() > give_up:
            raise _busy(name, said)
        time.sleep(0.01)  # who has it is about to write down what for, or has just let go of it


def _busy(name: str, said: str) -> NameBusy:
    pid, _, doing = said.partition(" ")
    by = f": {doing} (pid {pid})" if doing else ""
    end = f"; kill {pid} ends it, as Ctrl-C would" if pid else ""
    return NameBusy(f"another awstune is at work on {name}{by}", f"wait for it, then repeat the command{end}")


def _said(path: Path) -> str:
    """What its holder has written down; nothing while that is still the word of one who was killed."""
    import psutil

    said = path.read_text(errors="replace").strip()
    pid = said.partition(" ")[0]
    return said if pid.isdigit() and psutil.pid_exists(int(pid)) else ""


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.ftruncate(descriptor, 0)  # or who comes third would take the first one's word for the second's
        os.close(descriptor)

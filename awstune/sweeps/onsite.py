"""What a worker knows of the instance that it runs on, and what it does there at its end.

``python -m awstune.sweeps.onsite PID`` ends the instance of a sweep that has ended, whose worker that was,
unless somebody fetches from it: whoever is attached fetches all and ends it himself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from awstune import names
from awstune.sweeps import imds
from awstune.sweeps.bucket import S3, Copy, of_instance
from awstune.sweeps.folder import Folder
from awstune.sweeps.notice import Watch

PATIENCE_S = 600.0  # how long an end waits for whoever fetches, or for the bucket
_EVERY_S = 2.0
_WORKER = "awstune.sweeps.worker"


@dataclass(frozen=True)
class Site:
    """An instance, as its worker finds it in the environment.

    Attributes:
        going: the file that has the worker started again; it is there as long as the sweep shall run.
        at_end: what the instance does when the sweep has ended (``stop`` or ``terminate``); None: nothing.
        root: what stands for ``/``.
        endpoint: of the metadata service.
        s3: the address of another S3 than AWS's; None for AWS's.
    """

    going: Path
    at_end: str | None
    root: Path
    endpoint: str
    s3: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Site | None:
        """The instance that this process runs on; None on a user's own machine."""
        going = environ.get(names.GOING_VARIABLE)
        if not going:
            return None
        return cls(
            going=Path(going),
            at_end=environ.get(names.AT_END_VARIABLE) or None,
            root=Path(environ.get(names.ROOT_VARIABLE) or "/"),
            endpoint=environ.get(imds.VARIABLE) or imds.ADDRESS,
            s3=environ.get(names.S3_ENDPOINT_VARIABLE) or None,
        )

    @property
    def standbys(self) -> Path:
        """The folder of what waits for the next sweep."""
        return self.going.parents[1] / names.STANDBY_DIR

    def file(self, path: str) -> Path:
        """A file of the system, such as the guard's."""
        return self.root / path.lstrip("/")

    @property
    def metadata(self) -> imds.Metadata:
        """What the instance knows of itself."""
        return imds.Metadata(self.endpoint)

    def copy(self, folder: Folder, warn: Callable[[str], object]) -> Copy | None:
        """Copies a sweep's folder to the results bucket from now on; None where there is none."""
        try:
            bucket = self.file(names.BUCKET_FILE).read_text().strip()
        except OSError:
            return None
        metadata = self.metadata
        region = metadata.get("placement/region") or names.DEFAULT_REGION
        put = S3(bucket, region, lambda: of_instance(metadata), endpoint=self.s3)
        origin = self.going.parents[1] / names.ORIGIN_FILE.format(sweep=folder.name)
        copy = Copy(folder, put, warn, instance=lambda: metadata.get("instance-id"), origin=origin)
        copy.begin()
        return copy

    def watch(self) -> Watch:
        """Looks for a notice from now on."""
        watch = Watch(self.metadata, self.file(names.NOTICE_FILE))
        watch.begin()
        return watch

    def lose(self) -> None:
        """AWS takes the instance back: nothing is started any more in this boot."""
        with suppress(OSError):
            self.file(names.LOST_FILE).touch()

    @contextmanager
    def holding(self, every_s: float = names.HELD_S / 4) -> Iterator[None]:
        """Holds the guard's end off, as it lets one for a while: something is still being sent.

        Afterwards the hold is as whoever else fetches has touched it last: `leave` waits for him alone.
        """
        over, hold = threading.Event(), _Hold(self.file(names.HOLD_FILE))

        def touch() -> None:
            while not over.is_set():
                hold.touch()
                over.wait(every_s)

        holder = threading.Thread(target=touch, name="hold", daemon=True)
        holder.start()
        try:
            yield
        finally:
            over.set()
            holder.join()
            hold.give_back()

    def rest(self) -> None:
        """The sweep has ended, or cannot go on by itself: it is not started again."""
        self.going.unlink(missing_ok=True)


class _Hold:
    """A hold that others touch, too."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._own: int | None = None
        self._theirs: int | None = None

    def touch(self) -> None:
        """Touches it, and remembers when anybody else has."""
        self._look()
        with suppress(OSError):
            new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            new.touch()
            self._own = _touched(new)  # known before anybody else can touch it
            new.replace(self._file)

    def give_back(self) -> None:
        """Takes one's own touch back, and nobody else's."""
        if not self._look():
            return
        with suppress(OSError):
            if self._theirs is None:
                self._file.unlink()
            else:
                os.utime(self._file, ns=(self._theirs, self._theirs))

    def _look(self) -> bool:
        """Whether the last touch is one's own."""
        last = _touched(self._file)
        if last != self._own:
            self._theirs = last
        return last is not None and last == self._own


def leave(
    site: Site,
    *,
    busy: Callable[[], bool],
    shut_down: Callable[[], object],
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Ends the instance once nobody fetches from it, and no other sweep runs there.

    Args:
        site: the instance.
        busy: whether a sweep runs there.
        shut_down: ends it.
        now: seconds since the epoch.
        sleep: waits.

    Returns:
        Whether it was ended; not where a sweep runs there.
    """
    began = now()
    while _held(site.file(names.HOLD_FILE), now()) and now() - began < PATIENCE_S:
        sleep(_EVERY_S)  # who fetches touches a file, and nobody tells that he has left
    if busy():
        return False
    shut_down()
    return True


def _held(hold: Path, now: float) -> bool:
    last = _touched(hold)
    return last is not None and now - last / 1e9 < names.HELD_S


def _touched(hold: Path) -> int | None:
    """When it was touched last, in nanoseconds; None where it is not there."""
    try:
        return hold.stat().st_mtime_ns
    except OSError:
        return None


def _sweeping(ended: int) -> bool:
    """Whether a worker runs there beside the one that has ended, and may not be gone yet."""
    workers = [process for process in _own() if _WORKER in (process.info["cmdline"] or ())]
    return any(process.pid != ended for process in workers)


def _own() -> list[psutil.Process]:
    mark = os.environ.get(names.INSTANCE_MARK)
    there = list(psutil.process_iter(["cmdline"]))
    return there if mark is None else [process for process in there if _mark(process) == mark]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(names.INSTANCE_MARK)
    except (psutil.Error, OSError):
        return None


def _shut_down() -> None:
    subprocess.run(["sudo", "-n", "shutdown", "-h", "now"], stdin=subprocess.DEVNULL, check=False)


def main() -> None:
    """See the module."""
    site = Site.of(os.environ)
    if site is not None:
        ended = int(sys.argv[1])
        leave(site, busy=lambda: _sweeping(ended), shut_down=_shut_down)


def leave_behind(site: Site) -> None:
    """Has `leave` done by a process of its own, which outlives the worker."""
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "awstune.sweeps.onsite", str(os.getpid())],
        dict(os.environ) | {names.AT_END_VARIABLE: site.at_end or ""},
        file_actions=[nothing],
        setsid=True,
    )


if __name__ == "__main__":
    main()

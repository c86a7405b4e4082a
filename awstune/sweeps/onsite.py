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

HOLD_S = 120.0  # who fetches touches the hold at least as often
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
    def holding(self) -> Iterator[None]:
        """Holds the guard's end off, as it lets one for a while: something is still being sent."""
        over, hold = threading.Event(), self.file(names.HOLD_FILE)
        somebody = _held(hold, time.time())

        def touch() -> None:
            while not over.is_set():
                with suppress(OSError):
                    hold.touch()
                over.wait(HOLD_S / 4)

        holder = threading.Thread(target=touch, name="hold", daemon=True)
        holder.start()
        try:
            yield
        finally:
            over.set()
            holder.join()
            if not somebody:  # else `leave` would wait for what nobody fetches
                with suppress(OSError):
                    hold.unlink(missing_ok=True)

    def rest(self) -> None:
        """The sweep has ended, or cannot go on by itself: it is not started again."""
        self.going.unlink(missing_ok=True)


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
    try:
        return now - hold.stat().st_mtime < HOLD_S
    except OSError:
        return False


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

"""A sweep's folder: the one place that knows its file names."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shlex
import shutil
import tomllib
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune import names
from awstune.errors import NameTaken, SweepError, UnknownName, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Folder:
    """``sweeps/NAME/``: all there is to know of a sweep.

    Attributes:
        path: the folder itself, absolute.
    """

    path: Path

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def spec_file(self) -> Path:
        """``sweep.toml``: what was asked for."""
        return self.path / names.SPEC_FILE

    @property
    def journal_file(self) -> Path:
        """``journal.jsonl``: what happened."""
        return self.path / names.JOURNAL_FILE

    @property
    def where_file(self) -> Path:
        """``where.json``: the instance or the process that the sweep runs on, where it is not this one."""
        return self.path / names.WHERE_FILE

    @property
    def worker_log_file(self) -> Path:
        """``worker.log``: what a detached worker had to say."""
        return self.path / names.WORKER_LOG_FILE

    @property
    def requests_file(self) -> Path:
        """``requests.jsonl``: what the process that runs the sweep is asked to do."""
        return self.path / names.REQUESTS_FILE

    @property
    def trials_dir(self) -> Path:
        """``trials/``: a folder per trial."""
        return self.path / names.TRIALS_DIR

    def trial_dir(self, number: int) -> Path:
        """The folder of one trial, ``trials/0007``."""
        return self.trials_dir / f"{number:04d}"

    def make_trial_dir(self, number: int, heading: str | None = None) -> None:
        """Makes the folder of one trial, where it is not there yet.

        Args:
            number: the trial's.
            heading: a line for its log, above what comes next.

        Raises:
            SweepError: it cannot be written.
        """
        try:
            self.trial_dir(number).mkdir(parents=True, exist_ok=True)
            if heading is not None:
                with self.log_file(number).open("a") as log:
                    log.write(f"{heading}\n")
        except OSError as error:
            raise SweepError(
                f"cannot write {self.trial_dir(number)}: {error.strerror}",
                f"see to the permissions and the space of {self.path}, then awstune resume {self.name}",
            ) from error

    def log_file(self, number: int) -> Path:
        """What one trial wrote to stdout and stderr."""
        return self.trial_dir(number) / names.LOG_FILE

    def checkpoint_dir(self, number: int) -> Path:
        """Where one trial keeps its checkpoints."""
        return self.trial_dir(number) / names.CHECKPOINT_DIR

    def checkpoint_dirs(self, number: int) -> list[Path]:
        """Where all runs of one trial keep their checkpoints, as far as they have any."""
        runs = sorted(self.trial_dir(number).glob(f"*/*/{names.CHECKPOINT_DIR}"))
        return [path for path in (self.checkpoint_dir(number), *runs) if path.is_dir()]

    @property
    def runs_dir(self) -> Path:
        """``runs/``: a folder per ``awstune run``, which is a small sweep of its own."""
        return self.path / names.RUNS_DIR

    def runs(self) -> list[Folder]:
        """The folders of all ``awstune run``, the first one first."""
        found = [Folder(path) for path in self.runs_dir.glob("*") if path.name.isdecimal()]
        return sorted(found, key=lambda run: int(run.name))

    def artifacts_dir(self, number: int) -> Path:
        """Where one trial keeps files for its user."""
        return self.trial_dir(number) / names.ARTIFACTS_DIR

    @classmethod
    def create(cls, parent: Path, name: str | None, stem: str) -> Folder:
        """Make the folder of a new sweep below ``parent/sweeps``.

        Args:
            parent: the folder one is in.
            name: the sweep's name; None counts on from the stem (``train-3``).
            stem: the target's stem.

        Raises:
            UsageError: the name cannot be a folder's, or nothing can be written there.
            NameTaken: there is a sweep of that name already.
        """
        home = _home(parent)
        if name is not None:
            cls.refuse(parent, name)
        try:
            home.mkdir(parents=True, exist_ok=True)
            return cls._numbered(home, stem) if name is None else cls._named(home / name)
        except OSError as error:
            raise _unwritable(home, error.strerror) from error

    @classmethod
    def _named(cls, path: Path) -> Folder:
        try:
            path.mkdir()
        except FileExistsError:
            raise _taken(path) from None
        return cls(path)

    @classmethod
    def refuse_unwritable(cls, parent: Path) -> None:
        """Refuses a place that takes no sweep, before anything is rented for one.

        Raises:
            UsageError: nothing can be written there.
        """
        home = _home(parent)
        if not os.access(home if home.exists() else home.parent, os.W_OK | os.X_OK):
            raise _unwritable(home, os.strerror(errno.EACCES))

    @classmethod
    def refuse(cls, parent: Path, name: str) -> None:
        """Refuses the name of a new sweep, before anything is rented for it.

        Raises:
            UsageError: the name cannot be a folder's.
            NameTaken: there is a sweep of that name already.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a sweep",
                "use letters, digits, dots, dashes and underscores, 100 at most",
            )
        path = _home(parent) / name
        if path.exists():
            raise _taken(path)

    @classmethod
    def reserve(cls, parent: Path, name: str) -> AbstractContextManager[None]:
        """Keeps a sweep's name from every other process here, until it has its folder.

        It is free again when this process is gone, whatever ended it.

        Raises:
            NameTaken: another process keeps it.
        """
        return _kept(_home(parent), name)

    @contextmanager
    def newborn(self) -> Iterator[Folder]:
        """What a new folder is filled in: if that fails, or is interrupted, the folder is gone again."""
        try:
            yield self
        except BaseException:  # an interrupt, too, leaves no half of a folder
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    @classmethod
    def _numbered(cls, home: Path, stem: str) -> Folder:
        number = _last_number(home, stem) + 1
        while True:
            try:
                _refuse_kept(home, f"{stem}-{number}")
                (home / f"{stem}-{number}").mkdir()
            except (FileExistsError, NameTaken):  # another process was as quick
                number += 1
            else:
                return cls(home / f"{stem}-{number}")

    @classmethod
    def find(cls, parent: Path, name: str | None, *, elsewhere: bool = True) -> Folder:
        """The sweep of that name below ``parent/sweeps``, or the newest where no name is given.

        Args:
            parent: the folder one is in.
            name: the sweep's, or the path to its folder.
            elsewhere: whether the hint names what looks for one that is not here.

        Raises:
            UnknownName: there is none.
            UsageError: it is a path to a sweep of another folder, whose script is not here.
        """
        if name is not None and "/" in name:
            name = _named_by(parent, name)
        found = cls.all(parent)
        if name is None and found:
            return found[-1]
        for folder in found:
            if folder.name == name:
                return folder
        looks = f"; awstune attach {name} looks on your instances" if elsewhere and _is_name(name) else ""
        if not found:
            what = "no sweep here" if name is None else f"no sweep {name!r} here"
            raise UnknownName(what, f"awstune sweep train.py starts one{looks}")
        known = ", ".join(folder.name for folder in found[-5:])
        raise UnknownName(
            f"no sweep {name!r} here", f"the newest here are: {known}; awstune sweeps lists all{looks}"
        )

    @classmethod
    def all(cls, parent: Path) -> list[Folder]:
        """All sweeps below ``parent/sweeps``, oldest first."""
        home = _home(parent)
        found = [cls(path.parent) for path in home.glob(f"*/{names.SPEC_FILE}")]
        return sorted(found, key=lambda folder: (_created(folder), folder.name))


def _is_name(typed: str | None) -> bool:
    return typed is not None and _NAME.fullmatch(typed) is not None


def _named_by(parent: Path, typed: str) -> str:
    """The name of the sweep whose folder a path leads to; the path itself where it leads to none."""
    try:
        path = (parent / typed).resolve()
        if not (path / names.SPEC_FILE).is_file():
            return typed
    except (OSError, RuntimeError, ValueError):  # too long, links in a ring, or no path at all
        return typed
    if path.parent == _home(parent):
        return path.name
    there = path.parent.parent if path.parent.name == names.SWEEPS_DIR else path
    hint = f"cd {shlex.quote(str(there))} first, and name it {path.name}"
    raise UsageError(f"{typed} is no sweep of the folder that you are in", hint)


def _home(parent: Path) -> Path:
    """Resolved to its end: ``sweeps/`` may link to a larger disk, and trials name files by what is there."""
    return (parent / names.SWEEPS_DIR).resolve()


def _reservation(home: Path, name: str) -> Path:
    return home / f".{name}.kept"


def _refuse_kept(home: Path, name: str) -> None:
    if _reservation(home, name).exists():
        with _kept(home, name):
            pass


@contextmanager
def _kept(home: Path, name: str) -> Iterator[None]:
    new, file = not home.exists(), _reservation(home, name)
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _keep(descriptor, file, name)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
        if new:
            with suppress(OSError):  # it holds something by now
                home.rmdir()


def _keep(descriptor: int, file: Path, name: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        kept = file.exists() and os.path.samestat(os.fstat(descriptor), file.stat())
    except BlockingIOError:
        kept = False
    if not kept:
        raise NameTaken(f"another process is about to begin {name}", "--name takes another name")


def _unwritable(home: Path, why: str | None) -> UsageError:
    return UsageError(
        f"cannot write {home}: {'it is a file' if home.is_file() else why}",
        "go to a folder of yours, such as the project's",
    )


def _taken(path: Path) -> NameTaken:
    if (path / names.SPEC_FILE).exists():
        hint = f"awstune resume {path.name} goes on with it; --name takes another name"
        return NameTaken(f"there is a sweep {path.name} here already", hint)
    hint = f"if it stays so, nothing has begun there: rm -r {names.SWEEPS_DIR}/{path.name}, or another --name"
    return NameTaken(f"{path} is there already, and is no sweep yet", hint)


def _created(folder: Folder) -> float:
    try:
        return float(tomllib.loads(folder.spec_file.read_text())["created"])
    except (OSError, KeyError, TypeError, ValueError):
        return folder.path.stat().st_mtime


def _last_number(home: Path, stem: str) -> int:
    pattern = re.compile(rf"{re.escape(stem)}-(\d+)")
    numbers = [int(match[1]) for path in home.iterdir() if (match := pattern.fullmatch(path.name))]
    return max(numbers, default=0)

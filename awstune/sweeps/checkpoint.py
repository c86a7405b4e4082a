"""Checkpoints of a trial: written aside, fsynced, renamed; read back with the random state they had.

Runs under the trials' Python: standard library only; torch and numpy where the trial has loaded them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import random
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from awstune import names

if TYPE_CHECKING:
    from pathlib import Path

_ROOM = 1 << 20  # a disk with less free bytes is full: what had failed is removed by then
_BEFORE = f"{names.ASIDE}before"  # holds a folder that is being replaced
_NAME = re.compile(r"epoch-(\d+)\.(?:pt|pkl)")


Reports = Sequence[tuple[int, Mapping[str, float]]]


def save(
    folder: Path, epoch: int, states: Sequence[Any], reports: Reports = (), *, last: bool = False
) -> Path:
    """Write what is needed to begin ``epoch`` again, and forget the checkpoint before it.

    Args:
        folder: the trial's checkpoint folder; made if need be.
        epoch: how many epochs are done.
        states: objects with ``state_dict``, ``get_state`` (a torch.Generator), a ``bit_generator`` (a
            numpy Generator), or dicts.
        reports: what was reported so far. A sweep that is killed may not have heard all of it.
        last: whether there is no such epoch; the checkpoint before it is then kept, to resume from.

    Returns:
        The checkpoint's file.
    """
    before = found(folder)
    content = {
        "epoch": epoch,
        "states": [_state(item) for item in states],
        "reports": list(reports),
        "random": random_state(),
    }
    dump, suffix = _dumper()
    path = folder / f"epoch-{epoch:04d}.{suffix}"
    place(path, lambda aside: dump(content, aside))
    for older in before:
        if older != path and not last:
            older.unlink(missing_ok=True)
    return path


def restore(folder: Path, below: int, states: Sequence[Any]) -> tuple[int, Reports]:
    """Bring the states, and the random state, back to the newest checkpoint before epoch ``below``.

    Returns:
        The epoch to begin with and the reports before it; 0 and none where no checkpoint can be read.
    """
    for path in reversed(found(folder)):
        if epoch_of(path) >= below:
            continue
        try:
            content = _load(path)
        except Exception as error:  # noqa: BLE001  whatever is wrong with the file, an older one may do
            print(f"awstune: {path.name} cannot be read ({error}); going on without it", file=sys.stderr)  # noqa: T201  # into the trial's log
            continue
        for item, state in zip(states, content["states"], strict=True):
            _set_state(item, state)
        set_random_state(content["random"])
        return int(content["epoch"]), content["reports"]
    return 0, ()


def found(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted((p for p in folder.glob("epoch-*") if _NAME.fullmatch(p.name)), key=epoch_of)


def newest(folder: Path) -> Path | None:
    """What the user's program has kept there last, whole; None where there is nothing."""
    if not folder.is_dir():
        return None
    with _alone(folder):
        _put_back(folder)
        own = [path for path in folder.iterdir() if _is_own(path)]
        return max(own, key=lambda path: path.stat().st_mtime_ns, default=None)


def _is_own(path: Path) -> bool:
    return not (path.name.startswith(".") or _NAME.fullmatch(path.name))


def place(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` make a file or a folder beside ``path``, and move it there once the disk has it.

    Several processes, such as torchrun's, may do so with one path: the last one's stays, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With an ending: torch wants something before a name's last dot.
    aside = path.with_name(f"{names.ASIDE}{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(aside)
        for folder, _, files in os.walk(aside):  # what a folder holds must be on the disk as well
            for name in files:
                _sync(os.path.join(folder, name))  # noqa: PTH118  as os.walk has it
            _sync(folder)
        _sync(aside)
        with _alone(path.parent):
            _replace(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            aside.unlink()


def _replace(aside: Path, path: Path) -> None:
    before = path.parent / _BEFORE
    _put_back(path.parent)
    if path.is_dir():  # which nothing can replace at once
        before.mkdir()
        path.rename(before / path.name)
    aside.rename(path)
    _sync(path.parent)
    shutil.rmtree(before, ignore_errors=True)


def _put_back(folder: Path) -> None:
    """Brings back what somebody took away who died before he put the new one there."""
    before = folder / _BEFORE
    for old in before.iterdir() if before.is_dir() else ():
        if not (folder / old.name).exists():
            old.rename(folder / old.name)
    shutil.rmtree(before, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process is at it; the lock goes with whoever holds it, however he ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a disk that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # said, not only closed: another thread may have forked a loader meanwhile
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether something failed because the disk of a folder takes no more.

    Torch says only that a file could not be written; a user's own file may lie on another disk, and that
    being full is the trial's own affair.
    """
    if not isinstance(error, OSError | RuntimeError):
        return False
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EFBIG, errno.EDQUOT):
        return True
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return False
    return free < _ROOM and (number == errno.ENOSPC or "write" in str(error))


def _sync(path: Path | str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def random_state() -> dict[str, Any]:
    """The state of the generators of python, numpy and torch, of those that are loaded."""
    state: dict[str, Any] = {"python": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        state["numpy"] = numpy.random.get_state()
    if torch := sys.modules.get("torch"):
        state["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Bring the generators back to a state of `random_state`."""
    random.setstate(state["python"])
    if "numpy" in state:
        import numpy as np

        np.random.set_state(state["numpy"])  # noqa: NPY002  the global generator is the one to bring back
    if "torch" in state:
        import torch

        torch.set_rng_state(state["torch"])
        if "cuda" in state:
            torch.cuda.set_rng_state_all(state["cuda"])


def epoch_of(path: Path) -> int:
    """With how many epochs done a checkpoint of `save` begins; -1 for a file of another kind."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else -1


def _dumper() -> tuple[Callable[[Any, Path], object], str]:
    if torch := sys.modules.get("torch"):
        return torch.save, "pt"
    return (lambda content, path: path.write_bytes(pickle.dumps(content))), "pkl"


def _load(path: Path) -> Any:
    if path.suffix == ".pkl":
        return pickle.loads(path.read_bytes())  # noqa: S301  the trial's own file, in its own folder
    import torch

    # The generators' states are no tensors. The file is the trial's own.
    return torch.load(path, map_location="cpu", weights_only=False)


def _state(item: Any) -> Any:
    if hasattr(item, "state_dict"):
        return item.state_dict()
    if hasattr(item, "get_state"):
        return item.get_state()
    if hasattr(item, "bit_generator"):
        return item.bit_generator.state
    if isinstance(item, MutableMapping):
        return dict(item)
    raise TypeError(f"state=[...] holds a {type(item).__name__}, which has no state_dict()")


def _set_state(item: Any, state: Any) -> None:
    if hasattr(item, "load_state_dict"):
        item.load_state_dict(state)
    elif hasattr(item, "set_state"):
        item.set_state(state)
    elif hasattr(item, "bit_generator"):
        item.bit_generator.state = state
    else:
        item.clear()
        item.update(state)

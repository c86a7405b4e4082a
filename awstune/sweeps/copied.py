"""What of a sweep's folder another machine is to have, and what of its copy in a bucket is missing here.

Pure, but that it looks at files.

An instance may write to a bucket and not delete there: of checkpoints all that ever were are found, of
which only those count that would still be on its disk.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from awstune import names
from awstune.sweeps import checkpoint, keeping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awstune.search.trials import TrialRecord
    from awstune.sweeps.spec import Spec

# Of one end only, or brought in a way of its own.
_OWN = (names.JOURNAL_FILE, names.WHERE_FILE, names.WORKER_PID_FILE, names.REQUESTS_FILE, "mirror.lock")
_TRIAL = re.compile(rf"(?:{names.RUNS_DIR}/\d+/)?{names.TRIALS_DIR}/\d+/")
_CHECKPOINT = re.compile(rf"({names.TRIALS_DIR}/(\d+)/(?:\w+/\d+/)?{names.CHECKPOINT_DIR})/([^/]+)")


@dataclass(frozen=True)
class Stored:
    """A file in a bucket.

    Attributes:
        path: from the sweep's folder on.
        size: its bytes.
        digest: of its content (MD5, in hexadecimal) where the bucket says that; else something else.
    """

    path: str
    size: int
    digest: str = ""

    @property
    def grows(self) -> bool:
        """Whether it is a log, whose longer state is the later one."""
        return self.path.endswith((".log", f"/{names.LOG_FILE}"))


def travels(path: str) -> bool:
    """Whether a file of a sweep's folder belongs to the sweep, and so to every copy of the folder.

    Hidden names are the user's within a trial's folder, as Hydra's ``.hydra/`` is, and awstune's elsewhere;
    what awstune is only about to write there, a checkpoint or a piece of a large file, says so in its name.
    An instance runs what nobody has looked at: what it names outside of the folder is none.

    Args:
        path: from the sweep's folder on, with slashes.

    >>> travels("trials/0007/artifacts/.hydra/config.yaml"), travels("trials/0007/artifacts/.x.1")
    (True, True)
    >>> travels("trials/0007/checkpoint/.awstune-77"), travels("trials/../../x"), travels(".kept")
    (False, False, False)
    """
    parts = path.split("/")
    if path in _OWN or any(part in ("", ".", "..") or part.startswith(names.ASIDE) for part in parts):
        return False
    return _TRIAL.match(path) is not None or not any(part.startswith(".") for part in parts)


def missing(
    folder: Path, stored: Sequence[Stored], trials: Sequence[TrialRecord], spec: Spec, *, newer: bool
) -> list[Stored]:
    """The files that are not here as they are there; the journal is not among them.

    Args:
        folder: the sweep's here.
        stored: all that there are.
        trials: as the later of the two journals has them.
        spec: what says which checkpoints stay.
        newer: whether the journal there is the later one; else only what is not here at all counts.
    """
    wanted = _live([one for one in stored if travels(one.path)], trials, spec)
    return [one for one in wanted if _is_wanted(folder / one.path, one, newer=newer)]


def _is_wanted(here: Path, there: Stored, *, newer: bool) -> bool:
    if not here.is_file():
        return True
    size = here.stat().st_size
    if there.grows:
        return there.size > size
    return newer and (size != there.size or _digest(here) != there.digest)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _live(stored: Iterable[Stored], trials: Sequence[TrialRecord], spec: Spec) -> list[Stored]:
    """All but the checkpoints that newer ones have replaced, or that were not kept."""
    stays = {trial.number for trial in trials if trial.running} | keeping.stays(trials, spec)
    live: list[Stored] = []
    epochs: dict[str, list[Stored]] = defaultdict(list)
    for one in stored:
        match = _CHECKPOINT.match(one.path)
        if match is None:
            live.append(one)
        elif int(match[2]) in stays and checkpoint.epoch_of(Path(match[3])) >= 0:
            epochs[match[1]].append(one)
        elif int(match[2]) in stays:
            live.append(one)
    return live + [max(some, key=lambda one: checkpoint.epoch_of(Path(one.path))) for some in epochs.values()]

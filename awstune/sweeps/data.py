"""What trials read: a file or folder that ``--data`` names, and what it is made of.

A trial finds its place in ``AWSTUNE_DATA``. Here that is where it lies; an instance has a copy of its
own, of exactly this content, which all sweeps there share.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from awstune.sweeps.spec import Spec

OPTION = "data"
ORIGIN = "data_from"  # where it lies on the machine that sent it, in the spec of a sweep on an instance
_CHUNK = 1 << 20
_HINT = "--data names a file or a folder of this machine"


def at_home(options: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's options as they were on the machine that the data was sent from."""
    here = {key: value for key, value in options.items() if key != ORIGIN}
    return {**here, OPTION: options[ORIGIN]} if ORIGIN in options else here


@dataclass(frozen=True)
class Data:
    """A file or folder as it lies here.

    Attributes:
        path: absolute, links followed.
        files: name to place; names start with the file's or folder's own and have slashes.
        size: their bytes together.
    """

    path: Path
    files: Mapping[str, Path]
    size: int

    def manifest(self) -> dict[str, str]:
        """Name to a hash of the content; reads all of it."""
        return {name: content_of(place) for name, place in self.files.items()}


def environment(spec: Spec) -> dict[str, str]:
    """The variable that tells a trial where its data is; nothing for a sweep without any."""
    place = spec.options.get(OPTION)
    return {} if place is None else {names.DATA_VARIABLE: str(Path(place).expanduser().absolute())}


def refuse_missing(spec: Spec, cwd: Path) -> None:
    """A sweep whose data is gone would only fail all of its trials.

    Raises:
        UsageError: it is not where the spec says.
    """
    place = spec.options.get(OPTION)
    if place is not None and not (cwd / Path(place).expanduser()).exists():
        raise UsageError(f"the data {place} is not there any more", "bring it back, then go on")


def read(path: Path, cwd: Path) -> Data:
    """Look at what ``--data`` names.

    Args:
        path: as it was typed.
        cwd: the folder that it starts in, where it is relative.

    Raises:
        UsageError: it is not there, is empty, cannot be read, or holds a link to a folder.
    """
    try:
        place = (cwd / path.expanduser()).resolve(strict=True)
        files = dict(sorted(_walk(place)))
        size = sum(file.stat().st_size for file in files.values())
    except OSError as error:
        raise UsageError(f"cannot read the data {path}: {error.strerror}", _HINT) from None
    unreadable = [file for file in files.values() if not os.access(file, os.R_OK)]
    if unreadable:
        raise UsageError(f"cannot read the data {unreadable[0]}", _HINT)
    if not files:
        raise UsageError(f"the data {path} has no file in it", _HINT)
    return Data(place, files, size)


def _walk(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_file():
        yield place.name, place
        return
    for folder, inner, files in os.walk(place, onerror=_give_up):
        for name in inner:
            if (Path(folder) / name).is_symlink():
                # Followed, it could lead anywhere, and round in a circle.
                raise UsageError(
                    f"the data has a link to a folder: {Path(folder) / name}", "put the folder itself there"
                )
        for name in files:
            file = Path(folder) / name
            yield (Path(place.name) / file.relative_to(place)).as_posix(), file.resolve(strict=True)


def _give_up(error: OSError) -> None:
    raise error


def key_of(manifest: Mapping[str, str]) -> str:
    """A name for exactly this content: 16 hexadecimal digits."""
    lines = "".join(f"{name}\0{content}\0" for name, content in sorted(manifest.items()))
    return hashlib.blake2b(lines.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def content_of(file: Path) -> str:
    """A hash of what a file holds: 40 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UsageError(f"cannot read the data {file}: {error.strerror}", _HINT) from None
    return digest.hexdigest()

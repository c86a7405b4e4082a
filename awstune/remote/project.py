"""What of a user's project travels to an instance.

The nearest folder above the target that holds ``.git`` or ``pyproject.toml``, else the target's own; never
the home folder or ``/``. What git ignores stays, and so do secrets, environments and the sweeps themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from awstune.errors import UsageError

MARKERS = (".git", "pyproject.toml")
NEVER = GitIgnoreSpec.from_lines(
    [".git", ".env*", "*.pem", ".aws/", ".ssh/", "__pycache__/", "/sweeps/", ".venv/", "venv/", ".DS_Store"]
)


@dataclass(frozen=True)
class Project:
    """A folder that travels, and the files in it that do.

    Attributes:
        root: the folder, resolved.
        files: paths relative to it, sorted.
        size: their bytes together.
    """

    root: Path
    files: tuple[Path, ...]
    size: int

    def largest(self, count: int) -> list[tuple[Path, int]]:
        """The files that weigh most, with their bytes."""
        sizes = [(file, (self.root / file).lstat().st_size) for file in self.files]
        return sorted(sizes, key=lambda entry: -entry[1])[:count]


def find_root(target: Path, home: Path) -> Path:
    """The folder of the project that a target belongs to.

    Args:
        target: the training script, or the folder one is in.
        home: the user's home folder, which never travels.

    Raises:
        UsageError: the script lies loose in the home folder or in ``/``.
    """
    start = target.resolve()
    start = start if start.is_dir() else start.parent
    forbidden = {home.resolve(), Path("/")}
    for folder in (start, *start.parents):
        if folder in forbidden:
            break
        if any((folder / marker).exists() for marker in MARKERS):
            return folder
    if start in forbidden:
        raise UsageError(
            f"{target} lies in {start}, and that folder never travels to an instance",
            "put the training script in a folder of its own",
        )
    return start


def read(root: Path) -> Project:
    """Lists what travels of a project's folder; symbolic links travel as links."""
    files = tuple(sorted(_walk(root, Path(), ())))
    return Project(root, files, sum((root / file).lstat().st_size for file in files))


def _walk(root: Path, folder: Path, above: Sequence[tuple[Path, GitIgnoreSpec]]) -> Iterator[Path]:
    ignores = (*above, *_ignore_file(root, folder))
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = folder / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _stays(path, ignores, is_folder=is_folder) or _is_environment(entry.path):
                continue
            if is_folder:
                yield from _walk(root, path, ignores)
            elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                yield path


def _ignore_file(root: Path, folder: Path) -> list[tuple[Path, GitIgnoreSpec]]:
    path = root / folder / ".gitignore"
    if not path.is_file():
        return []
    return [
        (folder, GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8", errors="replace").splitlines()))
    ]


def _stays(path: Path, ignores: Sequence[tuple[Path, GitIgnoreSpec]], *, is_folder: bool) -> bool:
    slash = "/" if is_folder else ""
    if NEVER.match_file(f"{path}{slash}"):
        return True
    # As git: the file nearest to the path decides, a `!pattern` there wins over a rule further up.
    for folder, spec in reversed(ignores):
        verdict = spec.check_file(f"{path.relative_to(folder)}{slash}").include
        if verdict is not None:
            return verdict
    return False


def _is_environment(path: str) -> bool:
    return os.path.exists(os.path.join(path, "pyvenv.cfg"))  # noqa: PTH110, PTH118  # a scan's hot path

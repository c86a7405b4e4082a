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
from awstune.names import SPEC_FILE, SWEEPS_DIR

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


def read(root: Path, own: Path | None = None) -> Project:
    """Lists what travels of a project's folder; symbolic links travel as links.

    Args:
        root: the folder, resolved.
        own: awstune's home, which holds private keys; it stays where it lies in the project.
    """
    stays = None if own is None else own.resolve()
    files = tuple(sorted(_walk(root, Path(), _ignores_above(root), stays)))
    return Project(root, files, sum((root / file).lstat().st_size for file in files))


@dataclass(frozen=True)
class _Ignores:
    """The rules of one ignore file, for what lies below its folder."""

    folder: Path
    spec: GitIgnoreSpec

    def verdict(self, path: Path, slash: str) -> bool | None:
        """Whether a path is ignored; None where no rule speaks of it."""
        return self.spec.check_file(f"{path.relative_to(self.folder)}{slash}").include


def _ignores_above(root: Path) -> tuple[_Ignores, ...]:
    """The ignore files of the repository that the project is a part of, outermost first."""
    found: list[_Ignores] = []
    for folder in (root, *root.parents):
        if folder != root:
            found += _ignore_file(folder, folder / ".gitignore")
        if (folder / ".git").exists():
            return tuple(reversed([*found, *_ignore_file(folder, folder / ".git" / "info" / "exclude")]))
    return ()


def _ignore_file(folder: Path, path: Path) -> list[_Ignores]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [_Ignores(folder, GitIgnoreSpec.from_lines(lines))]


def _walk(root: Path, folder: Path, above: Sequence[_Ignores], stays: Path | None) -> Iterator[Path]:
    ignores = (*above, *_ignore_file(root / folder, root / folder / ".gitignore"))
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = folder / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if root / path == stays or _stays(root, path, ignores, is_folder=is_folder):
                continue
            if is_folder:
                if not _is_environment(root / path) and not _holds_sweeps(root / path):
                    yield from _walk(root, path, ignores, stays)
            elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                yield path


def _stays(root: Path, path: Path, ignores: Sequence[_Ignores], *, is_folder: bool) -> bool:
    slash = "/" if is_folder else ""
    if NEVER.match_file(f"{path}{slash}"):
        return True
    # As git: the file nearest to the path decides, a `!pattern` there wins over a rule further up.
    for ignore in reversed(ignores):
        verdict = ignore.verdict(root / path, slash)
        if verdict is not None:
            return verdict
    return False


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def _holds_sweeps(folder: Path) -> bool:
    return folder.name == SWEEPS_DIR and any(folder.glob(f"*/{SPEC_FILE}"))

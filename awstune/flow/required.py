"""What a project requires, read as pip will read it there, so that what it would not take is said before."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from awstune.errors import TargetError
from awstune.flow import declared
from awstune.remote.project import Project
from awstune.remote.requirements import InvalidRequirement, of_line, place_of

FILE, PROJECT = "requirements.txt", "pyproject.toml"
BUILD = (PROJECT, "setup.py", "setup.cfg")
_NESTED = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S.*)")
_EDITABLE = re.compile(r"(?:-e|--editable)[ =]+(\S.*)")
_OPTION = re.compile(
    r"-[if].*|--?(?:(?:extra-|pypi-)?index-url|no-index|find-links|no-binary|only-binary|prefer-binary"
    r"|require-hashes|pre|trusted-host|use-feature)(?:[ =].*)?"
)
_ELSEWHERE = re.compile(r"://|^/|\$\{")
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclass(frozen=True)
class Line:
    """One line that asks for something.

    Attributes:
        text: what it asks for, as pip takes it.
        file: of the project.
        number: of the line there, from 1; 0 where that is not known.
        said: what the file itself has there.
    """

    text: str
    file: Path
    number: int
    said: str

    @property
    def where(self) -> str:
        """In words."""
        return f"{self.file}, line {self.number}" if self.number else str(self.file)


def of_project(parcel: Project) -> tuple[tuple[Line, ...], str]:
    """All that a project asks for, and the file of it that pip reads itself; empty where there is none.

    Raises:
        TargetError: a file cannot be read, or a line says nothing that pip could install there.
    """
    if Path(FILE) in parcel.files:
        lines = tuple(_of_file(parcel, Path(FILE), set()))
    elif Path(PROJECT) in parcel.files:
        lines = tuple(_of_table(parcel))
    else:
        lines = ()
    for line in lines:
        _check(parcel, line)
    return lines, FILE if Path(FILE) in parcel.files else ""


def _of_table(parcel: Project) -> Iterator[Line]:
    text = _text(parcel.root / PROJECT)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{PROJECT} is not TOML: {error}", f"mend {parcel.root / PROJECT}") from error
    try:
        files, asked = declared.files(table), declared.dependencies(table)
    except (TypeError, AttributeError):
        about = "https://packaging.python.org/en/latest/specifications/pyproject-toml"
        raise TargetError(
            f"{PROJECT} has its dependencies in a way that pip does not know",
            f"mend {parcel.root / PROJECT}; {about} shows how",
        ) from None
    for name in files:
        yield from _of_file(parcel, _named(parcel, name, Line(name, Path(PROJECT), 0, name)), set())
    rows = text.splitlines()
    for line, said in asked:
        number = _row_of(said, rows)
        yield Line(line, Path(PROJECT), number, rows[number - 1].strip() if number else line)


def _row_of(said: str, rows: Sequence[str]) -> int:
    """The row, from 1, that has these words as a text or as a key of dependencies; 0 where none has."""
    word = re.compile(rf"""(^|[\s"'.]){re.escape(said)}([\s"'=\]]|$)""")
    first = next((number for number, row in enumerate(rows) if "dependencies" in row), 0)
    return next((number for number, row in enumerate(rows[first:], first + 1) if word.search(row)), 0)


def _of_file(parcel: Project, file: Path, seen: set[Path]) -> Iterator[Line]:
    """The lines of a file, and of those that it names."""
    seen.add(file)
    for number, said in _joined(_text(parcel.root / file)):
        if nested := _NESTED.fullmatch(said):
            if _ELSEWHERE.search(nested[1]):
                continue
            other = _named(parcel, nested[1], Line(said, file, number, said))
            if other not in seen:
                yield from _of_file(parcel, other, seen)
        else:
            editable = _EDITABLE.fullmatch(said)
            yield Line(editable[1] if editable else said, file, number, said)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, each with the number that it begins at; a backslash goes on in the next one."""
    begun: list[str] = []
    for number, row in enumerate([*text.splitlines(), ""], 1):
        begun.append(row.removesuffix("\\"))
        if not row.endswith("\\"):
            if said := _COMMENT.sub("", "".join(begun)).strip():
                yield number + 1 - len(begun), said
            begun = []


def _named(parcel: Project, name: str, by: Line) -> Path:
    """The file that a line names, from its own file's folder."""
    found = Path(os.path.normpath(by.file.parent / name))
    if found not in parcel.files:
        raise _unfit(parcel, by, f"{name} does not travel, or is not there")
    return found


def _check(parcel: Project, line: Line) -> None:
    if line.text.startswith("-"):
        if not _OPTION.fullmatch(line.text):
            raise _unfit(parcel, line, "pip takes no such option from a file")
        return
    try:
        of_line(line.text)
    except InvalidRequirement as error:
        raise _unfit(parcel, line, f"pip would not understand it ({str(error).splitlines()[0]})") from None
    place = place_of(line.text)
    if place is not None and not _travels(parcel, place):
        raise _unfit(parcel, line, f"{place} does not travel, is not there, or cannot be installed")


def _travels(parcel: Project, place: str) -> bool:
    """Whether pip will find something to install there; elsewhere than in the project it may be."""
    if "://" in place or place.startswith(("/", "~")) or "\\" in place:
        return True
    path = Path(place)
    return path in parcel.files or any(path / build in parcel.files for build in BUILD[:2])


def _unfit(parcel: Project, line: Line, why: str) -> TargetError:
    return TargetError(f"{line.where}: {line.said!r}: {why}", f"mend {parcel.root / line.file}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} cannot be read: {error}", "it is a text file in UTF-8") from error

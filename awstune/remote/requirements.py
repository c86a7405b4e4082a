"""Lines of a requirements file, one at a time: what they ask for, and whether a version meets that. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

__all__ = ["InvalidRequirement", "against", "asked", "lacking", "of_line", "place_of"]

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"(^|\s+)-.*$")
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*@")  # and where it is
_PLACE = re.compile(r"^\.|/|\\|\.(whl|zip|tar|tgz|tar\.(gz|bz2|xz))$")
_BUILD = re.compile(r"\+[\w.]+")  # such as +cu128
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}
_LATER = 30  # patch releases that a version may have had of which only the beginning is known


def asked(line: str) -> str:
    """What a line asks for, without a comment and options of its own; empty where it asks for nothing."""
    return _OPTIONS.sub("", _COMMENT.sub("", line)).strip()


def place_of(line: str) -> str | None:
    """The file, the folder or the address that a line names in place of a package; None where it does not."""
    what = re.split(r"\s*;", asked(line))[0]
    if _NAMED.match(what) or not _PLACE.search(what):
        return None
    return what if "://" in what else re.sub(r"\[[^\]]*\]$", "", what)


def of_line(line: str) -> Requirement | None:
    """The package that a line asks for by its name; None for another one.

    Raises:
        InvalidRequirement: pip would not understand it.
    """
    what = asked(line)
    if not what or _VARIABLE.search(line) or place_of(line) is not None:
        return None
    return Requirement(what)


def lacking(lines: Iterable[str], dists: Mapping[str, str]) -> list[str]:
    """The lines that installed packages do not certainly meet; comments are none.

    Args:
        lines: of a requirements file.
        dists: versions by names, in small letters with dashes.
    """
    said = (_COMMENT.sub("", line).strip() for line in lines)
    return [line for line in said if line and not _met(line, dists)]


def _met(line: str, dists: Mapping[str, str]) -> bool:
    try:
        wants = Requirement(asked(line))
        has = Version(dists.get(canonicalize_name(wants.name), ""))
    except (InvalidRequirement, InvalidVersion):
        return False
    return not (wants.extras or wants.url or wants.marker) and wants.specifier.contains(has, prereleases=True)


def against(lines: Iterable[str], name: str, version: str, python: str) -> str | None:
    """The first line that a version of a package is not; None where none is against it.

    Args:
        lines: of a requirements file.
        name: of the package.
        version: that it has; of ``2.8`` any patch may be there, and without a build any build.
        python: the version that it is installed for, such as ``3.12``.
    """
    known = [version] if version.count(".") > 1 else [f"{version}.{patch}" for patch in range(_LATER)]
    for line in lines:
        wants = _of_package(line, name, python)
        if wants is None:
            continue
        allowed = wants if "+" in version else SpecifierSet(_BUILD.sub("", str(wants)))
        if not any(allowed.contains(one, prereleases=True) for one in known):
            return asked(line)
    return None


def _of_package(line: str, name: str, python: str) -> SpecifierSet | None:
    """The versions that a line allows of a package; None where it says nothing of it, or not there."""
    try:
        wants = of_line(line)
    except InvalidRequirement:
        return None
    if wants is None or canonicalize_name(wants.name) != name or wants.url:
        return None
    full = python if python.count(".") > 1 else f"{python}.0"
    there = {**_LINUX, "python_version": ".".join(full.split(".")[:2]), "python_full_version": full}
    return wants.specifier if wants.marker is None or wants.marker.evaluate(there) else None

"""Poetry's words for versions, as PEP 440 has them.

Source: https://python-poetry.org/docs/dependency-specification/#version-constraints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from packaging.version import InvalidVersion, Version

_EITHER = re.compile(r"\|\|?")
_WORD = re.compile(r"\s*(?P<sign>\^|~=|~|===|==|!=|<>|>=|<=|>|<|=)?\s*v?(?P<number>[^\s,^~=!<>|]+)\s*,?")
_SIGNS = {"=": "==", "<>": "!=", "": "=="}
_FULL = 3  # parts of a version, from which on the patch of a Python counts


@dataclass(frozen=True)
class _Bound:
    """One comparison, such as ``>=1.4``."""

    sign: str
    number: str

    def __str__(self) -> str:
        return f"{self.sign}{self.number}"


_Range = tuple[_Bound, ...]


def versions(words: str) -> str:
    """What a requirement says of its versions; empty where any will do, the words where nothing says it.

    Of alternatives that leave nothing out between them it is what spans them, of others the newest: pip has
    no word for *or*.
    """
    try:
        ranges = _ranges(words)
    except InvalidVersion:
        return f" {words}"
    if not all(ranges):
        return ""
    return ",".join(map(str, _spanning(ranges) or max(ranges, key=_newest)))


def python(words: str) -> str:
    """The environment marker for a constraint on Python; empty where any will do.

    What is no constraint stays as it is written, and is then no marker.
    """
    try:
        ranges = _ranges(words)
    except InvalidVersion:
        return words
    if not all(ranges):
        return ""
    each = [" and ".join(map(_python, one)) for one in ranges]
    return each[0] if len(each) == 1 else f"({' or '.join(each)})"


def _python(bound: _Bound) -> str:
    parts = len(bound.number.removesuffix(".*").split("."))
    name = "python_full_version" if parts >= _FULL else "python_version"
    return f"{name} {bound.sign} '{bound.number}'"


def _ranges(words: str) -> list[_Range]:
    """The alternatives; one without bounds allows anything."""
    return [_range(one.strip()) for one in _EITHER.split(words)]


def _range(words: str) -> _Range:
    bounds: list[_Bound] = []
    at = 0
    while at < len(words):
        found = _WORD.match(words, at)
        if found is None:
            raise InvalidVersion(words)
        bounds += _bounds(found["sign"] or "", found["number"])
        at = found.end()
    return tuple(bounds)


def _bounds(sign: str, number: str) -> list[_Bound]:
    if number in ("*", "x", "X"):
        return []
    stem = re.sub(r"(\.[*xX])+$", "", number)
    release = Version(stem).release  # raises where it is none
    if sign == "^":
        return [_Bound(">=", stem), _Bound("<", _caret(release))]
    if sign == "~":
        return [_Bound(">=", stem), _Bound("<", _next(release[:2]))]
    wild = ".*" if stem != number and sign in ("", "=", "==", "!=", "<>") else ""
    return [_Bound(_SIGNS.get(sign, sign), stem + wild)]


def _caret(release: tuple[int, ...]) -> str:
    """The first version that changes what leads: 2 for 1.4, 0.5 for 0.4.2."""
    first = next((place for place, part in enumerate(release) if part), len(release) - 1)
    return _next(release[: first + 1])


def _next(release: tuple[int, ...]) -> str:
    return ".".join(map(str, (*release[:-1], release[-1] + 1)))


def _spanning(ranges: list[_Range]) -> _Range | None:
    """From the oldest to the newest version of ranges that follow on each other; None where some do not."""
    plain = [one for one in ranges if [bound.sign for bound in one] == [">=", "<"]]
    if len(plain) < len(ranges):
        return ranges[0] if len(ranges) == 1 else None
    plain.sort(key=lambda one: _version(one[0]))
    for below, above in pairwise(plain):
        if _version(above[0]) > _version(below[1]):
            return None
    return (plain[0][0], max((one[1] for one in plain), key=_version))


def _newest(bounds: _Range) -> Version:
    return max(map(_version, bounds))


def _version(bound: _Bound) -> Version:
    return Version(bound.number.removesuffix(".*"))

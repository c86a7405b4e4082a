"""What a ``pyproject.toml`` depends on, as pip takes it: its ``[project]``, or Poetry's own older table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

_VERSION = re.compile(r"\d+(?:\.\d+)*")


def dependencies(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines of a requirements file that say the same.

    Args:
        table: the parsed file.
    """
    project = table.get("project", {})
    if "dependencies" in project:
        return tuple(str(line) for line in project["dependencies"])
    poetry = table.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return tuple(line for name, value in poetry.items() if name != "python" for line in _poetry(name, value))


def _poetry(name: str, value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        known = {"version": one} if isinstance(one, str) else one
        if not known.get("optional"):
            yield _line(name, known)


def _line(name: str, known: Mapping[str, Any]) -> str:
    extras = ",".join(known.get("extras", ()))
    named = f"{name}[{extras}]" if extras else name
    where = known.get("url", "")
    if "git" in known:
        at = next((f"@{known[word]}" for word in ("rev", "tag", "branch") if word in known), "")
        where = f"git+{known['git']}{at}"
    markers = f" ; {known['markers']}" if "markers" in known else ""
    if "path" in known:
        place = f"./{PurePosixPath(known['path'])}"
        return f"{place}[{extras}]" if extras else place
    return f"{named} @ {where}{markers}" if where else f"{named}{_range(known.get('version', '*'))}{markers}"


def _range(version: str) -> str:
    """Poetry's word for versions as pip has it; any version where pip has no such word."""
    if "||" in version or version.strip() == "*":
        return ""
    return ",".join(filter(None, (_one(word.strip()) for word in version.split(","))))


def _one(word: str) -> str:
    number = word.lstrip("^~ ")
    if word[:1] in "^~" and not word.startswith("~=") and _VERSION.fullmatch(number):
        return f">={number},<{_caret(number) if word[0] == '^' else _tilde(number)}"
    return f"=={word}" if word[:1].isdigit() else word.replace(" ", "")


def _caret(number: str) -> str:
    """The first version that changes what leads: 2 for 1.4, 0.5 for 0.4.2."""
    parts = [int(part) for part in number.split(".")]
    first = next((place for place, part in enumerate(parts) if part), len(parts) - 1)
    return ".".join(map(str, [*parts[:first], parts[first] + 1]))


def _tilde(number: str) -> str:
    parts = [int(part) for part in number.split(".")][:2]
    return ".".join(map(str, [*parts[:-1], parts[-1] + 1]))

"""What a ``pyproject.toml`` depends on, as pip takes it: its ``[project]``, or Poetry's own older table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from awstune.flow import poetry

_SYSTEMS = {"linux": "linux", "darwin": "darwin", "windows": "win32", "win32": "win32"}


def dependencies(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of a requirements file that say the same, each with the words that the table has for it.

    What cannot be said so stays as it is written, which is then no requirement; see `required`.

    Args:
        table: the parsed file.

    Raises:
        TypeError, AttributeError: it has something else there than what belongs there.
    """
    project = table.get("project", {})
    if "dependencies" in project:
        if not isinstance(project["dependencies"], list):
            raise TypeError("dependencies is no list")
        return [(str(line), str(line)) for line in project["dependencies"]]
    wanted = table.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return [
        (line, name) for name, value in wanted.items() if name != "python" for line in _poetry(name, value)
    ]


def files(table: Mapping[str, Any]) -> list[str]:
    """The lists of requirements that setuptools reads in their place; none where there are not any."""
    dynamic = table.get("tool", {}).get("setuptools", {}).get("dynamic", {}).get("dependencies", {})
    named = dynamic.get("file", []) if "dependencies" in table.get("project", {}).get("dynamic", ()) else []
    return [named] if isinstance(named, str) else list(named)


def _poetry(name: str, value: Any) -> Iterator[str]:
    """Lines for one name; several where what is wanted depends on Python or on the system."""
    for one in value if isinstance(value, list) else [value]:
        known = one if isinstance(one, dict) else {"version": str(one)}
        if not known.get("optional"):
            yield _line(name, known)


def _line(name: str, known: Mapping[str, Any]) -> str:
    extras = ",".join(known.get("extras", ()))
    extras = f"[{extras}]" if extras else ""
    markers = " and ".join(_markers(known))
    markers = f" ; {markers}" if markers else ""
    if place := known.get("path", known.get("file")):
        return f"./{PurePosixPath(place)}{extras}{markers}"
    if where := _url(known):
        return f"{name}{extras} @ {where}{markers}"
    return f"{name}{extras}{poetry.versions(str(known.get('version', '*')))}{markers}"


def _url(known: Mapping[str, Any]) -> str:
    inside = f"#subdirectory={known['subdirectory']}" if "subdirectory" in known else ""
    if "git" not in known:
        return f"{known['url']}{inside}" if "url" in known else ""
    where, at = str(known["git"]), [known[word] for word in ("rev", "tag", "branch") if word in known]
    if "://" not in where:  # as scp has it: git@host:who/what.git
        where = f"ssh://{where.replace(':', '/', 1)}"
    return f"git+{where}{'@' if at else ''}{''.join(at[:1])}{inside}"


def _markers(known: Mapping[str, Any]) -> Iterator[str]:
    """The conditions under which it is wanted; each stands for itself."""
    if "markers" in known:
        yield f"({known['markers']})" if " or " in known["markers"] else known["markers"]
    if "python" in known:
        yield from filter(None, [poetry.python(str(known["python"]))])
    if "platform" in known:
        system = str(known["platform"])
        yield f"sys_platform == '{_SYSTEMS.get(system.lower(), system)}'"

"""A project as it came to an instance: importable, and with its own programs, as installing it would have it.

It is not installed there. The environment belongs to all sweeps that want the same packages, and the code
of each sweep is its own.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tomllib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from awstune.names import REMOTE_ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_PROGRAMS = Path(".awstune", "bin")
_OBJECT = re.compile(r"([\w.]+):([\w.]+)")
_NAME = re.compile(r"[\w.-]+")
# Its first argument is what a program that is called by its name finds in sys.argv[0].
_PROGRAM = """#!/bin/sh
exec "$(command -v python || command -v python3)" -c {code} "$@"
"""


def of(folder: Path) -> Path | None:
    """The project that a folder of an instance belongs to; None where it belongs to none."""
    home = (Path.home() / REMOTE_ROOT / "projects").resolve()
    found = folder.resolve()
    return next((one for one in (found, *found.parents) if one.parent == home), None)


def variables(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Where the processes of a sweep find what its project has; writes its programs.

    Args:
        folder: that the sweep runs in.
        environ: the variables so far.
    """
    project = of(folder)
    if project is None:
        return {}
    table = _table(project)
    # After what is there: awstune's own package leads.
    given = {"PYTHONPATH": [*_words(environ, "PYTHONPATH"), *map(str, importable(project, table))]}
    if _write_programs(project, table):
        given["PATH"] = [str(project / _PROGRAMS), *_words(environ, "PATH")]
    return {name: os.pathsep.join(words) for name, words in given.items() if words}


def importable(project: Path, table: Mapping[str, Any]) -> list[Path]:
    """The folders that the project's packages are in, where it is one that can be installed.

    Args:
        project: its folder.
        table: its ``pyproject.toml``.
    """
    if not any((project / name).is_file() for name in _FILES):
        return []
    found = [project / name for name in dict.fromkeys(_named(table)) if (project / name).is_dir()]
    found = found or [project / "src" if (project / "src").is_dir() else project]
    return [folder for folder in found if not _hides_something(folder)]


def _named(table: Mapping[str, Any]) -> Iterator[str]:
    """The folders of packages that a project names for its build."""
    tools = table.get("tool", {})
    setuptools = tools.get("setuptools", {})
    packages = setuptools.get("packages", {})
    yield from filter(None, [setuptools.get("package-dir", {}).get("")])
    yield from packages.get("find", {}).get("where", ()) if isinstance(packages, dict) else ()
    wheel = tools.get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {})
    yield from (str(PurePosixPath(package).parent) for package in wheel.get("packages", ()))
    for package in tools.get("poetry", {}).get("packages", ()):
        yield package.get("from", ".")


def _hides_something(folder: Path) -> bool:
    """Whether a module there is called as one of Python's own: it would come before that one."""
    modules = {path.stem for path in folder.glob("*.py")}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return not sys.stdlib_module_names.isdisjoint(modules | packages)


def _write_programs(project: Path, table: Mapping[str, Any]) -> bool:
    """Whether it has any."""
    tool = table.get("tool", {}).get("poetry", {}).get("scripts", {})
    named = {**tool, **table.get("project", {}).get("scripts", {})}
    for name, where in named.items():
        found = _OBJECT.fullmatch(where) if isinstance(where, str) else None
        if found is not None and _NAME.fullmatch(name):
            path = project / _PROGRAMS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            code = f"import sys, {found[1]} as it; sys.argv[0] = {name!r}; sys.exit(it.{found[2]}())"
            path.write_text(_PROGRAM.format(code=shlex.quote(code)))
            path.chmod(0o755)
    return (project / _PROGRAMS).is_dir()


def _words(environ: Mapping[str, str], name: str) -> list[str]:
    return [word for word in environ.get(name, "").split(os.pathsep) if word]


def _table(project: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it was read before it travelled
        return {}

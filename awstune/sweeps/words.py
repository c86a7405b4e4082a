"""The holes of a command: ``{lr}``, ``{args}``, ``{hydra}``, and ``{{`` for a brace.

``{dir}``, ``{trial}``, ``{seed}`` and ``{port}`` are the trial's own, unless a parameter is called so.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from awstune.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
ALL = {"args", "hydra"}  # holes for all parameters
_PLAIN = re.compile(r"(?:[\w@%+=:,./-]|\{[\w.-]+\})+")
OWN = {"dir", "trial", "seed", "port"}  # its folder, number, seed, and a free port for its processes


def check(words: Sequence[str], names: Iterable[str]) -> None:
    """Refuse a command that leaves a parameter out, or has a hole that no parameter fills.

    Raises:
        TargetError: naming the parameter or the hole.
    """
    known, there = list(names), holes(words)
    for hole in there:
        if hole not in known and hole not in ALL | OWN:
            raise TargetError(
                f"{{{hole}}} is no parameter of the space",
                f"the space has {', '.join(known)}; a brace of the command's own is written '{{{{'",
            )
    for name in known:
        if name not in there and not ALL & set(there):
            raise TargetError(
                f"the command has no place for {name}",
                f"write {{{name}}} where its value goes, or {{args}} for all as --name value",
            )


def holes(words: Sequence[str]) -> list[str]:
    """The names of a command's holes, in its order."""
    return [match[1] for word in words for match in _HOLE.finditer(word) if match[1] is not None]


def fill(words: Sequence[str], params: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> list[str]:
    """The command of one trial; each word stays one, but ``{args}`` and ``{hydra}`` of their own are many.

    Args:
        words: the command, with holes.
        params: name to value.
        own: what the trial itself has: those of `OWN`.
    """
    filled: list[str] = []
    values = {**(own or {}), **params}
    for word in words:
        if word == "{args}":
            filled += [part for name, value in params.items() for part in (f"--{name}", show(value))]
        elif word == "{hydra}":
            filled += [f"{name}={show(value, none='null')}" for name, value in params.items()]
        else:
            filled.append(_HOLE.sub(lambda match: _filled(match, params, values), word))
    return filled


def _filled(match: re.Match[str], params: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    name = match[1]
    if name is None:
        return match[0][0]
    if name == "args":
        return " ".join(f"--{key} {show(value)}" for key, value in params.items())
    if name == "hydra":
        return " ".join(f"{key}={show(value, none='null')}" for key, value in params.items())
    return show(values[name]) if name in values else ""


def as_typed(words: Iterable[str]) -> str:
    """Words as one types them: in quotes only what bash, zsh or fish would not take as it is."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    """See `as_typed`."""
    # Braces around one name are nothing to bash, zsh and fish; shlex knows only the shell of old.
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)


def show(value: Any, none: str = "none") -> str:
    """A value as a command line has it."""
    if value is None:
        return none
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)

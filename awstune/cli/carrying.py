"""Commands that are shown to be pasted carry the global options that were typed: the same cloud answers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Any

from awstune.config import TOP_LEVEL

# These find the cloud and the region of a sweep in its folder, which knows no profile; the rest are asked
# nothing of any cloud.
_OF_SWEEP = ("cancel", "logs", "results", "resume", "run", "status")
_OF_CLOUD = (
    *("attach", "doctor", "extend", "launch", "ls", "ssh"),
    *("start", "stop", "sweep", "terminate", "types"),
)
_COMMAND = re.compile(rf"(?:^|(?<=[\s`(;:·/]))awstune (?P<name>{'|'.join(_OF_CLOUD + _OF_SWEEP)})(?![\w-])")
_END = re.compile(r"[`;·\n]|$")


def carrying(text: str, typed: Mapping[str, Any]) -> str:
    """A text whose commands, pasted, ask the cloud that this one was told to ask.

    Args:
        text: prose, a hint, a line ``next: awstune ...``.
        typed: the global options of the command line; what the environment or awstune.toml says is said
            again by the next command's.
    """
    if not any(typed.get(name) for name in TOP_LEVEL):
        return text
    return _COMMAND.sub(partial(_with_options, typed), text)


def _with_options(typed: Mapping[str, Any], found: re.Match[str]) -> str:
    end = _END.search(found.string, found.end())
    rest = found.string[found.end() : end.start() if end else None]
    if "--help" in rest.split()[:1]:
        return found[0]
    alone = found["name"] in _OF_SWEEP and "--launch" not in rest
    matter = ("profile",) if alone else TOP_LEVEL
    words = [
        f"--{name} {shlex.quote(str(typed[name]))} "
        for name in matter
        if typed.get(name) and f"--{name}" not in rest
    ]
    return f"awstune {''.join(words)}{found['name']}"

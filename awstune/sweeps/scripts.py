"""Which script a target runs, and which options that script parses."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awstune.errors import TargetError
from awstune.sweeps.asking import ask
from awstune.sweeps.distributions import hint_for
from awstune.sweeps.starter import Flags
from awstune.sweeps.target import Target, there_are

_LIMIT_S = 30.0
_PARSES = re.compile(
    r"argparse|ArgumentParser|\bclick\b|\btyper\b|\bhydra\b|\babsl\b|simple_parsing|LightningCLI|\btyro\b"
)
_IMPORTS = re.compile(r"^\s*(?:from|import)\s+\.?([\w.]+)", re.MULTILINE)
_PYTHON = re.compile(r"python[\d.]*")


@dataclass(frozen=True)
class Script:
    """A Python program and the words that it is given.

    Attributes:
        file: where it is; None for a module.
        module: a dotted name, in place of a file.
        words: what comes after it.
        python: the interpreter that the command names; None where it names none.
    """

    file: Path | None
    module: str | None
    words: tuple[str, ...]
    python: str | None = None


def script_of(target: Target, cwd: Path) -> Script | None:
    """The script that a target runs; None where it is no Python script.

    Args:
        target: of any kind.
        cwd: the folder that it runs in.
    """
    if target.kind == "function":
        file = (cwd / target.file).resolve() if target.file else None
        return Script(file, target.module, ())
    words = target.command
    for at, word in enumerate(words):
        if word.endswith(".py") and (cwd / word).is_file():
            return Script((cwd / word).resolve(), None, words[at + 1 :], _python_of(words))
        if word == "-m" and at and _PYTHON.fullmatch(Path(words[at - 1]).name):
            return (
                Script(None, words[at + 1], words[at + 2 :], _python_of(words)) if words[at + 1 :] else None
            )
    return None


def _python_of(words: Sequence[str]) -> str | None:
    return shutil.which(words[0]) if _PYTHON.fullmatch(Path(words[0]).name) else None


def refuse_missing(target: Target, cwd: Path, *, elsewhere: bool) -> None:
    """Refuses a command whose program or script is not there, which every trial of it would find out.

    Args:
        target: of any kind.
        cwd: the folder that it runs in.
        elsewhere: whether it runs on an instance, which may have programs and absolute paths of its own.

    Raises:
        TargetError: so it is.
    """
    if target.kind != "command":
        return
    program, *words = target.command
    found = shutil.which(str(cwd / program) if "/" in program else program)
    if found is None and "{" not in program.partition(" ")[0] and (" " in program or not elsewhere):
        raise _no_program(program, cwd)
    script = _first(words) if _PYTHON.fullmatch(Path(program).name) else None
    if script and not (cwd / script).exists() and not (elsewhere and Path(script).is_absolute()):
        raise TargetError(f"{script} is not there", there_are((cwd / script).parent))


def _no_program(program: str, cwd: Path) -> TargetError:
    if not (cwd / program).is_file():
        hint = f"leave its quotes out: -- {program}" if " " in program else "see to its name, and to the PATH"
        if program == "python" and shutil.which("python3"):
            hint = "it is called python3 here"
        return TargetError(f"there is no program {program}", hint)
    plain = program.endswith(".py") and not os.access(cwd / program, os.X_OK)
    runs = f"awstune sweep -- python {program}" if plain else ""
    if "/" not in program:
        hint = runs or f"name its folder: -- ./{program}"
        return TargetError(f"{program} is not on the PATH", hint)
    return TargetError(f"{program} is no program that may be run", runs or f"chmod +x {program}")


def _first(words: Sequence[str]) -> str | None:
    """The script among the words behind Python; None where there is none, or a hole tells it."""
    taken = False
    for word in words:
        if word in ("-m", "-c", "-"):
            return None
        if not word.startswith("-") and not taken:
            return word if word.endswith(".py") and "{" not in word else None
        taken = word in ("-W", "-X")
    return None


@dataclass(frozen=True)
class Unread:
    """Why nobody knows a script's options.

    Attributes:
        why: of the script, as in "it needs numpy".
        hint: what mends it.
    """

    why: str
    hint: str


def read_flags(target: Target, cwd: Path, python: str, timeout_s: float = _LIMIT_S) -> Flags | Unread | None:
    """The options of a target's script, read in a child that gets no further than where they are parsed.

    Args:
        target: of any kind.
        cwd: the folder that it runs in.
        python: the interpreter of the trials; the one that a command names is asked in its place.
        timeout_s: how long the script may take to get there.

    Returns:
        None where the script parses none; `Unread` where it does not get as far.

    Raises:
        TargetError: the interpreter cannot be run.
    """
    script = script_of(target, cwd)
    if script is None or not _may_parse(script, cwd):
        return None
    subject = {
        "file": str(script.file) if script.file else None,
        "module": script.module,
        "argv": script.words,
        "first": str(script.file.parent if script.file else cwd.resolve()),
    }
    asked = script.python or python
    answer = ask("flags", subject, cwd, asked, timeout_s)
    if answer.get("problem") == "none":
        return None
    return _unread(answer, script, asked, timeout_s) if "problem" in answer else Flags.from_json(answer)


def _unread(answer: Mapping[str, Any], script: Script, python: str, limit_s: float) -> Unread:
    if answer["problem"] == "missing" and answer["missing"]:
        package = str(answer["missing"]).partition(".")[0]
        mended = hint_for(package, python, typed=script.python is not None)
        return Unread(f"needs {package}, which {python} does not have", mended)
    why, hint = _UNREAD.get(answer["problem"], _UNREAD["raised"])
    name = script.file.name if script.file else f"-m {script.module}"
    words = {"error": answer.get("error", answer["problem"]), "limit": limit_s}
    return Unread(why.format(**words), hint.format(shown=f"{python} {name}"))


_UNREAD = {
    "acts": ("{error} before it parses them", "parse first, and do the rest afterwards"),
    "hangs": ("takes more than {limit:g} s to get to them", "parse first, and do the rest afterwards"),
    "raised": ("does not get to them: {error}", "{shown} shows the whole traceback"),
    "died": ("ends before it parses them: {error}", "{shown} shows why"),
}


def _may_parse(script: Script, cwd: Path) -> bool:
    """Whether its text, or that of a module beside it, names what parses: else it would only be run."""
    file = script.file or file_of(str(script.module), cwd)
    return file is not None and any(_PARSES.search(text) for text in _texts(file))


def file_of(module: str, folder: Path) -> Path | None:
    """Where a module of the project is; None where it is not below the folder."""
    path = folder.joinpath(*module.split("."))
    places = (path.with_suffix(".py"), path / "__main__.py", path / "__init__.py")
    return next((place for place in places if place.is_file()), None)


def _texts(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    yield text
    for module in _IMPORTS.findall(text):
        beside = file_of(module, file.parent)
        if beside is not None:
            yield beside.read_text(encoding="utf-8", errors="replace")

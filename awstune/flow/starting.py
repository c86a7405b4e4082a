"""What a sweep without a space is refused with: a space to paste, from the script's own options."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from awstune.errors import SpaceError, TargetError
from awstune.sweeps import printing, starter, words
from awstune.sweeps.guessing import Option, suggest
from awstune.sweeps.inspection import NoFunction
from awstune.sweeps.printing import Printed
from awstune.sweeps.scripts import Unread, file_of, read_flags, script_of
from awstune.sweeps.starter import Flags, Starter
from awstune.sweeps.target import Target

_MOST_LEFT = 8
_SOME = {"lr": "1e-5..1e-1:log", "batch": "16,32,64"}
_REPORTS = (
    "It reports by printing lines such as awstune: val_loss=0.31 epoch=4. What it prints already is read "
    "with options before the --, such as --metric loss --metric-regex 'Loss: ([0-9.]+)'."
)
_READS = "It prints {}, as its text says; --try runs one trial to see that it is read."


def no_space(found: Target, cwd: Path, python: str) -> SpaceError:
    """The refusal of a target without a space.

    Args:
        found: the target.
        cwd: the folder one is in.
        python: the interpreter of the trials.
    """
    name = _name(found)
    command = _command(found, python) if _is_program(found, cwd) else found.command
    made = _starter(found, command, cwd, python, ())
    nothing = f"nothing says what to search: {name} has"
    if isinstance(made, Starter):
        hint, paste = _hint(made, _printed(found, cwd)), _paste(made, name, _printed(found, cwd))
        return SpaceError(f"{nothing} options, but no `space`", hint, paste=paste)
    if isinstance(made, Unread):
        told = f"{nothing} no `space`, and its options cannot be read: it {made.why}"
        return SpaceError(told, f"{made.hint}; or say them: {_said(found, command)}")
    return SpaceError(f"{nothing} no `space`", _said(found, command))


def _said(found: Target, command: Sequence[str]) -> str:
    """A command line that says what to search where nothing else does."""
    holes = words.holes(command)
    named = [name for name in dict.fromkeys(holes) if name and name not in words.ALL | words.OWN]
    space = {name: suggest(Option(name, kind="float")) or "0..1.0" for name in named} or _SOME
    typed = [f"-p {words.quoted(f'{name}={text}')}" for name, text in space.items()]
    flags = [] if named or words.ALL & {*holes} else [f"--{name} {{{name}}}" for name in space]
    target = " ".join(["--", words.as_typed(command), *flags]) if command else _name(found)
    return " ".join(["awstune sweep", *typed, target])


def _is_program(found: Target, cwd: Path) -> bool:
    """Whether a script has never heard of a trial: then its train(args) is its own affair."""
    path = cwd / found.file if found.file else file_of(str(found.module), cwd)
    if found.kind != "function" or path is None:
        return False
    return not _knows_trials(path.read_text("utf-8", "replace"))


def _knows_trials(source: str) -> bool:
    """Whether a script's code, its comments and docstrings apart, speaks of a trial."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return "trial" in source
    names = {getattr(node, "arg", None) or getattr(node, "id", None) for node in nodes}
    return "trial" in names


def as_program(found: Target, cwd: Path, python: str, typed: Sequence[str]) -> TargetError | None:
    """The refusal of a script whose text has no such function but options; None where it may have one.

    Importing it could be to run all of it.

    Args:
        found: the target.
        cwd: the folder one is in.
        python: the interpreter of the trials.
        typed: the assignments of ``-p``.
    """
    if found.file is None or found.kind != "function" or _defines(cwd / found.file, str(found.function)):
        return None
    refused = NoFunction(f"{found.file} has no function {found.function}")
    said = as_command(refused, found, cwd, python, typed)
    return said if said.paste else None


def _defines(file: Path, name: str) -> bool:
    word = rf"\b{re.escape(name)}\b"
    forms = rf"^\s*(?:async\s+)?(?:def|class)\s+{word}|^\s*{word}|^\s*(?:from|import)\b.*(?:{word}|\*|\()"
    return re.search(forms, file.read_text("utf-8", "replace"), re.MULTILINE) is not None


def as_command(
    refused: NoFunction, found: Target, cwd: Path, python: str, typed: Sequence[str]
) -> TargetError:
    """The refusal of a script without a function, with the command that runs it where it has options.

    Args:
        refused: what its inspection said.
        found: the target.
        cwd: the folder one is in.
        python: the interpreter of the trials.
        typed: the assignments of ``-p``.
    """
    if not _is_program(found, cwd):
        return refused
    made = _starter(found, _command(found, python), cwd, python, typed)
    if made is None:
        return refused
    if isinstance(made, Unread):
        told = f"{refused.message}, and its options cannot be read: it {made.why}"
        return TargetError(told, f"{made.hint}; or {refused.hint}")
    says = _printed(found, cwd)
    return TargetError(refused.message, _hint(made, says), paste=_paste(made, "", says))


def _name(found: Target) -> str:
    return words.as_typed(found.command) or found.text.removesuffix(":train")


def _starter(
    found: Target, command: Sequence[str], cwd: Path, python: str, typed: Sequence[str]
) -> Starter | Unread | None:
    """None where the script's options say nothing."""
    flags = read_flags(found, cwd, python)
    if not isinstance(flags, Flags):
        return flags
    made = starter.start(flags, command, _typed(typed))
    return made if made.space else None


def _printed(found: Target, cwd: Path) -> Printed | None:
    """What the script's text says that it prints."""
    script = script_of(found, cwd)
    file = script and (script.file or file_of(str(script.module), cwd))
    return printing.printed(file.read_text("utf-8", "replace")) if file else None


def _hint(made: Starter, says: Printed | None) -> str:
    told = ["start from this, read from the script's own options."]
    if made.open:
        told.append(f"Yours to fill in: {', '.join(made.open)}.")
    if made.left:
        more = f" and {len(made.left) - _MOST_LEFT} more" if len(made.left) > _MOST_LEFT else ""
        told.append(f"Left as the script has them: {', '.join(made.left[:_MOST_LEFT])}{more}.")
    if made.unlike:
        told.append(f"No log range has the script's own {', '.join(made.unlike)}: trial 0 takes its middle.")
    if made.command:
        told.append(_READS.format(says.metric) if says else _REPORTS)
    return " ".join(told)


def _paste(made: Starter, target: str, says: Printed | None) -> str:
    return starter.show(made, target, says.options if says else ())


def _typed(assignments: Sequence[str]) -> Mapping[str, str]:
    return {name: text for name, _, text in (one.partition("=") for one in assignments)}


def _command(found: Target, python: str) -> list[str]:
    """The words that run a script as a program, under the trials' Python."""
    on_path = [name for name in ("python", "python3") if _is_beside(shutil.which(name), python)]
    program = on_path[0] if on_path else python
    return [program, found.file] if found.file else [program, "-m", str(found.module)]


def _is_beside(program: str | None, python: str) -> bool:
    # Not by what the links lead to: that is one file for all environments of a machine.
    return program is not None and Path(program).absolute().parent == Path(python).absolute().parent

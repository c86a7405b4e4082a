"""From a script's own options to a space to start from, and the command that searches it.

Pure: options in, text out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awstune.search import compact
from awstune.search.parameters import Fixed
from awstune.sweeps.guessing import Option, suggest
from awstune.sweeps.words import holes, quoted

_WIDTH = 66  # of a line of the pasted command, so that error output keeps to 80 columns
_PROGRAM = 2  # words: python train.py


@dataclass(frozen=True)
class Level:
    """The options of a program, or of one of its subcommands.

    Attributes:
        word: the subcommand; None for the program itself.
        options: in the script's order.
    """

    word: str | None
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Flags:
    """All that a script says of its options.

    Attributes:
        style: "flags" for ``--name value``, "hydra" for ``name=value``.
        levels: the program's own options, then the subcommand's.
    """

    style: str
    levels: tuple[Level, ...]

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Flags:
        """As the child that read them wrote them."""
        levels = [
            Level(level["word"], tuple(_option(option) for option in level["options"]))
            for level in answer["levels"]
        ]
        return cls(answer["style"], tuple(levels))

    @property
    def options(self) -> tuple[Option, ...]:
        """Those of all levels."""
        return tuple(option for level in self.levels for option in level.options)


def _option(plain: Mapping[str, Any]) -> Option:
    return Option(**{**plain, "choices": tuple(plain.get("choices") or ())})


@dataclass(frozen=True)
class Starter:
    """A space to start from.

    Attributes:
        space: name to compact form, in the script's order.
        command: the words after ``--``, with holes; empty where the target is a function.
        left: options that are not in the space.
        open: words of the command that the user has to fill in.
        unlike: options whose own value is not in the space, with that value.
    """

    space: Mapping[str, str]
    command: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


def start(flags: Flags, command: Sequence[str], typed: Mapping[str, str] | None = None) -> Starter:
    """The space of a script's options, and its command with a hole for each.

    Args:
        flags: the script's.
        command: as typed; where it has holes, only they are filled. Empty for a function's target.
        typed: name to compact form, as ``-p`` has it: what the user knows already.

    Returns:
        The starter; its space is empty where no option says what it could be.
    """
    known, asked = typed or {}, _holes(command)
    if asked:
        space, filled = _of_holes(flags, command, asked, known), list(command)
    elif flags.style == "hydra":
        space = _suggested(flags.options, command, known)
        filled = [*command, "{hydra}"]
    else:
        space, filled = _of_flags(flags, command, known)
    called = {*space, *_holes(filled)}
    needed = {option.name.upper() for option in flags.options if option.required}
    unknown = [word for word in filled if word in needed - {*command}] if command else []
    called |= {option.name for option in flags.options if option.name.upper() in unknown}
    left = [o.flag or o.name for o in flags.options if not (_given(o, filled) or called & {o.name, _bare(o)})]
    unlike = [f"{o.flag or o.name} {o.default}" for o in flags.options if _is_unlike(o, space)]
    return Starter(space, tuple(filled) if command else (), tuple(left), tuple(unknown), tuple(unlike))


def _is_unlike(option: Option, space: Mapping[str, str]) -> bool:
    """Whether a range that was suggested leaves out the script's own value, such as 0 on a log scale."""
    text = suggest(option)
    named = text is not None and text in (space.get(option.name), space.get(_bare(option)))
    return bool(named and ".." in str(text) and ":default=" not in str(text) and option.default is not None)


def _holes(command: Sequence[str]) -> list[str]:
    return [name for name in holes(command) if name]


def _of_holes(
    flags: Flags, command: Sequence[str], asked: list[str], typed: Mapping[str, str]
) -> dict[str, str]:
    space: dict[str, str] = {}
    for option in flags.options:
        # {args} writes --name, so that a parameter has to be called like its flag.
        named = _bare(option) if "args" in asked else option.name if "hydra" in asked else None
        for name in _names_in(option, command, asked):
            space.setdefault(name, typed.get(name) or suggest(option) or _as_it_is(option))
        text = suggest(option)
        if named and text and not _given(option, command):
            space.setdefault(named, typed.get(named, text))
    return {name: text for name, text in space.items() if compact.NAME.fullmatch(name)}


def _bare(option: Option) -> str:
    return (option.flag or "").lstrip("-")


def _names_in(option: Option, command: Sequence[str], asked: list[str]) -> list[str]:
    """The holes that are an option's: called like it, or like its flag, or where its value goes."""
    found = [name for name in asked if name in (option.name, _bare(option))]
    flag = option.flag or option.name
    for before, word in zip(["", *command], command, strict=False):
        if before == option.flag or word.startswith(f"{flag}="):
            found += [name for name in _holes([word]) if word.endswith(f"{{{name}}}")]
    return list(dict.fromkeys(found))


def _as_it_is(option: Option) -> str:
    """What stands in for a hole that nothing is known of: the script's own value."""
    return "1" if option.default is None or option.many else compact.show(Fixed(option.default))


def _suggested(options: Iterable[Option], command: Sequence[str], typed: Mapping[str, str]) -> dict[str, str]:
    space = {}
    for option in options:
        text = typed.get(option.name) or typed.get(_bare(option)) or suggest(option)
        if text and not _given(option, command) and compact.NAME.fullmatch(option.name):
            space[option.name] = text
    return space


def _given(option: Option, command: Sequence[str]) -> bool:
    """Whether the command says an option's value already."""
    flag = option.flag or option.name
    return any(word == flag or word.startswith(f"{flag}=") for word in command)


def _of_flags(
    flags: Flags, command: Sequence[str], typed: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    space: dict[str, str] = {}
    filled: list[str] = []
    rest = list(command)
    for level, below in zip(flags.levels, [*flags.levels[1:], None], strict=True):
        # A program's own flags stand before its subcommand, whether that was typed or not.
        own, rest = _cut(rest, below.word if below else None)
        found = _suggested((o for o in level.options if o.flag), command, typed)
        filled += own
        filled += [
            word
            for option in level.options
            for word in _words_of(option, command, found, bare=len(own) <= _PROGRAM)
        ]
        space.update(found)
    return space, filled


def _cut(words: list[str], at: str | None) -> tuple[list[str], list[str]]:
    if at is None:
        return words, []
    place = words.index(at) if at in words else len(words)
    return words[:place], words[place:] or [at]


def _words_of(option: Option, command: Sequence[str], space: Mapping[str, str], *, bare: bool) -> list[str]:
    """An option as the command has it: with its hole, or with what the user has to fill in."""
    if option.flag is None:
        return [option.name.upper()] if option.required and bare else []
    if option.name in space:
        return [option.flag, f"{{{option.name}}}"]
    needed = option.required and not _given(option, command) and option.kind != "switch"
    return [option.flag, option.name.upper()] if needed else []


def show(starter: Starter, target: str = "", reads: Sequence[str] = ()) -> str:
    """The command line to paste, a parameter a line.

    Args:
        starter: what to start from.
        target: the TARGET, where it is no command.
        reads: options that read how a command is doing.
    """
    lines = ["awstune sweep", *(f"-p {quoted(f'{n}={text}')}" for n, text in starter.space.items())]
    if starter.command:
        lines += [" ".join(map(quoted, reads))] if reads else []
        first, *more = _folded(["--", *map(quoted, starter.command)])
        lines += [first, *(f"  {line}" for line in more)]
    else:
        lines.append(target)
    return " \\\n  ".join(lines)


def _folded(words: list[str]) -> list[str]:
    """Words as lines of some width, each flag beside its value; no word is broken, whatever stands in it."""
    parts: list[list[str]] = [[]]
    for place, word in enumerate(words, 1):
        if word.startswith("-") and parts[-1] and place < len(words):
            parts.append([])
        parts[-1].append(word)
    lines = [""]
    for part in map(" ".join, parts):
        if lines[-1] and len(lines[-1]) + len(part) > _WIDTH:
            lines.append("")
        lines[-1] += f" {part}" if lines[-1] else part
    return lines

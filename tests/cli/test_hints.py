"""Every command, and every option, that a hint or a help text names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import awstune as package
from awstune.cli.main import awstune

ROOT = Path(package.__file__).parent
# Where "awstune" is what a sentence is about, and no command line.
PROSE = frozenset(["and", "calls", "can", "does", "home", "is", "knows", "talks", "wrote"])
NAMED = re.compile(r"(?:^|[\s`(;:])awstune ((?:--[a-z]+ (?:aws |local )?)*)([a-z]+)((?: [^\s`;,()·]+)*)")
OPTION = re.compile(r"(?<= )--?[a-z][a-z-]*")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module but for its docstrings; ``{}`` stands for what is filled in."""
    tree = ast.parse(path.read_text())
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def leaves(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, groups among them, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))


COMMANDS = dict(leaves(awstune))


def written() -> list[tuple[str, str]]:
    """(where, text) of all that may be shown."""
    modules = [
        (f"{path.relative_to(ROOT)}:{line}", text)
        for path in sorted(ROOT.rglob("*.py"))
        for line, text in texts(path)
    ]
    return modules + [(" ".join(words), command.help or "") for words, command in COMMANDS.items()]


def named() -> list[tuple[str, str, str]]:
    """(where, command, words after it) of every command line in a text."""
    found = [(where, *match.group(2, 3)) for where, text in written() for match in NAMED.finditer(text)]
    return [(where, name, rest) for where, name, rest in found if name not in PROSE]


def missing(name: str, rest: str) -> list[str]:
    """What of a command line is not there."""
    if (name,) not in COMMANDS:
        return [name]
    sub = rest.split()[:1]
    words = (name, *sub) if (name, *sub) in COMMANDS else (name,)
    known = {opt for param in (*COMMANDS[words].params, *awstune.params) for opt in param.opts}
    return [option for option in OPTION.findall(rest.partition(" -- ")[0]) if option not in known]


def test_what_is_named_is_there():
    """Each ``awstune COMMAND --option`` in a hint, a message or a help text is one that works."""
    found = named()
    assert len(found) > 50
    assert {(where, name): gone for where, name, rest in found if (gone := missing(name, rest))} == {}


@pytest.mark.parametrize(("name", "rest"), [("lunch", ""), ("ls", " --colour"), ("local", " status --on x")])
def test_what_is_not_there_is_found(name, rest):
    """The search above would find a command, an option or a subcommand's option that is not there."""
    assert missing(name, rest)

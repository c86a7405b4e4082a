"""Help: quick, narrow, and with an example everywhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import click
import pytest

from awstune.cli.main import COMMANDS, SECTIONS, awstune
from awstune.cli.searching import RULES, SPACES
from awstune.search.compact import CHOICE_OPTIONS, RANGE_OPTIONS, parse, show
from awstune.search.ending import parse_rule
from awstune.search.space import Space

HEAVY = {"boto3", "botocore", "paramiko", "numpy", "torch", "rich", "bayes_opt", "scipy", "sklearn"}
LOADED = (
    "import sys; from awstune.cli.main import run; status = run(sys.argv[1:]); "
    "print(*sorted(sys.modules), file=sys.stderr); sys.exit(status)"
)


def leaves(group=awstune, path=("awstune",)):
    """Every command below a group, as (words, command)."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        yield (*path, name), command


@pytest.mark.parametrize("words", [(), ("launch",), ("sweep",), ("ls",), ("results",)])
def test_help_loads_nothing_heavy(words):
    """Help costs no boto3, paramiko, numpy, torch or rich."""
    command = [sys.executable, "-c", LOADED, *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())


def test_help_fits_80_columns_and_ends_with_an_example():
    """Every command's help is at most 80 columns wide and its last paragraph is an example."""
    for words, command in leaves():
        # As a user's: click keeps a command's help option as the first context has it.
        context = click.Context(command, info_name=words[-1], **awstune.context_settings)
        text = command.get_help(context)
        assert max(map(len, text.splitlines())) <= 80, words
        assert text.rstrip().split("\n\n")[-1].startswith("Example: awstune "), words


def test_every_form_of_a_space_and_every_rule_is_in_the_help():
    """What the help of sweep shows can be typed, and no option of a range or a choice is left out."""
    forms = [form for row, _ in SPACES for form in shlex.split(row)]
    for form in forms:
        assert show(parse(form)), form
    assert {f":{name}" for name in (*RANGE_OPTIONS, *CHOICE_OPTIONS)} <= set(
        re.findall(r":[a-z]+", " ".join(form for row in SPACES for form in row))
    )
    for rule, _ in RULES:
        assert parse_rule(rule, space=Space(), mode="min")


def test_the_list_says_what_the_commands_say():
    """The one-line descriptions of the list are the first sentences of the commands' own help."""
    for name, (_, line) in COMMANDS.items():
        command = awstune.get_command(click.Context(awstune), name)
        assert (command.help or "").splitlines()[0].rstrip(".") == line.rstrip("."), name


def test_every_command_is_listed_once():
    """The sections of the help hold every command, each once."""
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)


def test_an_unknown_command_is_a_usage_error():
    """A word that is no command: status 2, one message, and where to look."""
    done = subprocess.run(
        [sys.executable, "-m", "awstune", "lunch"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: there is no command 'lunch'\n\nhint: did you mean awstune launch? awstune --help lists them\n"
    )

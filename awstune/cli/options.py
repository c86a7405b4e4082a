"""What every command shares: the global options, and help that is grouped and ends with an example."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from awstune.config import SECTIONS, Config, load, read_file
from awstune.errors import Interrupted, UsageError
from awstune.names import SPEC_FILE, SWEEPS_DIR

HELP_WIDTH = 80
GLOBAL_GROUP = "Everywhere"
TAIL = "awstune.tail"
NOT_BEGUN = ("nothing had begun", "the same command starts again")
F = TypeVar("F", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that stands under a heading of its command's help.

    Args:
        args: click's.
        group: the heading.
        section: whose section of awstune.toml says it where it is not typed; None is its command's own.
        kwargs: click's.
    """

    def __init__(self, *args: Any, group: str = "Options", section: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.section = section

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Refuses an empty text: in a script it is a variable that was forgotten, and no wish."""
        if value == "" or (isinstance(value, (tuple, list)) and "" in value):
            raise click.BadParameter("it is empty", ctx=ctx, param=self)
        return super().type_cast_value(ctx, value)


option = functools.partial(click.option, cls=GroupedOption)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # One dictionary for the group and its command: the option nearer to the command's end wins.
    flags: dict[str, Any] = ctx.find_root().ensure_object(dict)
    if value:
        flags[str(param.name)] = value


def _global(*names: str, **settings: Any) -> Callable[[F], F]:
    return option(*names, expose_value=False, group=GLOBAL_GROUP, callback=_keep, **settings)


GLOBAL_OPTIONS = (
    _global(
        "--cloud", type=click.Choice(["aws", "local"]), help="AWS, or the embedded cloud on this machine."
    ),
    _global("--region", metavar="REGION", help="AWS region; us-east-1 unless set elsewhere."),
    _global("--profile", metavar="NAME", help="AWS profile."),
    _global("--json", is_flag=True, default=None, help="One JSON document on stdout, nothing else."),
    _global("-v", "--verbose", count=True, default=None, help="Say more."),
    _global("-q", "--quiet", count=True, default=None, help="Say less."),
)


def with_global_options(function: F) -> F:
    """Adds the global options to a command or group."""
    for decorate in reversed(GLOBAL_OPTIONS):
        function = decorate(function)
    return function


class Listing(click.Command):
    """Help within 80 columns, with options and commands under their headings."""

    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    lines: ClassVar[Mapping[str, str]] = {}
    legends: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {}

    def get_help(self, ctx: click.Context) -> str:
        """The help text, never wider than 80 columns."""
        ctx.max_content_width = HELP_WIDTH
        ctx.terminal_width = min(HELP_WIDTH, ctx.terminal_width or HELP_WIDTH)
        return super().get_help(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands by section, the options by group, then what an option's value can be."""
        for section, names in self.sections.items():
            with formatter.section(section):
                formatter.write_dl([(name, self.lines[name]) for name in names])
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(getattr(param, "group", GLOBAL_GROUP), []).append(record)
        for group in sorted(groups, key=lambda name: name == GLOBAL_GROUP):
            with formatter.section(group):
                formatter.write_dl(groups[group])
        for heading, rows in self.legends.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the example, its lines as they are."""
        del ctx
        for paragraph in (self.epilog or "").strip().split("\n\n"):
            formatter.write_paragraph()
            formatter.write(f"{paragraph}\n")


class Command(Listing):
    """A leaf command; its function gets the Config first."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Has the project's awstune.toml say what was not typed."""
        if self.name in SECTIONS:
            extra.setdefault("default_map", file_defaults(self.name, self.params))
        elif any(getattr(one, "section", None) for one in self.params):
            extra.setdefault("default_map", _borrowed(self.params))
        return super().make_context(info_name, args, parent, **extra)


class TailCommand(Command):
    """A command that hands on the words after ``--``, as they are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cuts the words off before click can mistake them for its own."""
        if "--" in args:
            cut = args.index("--")
            ctx.meta[TAIL] = tuple(args[cut + 1 :])
            args = args[:cut]
        return super().parse_args(ctx, args)


def tail_of(ctx: click.Context) -> tuple[str, ...] | None:
    """The words after ``--``; None where there was no ``--``."""
    tail: tuple[str, ...] | None = ctx.meta.get(TAIL)
    return tail


def command(
    name: str, *, example: str, cls: type[Command] = Command, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Makes a command whose function is called with the Config and then its own options.

    Args:
        name: as typed.
        example: the line or lines that its help ends with.
        cls: `TailCommand` gives the function ``words``, those after ``--``.
        settings: for ``click.command``.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @click.pass_context
        @functools.wraps(function)
        def wired(ctx: click.Context, /, **values: Any) -> Any:
            tail = {"words": tail_of(ctx)} if issubclass(cls, TailCommand) else {}
            try:
                return function(config_of(ctx), **values, **tail)
            except KeyboardInterrupt:
                # Before click hears of it, which would take it for an answer to a question. What has
                # begun has a screen, which knows more.
                raise Interrupted(*NOT_BEGUN) from None
            except EOFError as error:
                # Click would take that, too, for an answer to a question; those it asks itself hear of it.
                raise RuntimeError("something ended too early") from error

        made = click.command(name, cls=cls, epilog=f"Example: {example}", **settings)
        return made(with_global_options(wired))

    return decorate


def sweep_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The sweeps of this folder that begin like that, the newest first; for completion in a shell."""
    found = sorted(here().glob(f"{SWEEPS_DIR}/*/{SPEC_FILE}"), key=lambda file: -file.stat().st_mtime)
    return [file.parent.name for file in found if file.parent.name.startswith(incomplete)]


def sweep_argument(function: F) -> F:
    """Adds the argument SWEEP, which may be left out."""
    return click.argument("sweep", required=False, metavar="[SWEEP]", shell_complete=sweep_names)(function)


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether a command line wants JSON; what follows ``--`` is somebody else's."""
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def here() -> Path:
    """The folder that one is in.

    Raises:
        UsageError: somebody has removed it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the folder that you are in is gone", "cd to one that is there") from None


def config_of(ctx: click.Context) -> Config:
    """The Config of this call."""
    return load(ctx.find_root().ensure_object(dict), os.environ, here())


def file_defaults(section: str, params: list[click.Parameter]) -> dict[str, Any]:
    """The defaults that awstune.toml has for a command, as click's ``default_map`` wants them.

    Raises:
        UsageError: the file is not TOML, or a key is no long option of that command.
    """
    known = {opt.removeprefix("--"): param for param in params for opt in param.opts}
    table = read_file(here()).get(section, {})
    for key in table:
        if key not in known:
            what = f"awstune.toml has an unknown key {key!r} in [{section}]"
            raise UsageError(what, f"awstune {section} --help lists the options; they are the keys")
    return {str(known[key].name): _as_typed(section, known[key], key, table[key]) for key in table}


def _borrowed(params: list[click.Parameter]) -> dict[str, Any]:
    """What the sections of other commands have for these."""
    found = {}
    for param in params:
        section, key = getattr(param, "section", None), param.opts[0].removeprefix("--")
        table = read_file(here()).get(section, {}) if section else {}
        if section and key in table:
            found[str(param.name)] = _as_typed(section, param, key, table[key])
    return found


def _as_typed(section: str, param: click.Parameter, key: str, value: Any) -> Any:
    """A value of the file as a shell would have handed it over, so that both are read by the same rules."""
    if getattr(param, "is_flag", False):
        return value if isinstance(value, bool) else str(value)
    values = value if param.multiple and isinstance(value, list) else [value]
    if any(isinstance(one, (dict, list)) for one in values):
        raise UsageError(f"awstune.toml: {key} in [{section}] is no single value", f'write {key} = "..."')
    words = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
    return words if param.multiple else words[0]

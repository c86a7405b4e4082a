"""The entry: which commands there are, and what becomes of a failure.

Only click is imported here. A command's module is loaded when the command is called, so that
``--help`` and completion cost no boto3, numpy or torch.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

import click

from awstune.cli.options import Listing, asks_for_json, with_global_options
from awstune.cli.signals import Signals
from awstune.errors import Interrupted, UsageError

# name: (module below awstune.cli, what it does in a line)
COMMANDS = {
    "launch": ("launch", "Launch GPU instances and wait until they are ready."),
    "ls": ("instances", "List your instances, what they cost, and when they end."),
    "ssh": ("ssh", "Open a shell on an instance, or run one command there."),
    "stop": ("instances", "Stop instances; their disks stay, and go on costing."),
    "start": ("instances", "Start stopped instances again."),
    "extend": ("account", "Move an instance's end to a later time."),
    "terminate": ("terminate", "End instances for good, and check that nothing is left."),
    "sweep": ("sweep", "Search for the best hyperparameters of a training script."),
    "run": ("run", "Run a sweep's target once more, outside of its search."),
    "sweeps": ("sweeps", "List the sweeps of this folder."),
    "status": ("sweeps", "Show how a sweep is getting on."),
    "attach": ("sweeps", "Follow a sweep live."),
    "logs": ("sweeps", "Print a trial's log."),
    "resume": ("sweeps", "Go on with a sweep after any stop."),
    "cancel": ("sweeps", "End a running sweep, or one of its trials."),
    "results": ("results", "Show a sweep's trials as a table."),
    "types": ("account", "List the GPU instance types of the region."),
    "doctor": ("account", "Look at every condition of a launch, without spending anything."),
    "iam": ("account", "Print the least-privilege policy for what awstune calls, as JSON."),
    "local": ("local", "Start, stop or show the embedded cloud."),
    "demo": ("demo", "The whole story on the embedded cloud, in about a minute."),
}
SECTIONS = {
    "Instances": ("launch", "ls", "ssh", "extend", "stop", "start", "terminate"),
    "Sweeps": ("sweep", "run", "sweeps", "status", "attach", "logs", "resume", "cancel", "results"),
    "The account": ("types", "doctor", "iam"),
    "The embedded cloud": ("demo", "local"),
}
EPILOG = """No telemetry, ever: awstune talks to AWS, your instances, and what you name.

Example: awstune --cloud local launch lab
"""


class Commands(Listing, click.Group):
    """The command group; loads a command's module when it is asked for."""

    sections = SECTIONS
    lines = {name: line for name, (_, line) in COMMANDS.items()}  # noqa: RUF012  # a constant

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the sections."""
        del ctx
        return list(COMMANDS)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Finds the command, or names the one that may have been meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean awstune {near[0]}? " if near else ""
            raise UsageError(f"there is no command {args[0]!r}", f"{hint}awstune --help lists them")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads one command, or none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"awstune.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="awstune", prog_name="awstune")
@with_global_options
def awstune() -> None:
    """From a training script to its best hyperparameters on a rented GPU.

    One command, no surprise bill: every instance carries its end from its first second.
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and ends the process with its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    typed: dict[str, Any] = {}
    signals = Signals(as_json=asks_for_json(words), typed=typed)
    signals.install()
    try:
        status = _shown(run(words, typed))
    except BrokenPipeError:
        # The reader has gone (`awstune ls | head -1`), and with it the reason to go on looking.
        status = 0
    except KeyboardInterrupt:
        status = Interrupted.exit_status
    signals.done(status)
    for stream in (sys.stdout, sys.stderr):
        _let_go_of(stream)
    if status == Interrupted.exit_status:
        # All is in order. Python's own end would give itself the signal once more where it had come in an
        # eval (of which imports are full), or take another one while it ends: no status 130 then.
        os._exit(status)
    sys.exit(status)


def _shown(status: int) -> int:
    """The status of a command whose output has left; output that cannot be written has failed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return status
    except OSError as error:
        from awstune.cli import failures

        return status or failures.show(error, ())
    return status


def _let_go_of(stream: TextIO) -> None:
    """Python flushes again at its end, and would complain about a reader that has gone."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(words: Sequence[str], typed: dict[str, Any] | None = None) -> int:
    """Runs one command; a failure is shown as ``error: … hint: …`` (or as JSON) and becomes a status.

    Args:
        words: the command line.
        typed: filled with its global options.

    Raises:
        BrokenPipeError: the reader of a command that only looks has gone.
    """
    streams = sys.stdout, sys.stderr
    typed = {} if typed is None else typed
    try:
        result = awstune.main(list(words), prog_name="awstune", standalone_mode=False, obj=typed)
    except BrokenPipeError:
        raise
    except SystemExit as leaving:
        if sys.stdout is streams[0]:
            raise
        # click has met the broken pipe first: it wraps both streams, and leaves with status 1.
        sys.stdout, sys.stderr = streams
        raise BrokenPipeError from leaving
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last resort: a traceback is a bug
        from awstune.cli import failures

        return failures.show(error, words, typed)
    return result if isinstance(result, int) else 0


__all__ = ["COMMANDS", "awstune", "main", "run"]

"""What a person, or a script, is shown when something did not work."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from awstune.errors import AwstuneError, Interrupted, UsageError


def show(error: BaseException, words: Sequence[str]) -> int:
    """Prints a failure and gives its exit status.

    Args:
        error: what was raised.
        words: the command line, in which ``--json`` may stand.

    Returns:
        The exit status: 0 for ``--help`` and ``--version``.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message())
        return 0
    known = as_awstune_error(error, words)
    if "--json" in _own_words(words):
        document = {"error": {"kind": known.kind, "message": known.message, "hint": known.hint}}
        print(json.dumps(document))
    else:
        print(prose(known), file=sys.stderr)
    return known.exit_status


def prose(error: AwstuneError) -> str:
    """``error: what``, a blank line, ``hint: the command that mends it``."""
    word = "interrupted" if isinstance(error, Interrupted) else "error"
    return f"{word}: {error.message}" + (f"\n\nhint: {error.hint}" if error.hint else "")


def as_awstune_error(error: BaseException, words: Sequence[str]) -> AwstuneError:
    """Any exception as one that has a message, a hint and an exit status."""
    if isinstance(error, AwstuneError):
        return error
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "awstune"
        return UsageError(error.format_message().rstrip("."), f"{path} --help")
    if isinstance(error, click.ClickException):
        return UsageError(error.format_message().rstrip("."))
    if isinstance(error, click.Abort):
        return Interrupted("not done, as you said", "")
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("stopped", "awstune ls shows what is there, and what it costs")
    return _unexpected(error, words)


def _unexpected(error: BaseException, words: Sequence[str]) -> AwstuneError:
    path = _write_report(error, words)
    what = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    return AwstuneError(
        f"something unforeseen happened, and that is a bug in awstune: {what}",
        f"the details are in {path}; please send them with what you typed",
    )


def _write_report(error: BaseException, words: Sequence[str]) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    descriptor, path = tempfile.mkstemp(prefix=f"awstune-{stamp}-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"awstune {words[0] if words else ''}\n")
        file.writelines(traceback.format_exception(error))
    return Path(path)


def _own_words(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words

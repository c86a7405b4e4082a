"""What a person, or a script, is shown when something did not work."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from awstune.cli.carrying import carrying
from awstune.cli.options import NOT_BEGUN, asks_for_json
from awstune.cli.wrapping import fold, visible, width_of
from awstune.errors import DISK_FULL, AwstuneError, Interrupted, OutputError, UsageError


def show(error: BaseException, words: Sequence[str], typed: Mapping[str, Any] | None = None) -> int:
    """Prints a failure and gives its exit status.

    Args:
        error: what was raised.
        words: the command line, in which ``--json`` may stand.
        typed: its global options, as far as they were understood; the commands that are shown carry them.

    Returns:
        The exit status: 0 for ``--help`` and ``--version``.
    """
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message())
        return 0
    known = as_awstune_error(error, words)
    with suppress(OSError):  # nobody reads it any more; the exit status still says it
        if asks_for_json(words) and not isinstance(known, OutputError):
            print(json.dumps({"error": _document(known, typed or {})}), flush=True)
        else:
            told = carrying(prose(known), typed or {})
            print(fold(told, width_of(sys.stderr)), file=sys.stderr, flush=True)
            _offer(carrying(known.paste, typed or {}))
    return known.exit_status


def _document(known: AwstuneError, typed: Mapping[str, Any]) -> dict[str, str]:
    message, hint, paste = (carrying(text, typed) for text in (known.message, known.mended, known.paste))
    return {"kind": known.kind, "message": message, "hint": hint, **({"paste": paste} if paste else {})}


def _offer(paste: str) -> None:
    """What is to be pasted goes to stdout: it can go to a file, too; a terminal shows a gap before it."""
    if paste:
        shown = visible(paste)
        print(f"\n{shown}" if sys.stdout.isatty() else shown, flush=True)


def prose(error: AwstuneError) -> str:
    """``error: what``, a blank line, ``hint: the command that mends it``."""
    word = "interrupted" if isinstance(error, Interrupted) else "error"
    return f"{word}: {error.message}" + (f"\n\nhint: {error.hint}" if error.hint else "")


def as_awstune_error(error: BaseException, words: Sequence[str]) -> AwstuneError:
    """Any exception as one that has a message, a hint and an exit status."""
    if isinstance(error, AwstuneError):
        return error
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        path = context.command_path if context else "awstune"
        hint = f"{path} --help" if isinstance(error, click.UsageError) else ""
        return UsageError(_plain(error.format_message().rstrip(".")), hint)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Interrupted(*NOT_BEGUN)  # click's name for a Ctrl-C that comes early
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return unwritten(error)
    if isinstance(error, RuntimeError) and str(error).startswith(_RING):
        where = str(error).removeprefix(_RING).strip("'")
        return UsageError(
            f"{where} is a link that leads back to itself", "have it lead to a file or a folder"
        )
    return _unexpected(error, words)


_RING = "Symlink loop from "  # what pathlib says, before Python 3.13


def _plain(message: str) -> str:
    """Click's words for values, as somebody says them who has never heard of types."""
    for pattern, words in _WORDS.items():
        message = re.sub(pattern, words, message)
    return message


_WORDS = {
    r"is not a valid integer(?: range)?$": "is no whole number",
    r"is not a valid float(?: range)?$": "is no number",
    r"is not a valid boolean\. Recognized values: .*$": "is neither true nor false",
    r"is not in the range (\S+?)<=x<=(\S+)$": r"is not between \1 and \2",
    r"is not in the range x>=(\S+)$": r"is below \1",
    r"is not one of (.*)$": r"is none of \1",
}


def unwritten(error: OSError) -> AwstuneError:
    """A disk that takes nothing."""
    where = error.filename or "the output"
    kind = AwstuneError if error.filename else OutputError
    return kind(f"cannot write {where}: {error.strerror}", "make room there, then repeat the command")


def _unexpected(error: BaseException, words: Sequence[str]) -> AwstuneError:
    # Of a syntax error the last line says it; notes come after what says it.
    lines = traceback.TracebackException.from_exception(error)
    lines.__notes__ = None
    what = list(lines.format_exception_only())[-1].strip().splitlines()[0]
    try:
        details = f"the details are in {_write_report(error, words)}; please send them with what you typed"
    except OSError as full:
        details = f"the details could not be written ({full.strerror}); please send what you typed"
    return AwstuneError(f"something unforeseen happened, and that is a bug in awstune: {what}", details)


def _write_report(error: BaseException, words: Sequence[str]) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    descriptor, path = tempfile.mkstemp(prefix=f"awstune-{stamp}-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"awstune {words[0] if words else ''}\n")
        file.writelines(traceback.format_exception(error))
    return Path(path)

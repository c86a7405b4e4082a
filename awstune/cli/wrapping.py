"""Prose at the width of a terminal: it breaks between words, and nowhere within what is copied."""

from __future__ import annotations

import os
import re
from typing import TextIO

HANGING = 4  # of a sentence's second line
_END = r"(?=[\s;,)]|$)"
# In a sentence a verb, or another small word, ends the command: "awstune terminate lab ends it".
_ARGUMENT = (
    rf"(?:'[^'\n]*'|(?!(?:[a-z]+s|again|and|as|first|for|in|is|may|once|or|then|to){_END})[^\s;,()`·]+)"
)
_COMMAND = rf"(?:\S*/)?awstune(?: --(?:cloud|region|profile) \S+)* [\w-]+(?: {_ARGUMENT})*"
_SHELL = rf"ssh -i .*|{_COMMAND}|chmod \d+ \S+|kill \d+|\S+ -m pip install \S+"
_PYTHON = r"""\w+ = [A-Z]\w+\(.*\)|if __name__ == "__main__":|def train\(trial\):"""
_QUOTED = r"'[^'\n]{1,60}'"  # a shell's word; an apostrophe stands within a word, or at its end
_PIECE = re.compile(rf"[(\[\"']*(?:`[^`]*`|{_SHELL}|{_PYTHON})\S*|(?<!\S){_QUOTED}\S*|\S+")
# A path, or a trial's command, is of whatever length; a backslash goes on with the line below.
_WHOLE = re.compile(r"command: |checkpoint: |.*\\$")
# All but tabs and the ends of lines that steers a terminal, or turns the direction of what follows.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def width_of(stream: TextIO) -> int | None:
    """How many columns whoever reads a stream has: by ``COLUMNS``, else by the terminal; else None."""
    if (said := os.environ.get("COLUMNS", "")).isdigit() and int(said) > 0:
        return int(said)
    try:
        return (os.get_terminal_size(stream.fileno()).columns or None) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def room_of(stream: TextIO) -> int | None:
    """How many columns a table may have; None where no terminal shows it: then it is whole."""
    return width_of(stream) if stream.isatty() else None


def visible(text: str) -> str:
    """Text of whatever origin, for a terminal: what would steer it is shown as an escape, and does not."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def fold(text: str, width: int | None) -> str:
    """Lines that fit, as far as words and what is copied allow it.

    Args:
        text: lines; the indentation of one is kept, and its second line hangs below it. Of it see `visible`.
        width: in columns; None where nobody has a width.

    Returns:
        The same words. A path, an address, what stands in backticks and a command are never broken, also
        where they are wider than that.
    """
    text = visible(text)
    if width is None:
        return text
    lines, goes_on = [], False
    for line in text.split("\n"):
        whole = goes_on or len(line) <= width or _WHOLE.match(line)
        lines.append(line if whole else _folded(line, width))
        goes_on = line.endswith("\\")
    return "\n".join(lines)


def _folded(line: str, width: int) -> str:
    hanging = " " * (len(line) - len(line.lstrip()) + HANGING)
    lines, end = [""], 0
    for piece in _PIECE.finditer(line):
        gap = line[end : piece.start()]
        if end and len(lines[-1]) + len(gap) + len(piece[0]) > width:
            lines.append(f"{hanging}{piece[0]}")
        else:
            lines[-1] += f"{gap}{piece[0]}"
        end = piece.end()
    return "\n".join(lines)

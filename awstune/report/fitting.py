"""Columns of text, as many of them as a terminal has room for; the others are named, or go on below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

GAP = 2
SHORT = 10
"""A long column's name is cut to so many letters before a column is left out."""


def columns(rows: Iterable[Sequence[str]], header: Sequence[str], right: str = "") -> str:
    """Columns of text, each as wide as its widest cell.

    Args:
        rows: cells, as many in each row as in the header.
        header: the columns' names.
        right: a letter per column: ``r`` aligns it to the right.
    """
    lines = [header, *rows]
    widths = _widths(lines)
    sides = right.ljust(len(header), "l")
    return "\n".join(
        (" " * GAP)
        .join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, sides, strict=True)
        )
        .rstrip()
        for line in lines
    )


def fitted(
    rows: Sequence[Sequence[str]],
    header: Sequence[str],
    right: str = "",
    *,
    room: int | None,
    spare: Sequence[int],
    whole: str,
) -> str:
    """As `columns`, without what a terminal has no room for; a line below says what is left out.

    Args:
        rows: cells, as many in each row as in the header.
        header: the columns' names.
        right: a letter per column: ``r`` aligns it to the right.
        room: the terminal's columns; None where all of it is wanted, as in a pipe.
        spare: the columns that may go, by their places, the first to go first.
        whole: what shows all of them.
    """
    if room is None or _wide([header, *rows]) <= room:
        return columns(rows, header, right)
    sides = right.ljust(len(header), "l")
    shown = [_shorter(name) if at in spare else name for at, name in enumerate(header)]
    kept, gone = list(range(len(header))), list[str]()
    for place in spare:
        if _wide([[line[at] for at in kept] for line in (shown, *rows)]) <= room:
            break
        gone.append(header[place])
        kept.remove(place)
    table = columns(
        [[line[at] for at in kept] for line in rows],
        [shown[at] for at in kept],
        "".join(sides[at] for at in kept),
    )
    return table + (f"\n(no room for {', '.join(gone)}: {whole})" if gone else "")


def wrapped(
    rows: Sequence[Sequence[str]],
    header: Sequence[str],
    right: str = "",
    *,
    room: int | None,
    keys: int,
) -> str:
    """As `columns`; what a terminal has no room for goes on in a table below, beside the same keys.

    Args:
        rows: cells, as many in each row as in the header; the last one is a note, which the first table has.
        header: the columns' names.
        right: a letter per column: ``r`` aligns it to the right.
        room: the terminal's columns; None where all of it is wanted, as in a pipe.
        keys: how many columns, from the first, each of the tables has.
    """
    if room is None:
        return columns(rows, header, right)
    for names in (header, [_shorter(name) if at >= keys else name for at, name in enumerate(header)]):
        if _wide([names, *rows]) <= room:
            return columns(rows, names, right)
    sides = right.ljust(len(header), "l")
    tables = []
    for shown in _shared_out(_widths([header, *rows]), room, keys):
        picked = [[line[at] for at in shown] for line in (header, *rows)]
        tables.append(columns(picked[1:], picked[0], "".join(sides[at] for at in shown)))
    return "\n\n".join(tables)


def _shared_out(widths: Sequence[int], room: int, keys: int) -> list[list[int]]:
    """The columns of each table: the keys, as many others as fit, and the note, if any, in the first one."""
    note, ahead = len(widths) - 1, list(range(keys))
    free = room - sum(widths[:keys]) - GAP * (keys - 1)
    noted = widths[note] > 0
    shares, left = [[note] if noted else []], free - (GAP + widths[note] if noted else 0)
    for at in range(keys, note):
        if shares[-1] and left < GAP + widths[at]:
            shares.append([])
            left = free
        shares[-1].append(at)
        left -= GAP + widths[at]
    return [[*ahead, *sorted(share)] for share in shares]


def _shorter(name: str) -> str:
    return name if len(name) <= SHORT else f"{name[: SHORT - 1]}…"


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, cells)) for cells in zip(*lines, strict=True)]


def _wide(lines: Sequence[Sequence[str]]) -> int:
    widths = _widths(lines)
    return sum(widths) + GAP * (len(widths) - 1)

"""Counts, sizes and times in one form for progress, plans, tables, documents and errors."""

from __future__ import annotations

from datetime import UTC, datetime


def count(number: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(bytes_: float) -> str:
    """``512 B``, ``1.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1000:  # noqa: PLR2004  # SI
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} TB"


def iso(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the second: ``2026-11-24T03:00:00Z``."""
    return datetime.fromtimestamp(round(seconds), UTC).isoformat().replace("+00:00", "Z")

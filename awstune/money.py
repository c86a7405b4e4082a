"""Amounts of money as people read them: one form for plans, tables, questions and errors."""

from __future__ import annotations

_CENT = 0.01


def dollars(usd: float) -> str:
    """US dollars: ``$1,250.00``, ``$7.20``; below a cent two significant digits, ``$0.0031``, ``$0.004``."""
    if not 0 < abs(usd) < _CENT:
        return f"${usd:,.2f}"
    digits = f"{float(f'{usd:.2g}'):.12f}".rstrip("0")
    return f"${digits}" if float(digits) else "$0.00"

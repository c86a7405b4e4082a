"""The terminal behind stderr, as rich draws on it; loaded when something is first drawn."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console


class Terminal(Console):
    """rich's console, for what goes on: results never pass through it."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        """Leaves it to the screen what a reader that has gone means: rich would end the process here."""
        raise  # noqa: PLE0704  # rich calls this while it handles the BrokenPipeError

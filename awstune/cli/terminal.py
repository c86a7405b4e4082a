"""The terminal behind stderr, as rich draws on it; loaded when something is first drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from rich.console import Console
from rich.text import Text


class Terminal(Console):
    """rich's console, for what goes on: results never pass through it."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        """Leaves it to the screen what a reader that has gone means: rich would end the process here."""
        raise  # noqa: PLE0704  # rich calls this while it handles the BrokenPipeError


@dataclass(frozen=True)
class Ticking:
    """A line that says anew, whenever it is drawn, how late it is.

    Attributes:
        text: what stays; brackets in it are brackets.
        clock: what stands behind it.
    """

    text: str
    clock: Callable[[], str] | None = None

    def __rich__(self) -> Text:
        return Text(f"{self.text}{self.clock() if self.clock else ''}")

"""Where output goes: results to stdout, progress and questions to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from awstune.config import Config
from awstune.errors import NoAnswer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from awstune.flow.events import Story

T = TypeVar("T")


class Screen(AbstractContextManager["Screen"]):
    """One command's output. A context manager: on the way out nothing is left spinning.

    On a terminal what goes on is one line that changes; elsewhere each change is a line of its own.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.last = ""
        self._console: Console | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.still()

    @property
    def console(self) -> Console:
        """The terminal behind stderr; rich is loaded when something is first drawn."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        return self._console

    @property
    def live(self) -> bool:
        """Whether a line that changes can be seen."""
        return self.config.verbosity >= 0 and sys.stderr.isatty()

    def result(self, text: str) -> None:
        """What the command was called for."""
        self.still()
        click.echo(text)

    def document(self, value: Any) -> None:
        """The one JSON document of this call, or one line of a stream."""
        self.still()
        click.echo(json.dumps(value, default=str))

    def say(self, text: str, style: str = "") -> None:
        """A line that stays, on stderr; quiet calls drop it."""
        if self.config.verbosity >= 0:
            self.console.print(text, style=style, markup=False)

    def warn(self, what: object) -> None:
        """Something the user should know and nobody else will say."""
        self.console.print(f"warning: {what}", style="yellow", markup=False)

    def doing(self, text: str) -> None:
        """What is going on at this moment."""
        if self.config.verbosity < 0 or text == self.last:
            return
        self.last = text
        if not self.live:
            self.say(text)
        elif self._status is None:
            from rich.markup import escape

            self._status = self.console.status(escape(text), spinner="dots")
            self._status.start()
        else:
            from rich.markup import escape

            self._status.update(escape(text))

    def still(self) -> None:
        """Ends the line that changes."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def follow(self, story: Story[T], journal: Callable[[Any], None] | None = None) -> T:
        """Runs a story to its end, showing what it tells.

        Args:
            story: a generator of events.
            journal: what to do with a sweep's events; they are dropped without it.

        Returns:
            What the story returns.
        """
        with closing(story):
            while True:
                try:
                    event = next(story)
                except StopIteration as end:
                    self.still()
                    result: T = end.value
                    return result
                try:
                    self._show(event, journal)
                except KeyboardInterrupt as interrupt:
                    # The story knows what is half done and says so; it must hear of it.
                    story.throw(interrupt)

    def _show(self, event: Any, journal: Callable[[Any], None] | None) -> None:
        from awstune.flow.events import Chapter, Doing, Done, Output, Warned

        if isinstance(event, Doing):
            self.doing(event.text)
        elif isinstance(event, Done):
            self.say(event.text)
        elif isinstance(event, Chapter):
            self.say(f"\n{event.text}", style="bold")
        elif isinstance(event, Output):
            self.still()
            sys.stdout.buffer.write(event.data)
            sys.stdout.buffer.flush()
        elif isinstance(event, Warned):
            self.warn(event.text)
        elif journal is not None:
            journal(event)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks once; ``yes`` answers in advance.

        Raises:
            NoAnswer: nobody is there to answer.
            click.Abort: the answer was no.
        """
        self.still()
        if yes:
            return
        if not sys.stdin.isatty():
            raise NoAnswer(f"{question} Nobody is at a terminal to answer", "say --yes to answer in advance")
        click.confirm(question, abort=True, err=True)

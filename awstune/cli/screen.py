"""Where output goes: results to stdout, progress and questions to stderr."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar

import click

from awstune.cli.carrying import carrying
from awstune.cli.wrapping import fold, visible, width_of
from awstune.config import Config
from awstune.errors import Interrupted, NoAnswer, OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from awstune.flow.events import Story

T = TypeVar("T")
GONE = (errno.EPIPE, errno.EIO)  # the reader of a pipe, or the terminal
LOOK = "awstune ls shows what is there, and what it costs; awstune terminate NAME ends it"
LOOKED = ("nothing was changed: what runs goes on, and costs what it did", LOOK)


class Screen(AbstractContextManager["Screen"]):
    """One command's output. A context manager: on the way out nothing is left spinning.

    On a terminal what goes on is one line that changes; elsewhere each change is a line of its own. An
    interrupt becomes what it means by then: see `if_interrupted`.

    Args:
        config: the options.
        looks: whether the command does nothing but look: then it ends when its reader has gone. Any other
            goes on with its work, unheard.
    """

    def __init__(self, config: Config, *, looks: bool = False) -> None:
        self.config = config
        self.looks = looks
        self.last = "", True
        self._interrupted = LOOKED
        self._deaf = False  # whether nobody reads stderr any more
        self._unwritten: OSError | None = None
        self._console: Console | None = None
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.still()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(*self._interrupted) from None
        if error is None and self._unwritten is not None:
            raise OutputError(
                f"what was asked for is done, but cannot be written: {self._unwritten.strerror}",
                "make room where the output goes; awstune ls and awstune sweeps show what there is",
            )

    @property
    def console(self) -> Console:
        """The terminal behind stderr; rich is loaded when something is first drawn."""
        if self._console is None:
            from awstune.cli.terminal import Terminal

            self._console = Terminal()
        return self._console

    @property
    def live(self) -> bool:
        """Whether a line that changes can be seen."""
        return self.config.verbosity >= 0 and sys.stderr.isatty()

    @property
    def room(self) -> int | None:
        """The columns of what is said on stderr; None for as many as it wants."""
        return width_of(sys.stderr)

    def result(self, text: str, *, exact: bool = False) -> None:
        """What the command was called for: a table, a line to be copied.

        Args:
            text: without the last end of a line.
            exact: whether a program reads it, for which no sign of it may change.
        """
        self.still()
        # What was typed may be no text: a byte of another encoding is shown as one.
        shown = text if exact else visible(text)
        self._write(f"{shown}\n".encode(errors="backslashreplace"))

    def sentence(self, text: str) -> None:
        """What the command was called for, in words: they break where whoever reads them has no room."""
        self.result(fold(carrying(text, self.config.typed), width_of(sys.stdout)))

    def document(self, value: Any) -> None:
        """The one JSON document of this call, or one line of a stream."""
        self.result(json.dumps(value, default=str), exact=True)

    def raw(self, data: bytes) -> None:
        """Bytes that are the command's result, as they are."""
        self.still()
        self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError as error:
            if error.errno not in GONE:
                self._unwritten = error
            self._unheard(sys.stdout, error)

    def _unheard(self, stream: TextIO, error: OSError) -> None:
        """What is left in the buffer, and all that follows, goes nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if self.looks:
            raise BrokenPipeError(*error.args) if error.errno in GONE else error

    def say(self, text: str, style: str = "", *, whole: bool = False) -> None:
        """Lines that stay, on stderr; quiet calls drop them.

        Args:
            text: prose, which breaks between its words.
            style: of all of it.
            whole: whether it is no prose but a table's row.
        """
        if self.config.verbosity >= 0:
            with self._heard():
                told = carrying(text, self.config.typed)
                shown = visible(text) if whole else fold(told, self.room)
                self.console.print(shown, style=style, markup=False)

    def warn(self, what: object) -> None:
        """Something the user should know and nobody else will say."""
        with self._heard():
            told = carrying(f"warning: {what}", self.config.typed)
            shown = fold(told, self.room)
            self.console.print(shown, style="yellow", markup=False)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """What is said on stderr; when nobody can hear it, a command that does something goes on."""
        try:
            yield
        except OSError as error:
            self._status, self._deaf = None, True
            self._unheard(sys.stderr, error)

    def doing(self, text: str, clock: Callable[[], str] | None = None) -> None:
        """What is going on at this moment.

        Args:
            text: what it is.
            clock: what stands behind it on a terminal, asked for anew as time goes by.
        """
        if self.config.verbosity < 0 or (text, clock is None) == self.last:
            return
        self.last = text, clock is None
        if not self.live:
            self.say(text)
            return
        from awstune.cli.terminal import Ticking

        line = Ticking(visible(text), clock)
        with self._heard():
            if self._status is None:
                self._status = self.console.status(line, spinner="dots")
                self._status.start()
            else:
                self._status.update(line)

    def still(self) -> None:
        """Ends the line that changes."""
        if self._status is not None:
            status, self._status = self._status, None
            with self._heard():
                status.stop()

    def follow(self, story: Story[T], journal: Callable[[Any], None] | None = None) -> T:
        """Runs a story to its end, showing what it tells.

        Args:
            story: a generator of events.
            journal: what to do with a sweep's events; they are dropped without it.

        Returns:
            What the story returns.
        """
        try:
            return self._tell(story, journal)
        except KeyboardInterrupt as interrupt:
            self.still()
            # The story knows what is half done, and says so; it must hear of it.
            return self._tell(story, journal, interrupt)
        finally:
            story.close()

    def _tell(
        self,
        story: Story[T],
        journal: Callable[[Any], None] | None,
        interrupt: KeyboardInterrupt | None = None,
    ) -> T:
        try:
            event = next(story) if interrupt is None else story.throw(interrupt)
            while True:
                self._show(event, journal)
                event = next(story)
        except StopIteration as end:
            self.still()
            result: T = end.value
            return result

    def if_interrupted(self, what: str, hint: str) -> None:
        """What Ctrl-C and its like mean from now on, where the story that runs does not know it better.

        Args:
            what: what goes on, or has ended, and what still costs.
            hint: the commands that go on, or end what costs.
        """
        self._interrupted = (what, hint)

    def _show(self, event: Any, journal: Callable[[Any], None] | None) -> None:
        from awstune.flow.events import Chapter, Doing, Done, Output, Warned

        if isinstance(event, Doing):
            if not event.step or self.live or self.config.verbosity > 0:
                self.doing(event.text)
        elif isinstance(event, Done):
            self.say(event.text)
        elif isinstance(event, Chapter):
            self.say(f"\n{event.text}", style="bold")
        elif isinstance(event, Output):
            self.raw(event.data)
        elif isinstance(event, Warned):
            self.warn(event.text)
        elif journal is not None:
            journal(event)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks once; ``yes`` answers in advance.

        Args:
            question: what is asked.
            yes: whether it is answered already.

        Raises:
            NoAnswer: nobody is there to answer.
            Interrupted: the answer was no, or an interrupt; what stands then is told as of any interrupt.
        """
        self.still()
        if yes:
            return
        nobody = NoAnswer(f"{question} Nobody is at a terminal to answer", "say --yes to answer in advance")
        if not self.answers:
            raise nobody
        try:
            click.confirm(fold(question, self.room), abort=True, err=True)
        except click.Abort as no:
            if isinstance(no.__context__, EOFError) and not self.answers:
                raise nobody from None  # the terminal went away before the answer was read: no Ctrl-D
            said = "" if isinstance(no.__context__, KeyboardInterrupt) else "not done, as you said: "
            what, hint = self._interrupted
            raise Interrupted(f"{said}{what}", hint) from None
        except OSError as error:
            if error.errno not in GONE:
                raise
            raise nobody from None

    @property
    def answers(self) -> bool:
        """Whether somebody is there who can be asked: who reads the question, and can answer it."""
        return sys.stdin.isatty() and not self._deaf

    def agrees(self, question: str) -> bool | None:
        """The answer to a question whose either answer leads on; None where it was not answered."""
        self.still()
        try:
            return click.confirm(fold(question, self.room), default=True, err=True)
        except click.Abort:
            return None
        except OSError as error:
            if error.errno not in GONE:
                raise
            return None

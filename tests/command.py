"""An awstune command that runs: its output read as it comes, and signals as a terminal sends them."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import psutil

from tests.waiting import PATIENCE_S
from tests.world import World

# From a terminal, Ctrl-C and its end reach the whole foreground group; kill reaches one process.
TO_ALL = (signal.SIGINT, signal.SIGHUP)


class Running:
    """A command in a process group of its own.

    Args:
        world: its home, folder and environment.
        words: its words.
        stdin: a descriptor; nothing to read where there is none.
        env: more of its environment.
        before: called in the new process ahead of the command.
    """

    def __init__(self, world: World, *words: str, stdin=subprocess.DEVNULL, env=None, before=lambda: None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "awstune", *words],
            cwd=world.cwd,
            env={**world.env, **(env or {})},
            stdin=stdin,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,  # noqa: PLW1509  # a limit that only the new process shall have, before it has threads
        )
        self.lines: list[str] = []
        self.left = False  # whether nobody reads on after its next word, as after `| head -1`
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        # Not by lines: a question ends without one. And not by letters: one may come in two reads.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not self.left and (said := os.read(self.process.stdout.fileno(), 1 << 16)):
            with self.news:
                self.lines.append(decoder.decode(said))
                self.news.notify_all()
        self.process.stdout.close()
        self.process.wait()
        with self.news:
            self.news.notify_all()

    @property
    def text(self):
        """All that it has said so far."""
        return "".join(self.lines)

    def says(self, words):
        """Waits until it has said that."""
        with self.news:
            self.news.wait_for(lambda: words in self.text or self.process.returncode is not None, PATIENCE_S)
            assert words in self.text, self.text
        return self

    def signalled(self, *numbers, status=130):
        """Sends it signals, one right after the other, and waits for its end, and for all that it started."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        for number in numbers or (signal.SIGINT,):
            if number in TO_ALL:
                with suppress(ProcessLookupError):  # it may have ended by the one before; its status tells
                    os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        return self.ended(status, started)

    def ended(self, status=0, started=()):
        """Waits for its end; what it has said."""
        assert self.process.wait(PATIENCE_S) == status, self.text
        self.reader.join(PATIENCE_S)
        assert "Traceback" not in self.text
        _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
        assert alive == []
        return self.text

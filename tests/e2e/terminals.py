"""Programs on a terminal of ours, as somebody types at them."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager

from tests.waiting import PATIENCE_S

TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A program on a terminal of ours."""

    def __init__(self, words):
        self.descriptor, there = pty.openpty()
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a letter may come in two reads
        self.resize(33, 101)
        ends = {"stdin": there, "stdout": there, "stderr": there}
        take = [sys.executable, "-c", TAKE_TERMINAL, *words]
        self.program = subprocess.Popen(take, start_new_session=True, **ends)
        os.close(there)

    def resize(self, rows, columns):
        """Change the window."""
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        """Type."""
        os.write(self.descriptor, text.encode())

    def until(self, pattern):
        """Read until the pattern is seen; what was read before is forgotten."""
        give_up = time.monotonic() + PATIENCE_S
        while not (match := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.descriptor], [], [], max(0, give_up - time.monotonic()))
            assert ready, f"no {pattern!r} in {self.seen!r}"
            self.seen += self._decoder.decode(os.read(self.descriptor, 65536))
        self.seen = self.seen[match.end() :]

    def status(self):
        """Its exit status."""
        return self.program.wait(PATIENCE_S)

    def kill(self):
        """End the client at once."""
        self.program.kill()


@contextmanager
def terminal(words):
    """The program ``words`` on a terminal."""
    program = Terminal(words)
    try:
        yield program
    finally:
        os.close(program.descriptor)
        program.kill()
        program.program.wait(PATIENCE_S)

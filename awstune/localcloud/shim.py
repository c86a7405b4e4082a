"""Stands for ``shutdown``, ``systemctl`` and their like on an instance: it asks the instance's process.

Called as ``python shim.py FOLDER NAME ARGUMENTS...``; it must start fast, so it imports nothing of
awstune.
"""

from __future__ import annotations

import json
import os
import socket
import sys

SOCKET = "control.sock"


def ask(folder: str, words: list[str]) -> dict[str, object]:
    """The answer of the instance in ``folder``: ``{status, out, err}``."""
    os.chdir(folder)  # a socket's path may have about 100 characters only; from here it is short
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(SOCKET)
        with connection.makefile("rw") as lines:
            lines.write(json.dumps({"words": words}) + "\n")
            lines.flush()
            answer: dict[str, object] = json.loads(lines.readline() or "{}")
            return answer


def main() -> int:
    """Ask, show the answer, and end with its status."""
    answer = ask(sys.argv[1], sys.argv[2:])
    sys.stdout.write(str(answer.get("out", "")))
    sys.stderr.write(str(answer.get("err", "")))
    return int(str(answer.get("status", 1)))


if __name__ == "__main__":
    sys.exit(main())

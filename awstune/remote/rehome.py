"""Programs that are Python scripts, such as torchrun, made an environment's own: they import what it has.

Runs on an instance, under any Python since 3.5 that an image may have: ``rehome.py FOLDER PYTHON`` looks at
the programs of FOLDER that run under that folder's Python, and writes them beside PYTHON.
"""

import os
import sys
from pathlib import Path

# As pip writes them where a path is too long for a line that starts with #!.
HEAD = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
"""
MARK = b"'''exec' "


def script_of(program: Path) -> "bytes | None":
    """What a program is below the line that names its Python; None where that is not of its own folder."""
    with program.open("rb") as file:
        if file.read(2) != b"#!":
            return None
        first, rest = file.readline().strip(), file.read()
    if first == b"/bin/sh" and rest.startswith(MARK):
        called, rest = rest[len(MARK) :].split()[0].strip(b'"'), rest.split(b"\n", 2)[2]
    else:
        called = first.split(b" ")[0]
    python = Path(os.fsdecode(called))
    return rest if python.parent == program.parent and "python" in python.name else None


def main(folder: Path, python: Path) -> None:
    """Write those that are not there yet."""
    for program in sorted(folder.iterdir()):
        mine = python.parent / program.name
        if program.is_file() and os.access(str(program), os.X_OK) and not mine.exists():
            script = script_of(program)
            if script is not None:
                mine.write_bytes(HEAD.format(python=python).encode() + script)
                mine.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

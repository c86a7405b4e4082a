"""Programs that are Python scripts, such as torchrun, made an environment's own: they import what it has.

Runs on an instance, under any Python since 3.5 that an image may have: ``rehome.py PYTHON`` looks at the
programs that run under the very Python that runs it, and writes them beside PYTHON, another one.
"""

import os
import sys
import sysconfig
from pathlib import Path

# As pip writes them where a path is too long for a line that starts with #!.
HEAD = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
"""
MARK = b"'''exec' "


def script_of(program: Path) -> "bytes | None":
    """What a program is below the line that names its Python; None where that is not this one."""
    with program.open("rb") as file:
        if file.read(2) != b"#!":
            return None
        first, rest = file.readline().strip(), file.read()
    if first == b"/bin/sh" and rest.startswith(MARK):
        called, rest = rest[len(MARK) :].split()[0].strip(b'"'), rest.split(b"\n", 2)[2]
    else:
        called = first.split(b" ")[0]
    python = Path(os.fsdecode(called))
    own = python.parent in (program.parent, Path(sys.executable).parent)
    return rest if own and "python" in python.name else None


def main(python: Path, folder: Path) -> None:
    """Write those of a folder that are not there yet."""
    for program in sorted(folder.iterdir()) if folder.is_dir() else ():
        mine = python.parent / program.name
        if program.is_file() and os.access(str(program), os.X_OK) and not mine.exists():
            try:
                script = script_of(program)
            except OSError:  # it may be run and not read
                continue
            if script is not None:
                mine.write_bytes(HEAD.format(python=python).encode() + script)
                mine.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sysconfig.get_paths()["scripts"]))

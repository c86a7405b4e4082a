"""``python -m awstune.sweeps.recruiting DIR``: leave a standby for the next sweep, which begins sooner by it.

What that sweep is to find in its environment beside comes as JSON on stdin, as far as it is `mattering`.
Standbys (`awstune.sweeps.standby`) are kept on instances only: a folder of the login alone has a socket for
each kind, named after all that must be the same for a server to be forked from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from awstune import names
from awstune.sweeps import boot, checkout, warm
from awstune.sweeps.passing import hand
from awstune.sweeps.standby import MARK_ROOM, YES, reached

IDLE_S = 30 * 60.0
_PATIENCE_S = 20.0  # one that has just begun imports torch for as long; a minute were no gain
# What Python, the loader and numeric libraries read when they start. Anything else a fork can be told.
_MATTERS = re.compile(
    r"(PYTHON|LD_|LC_|LANG|MALLOC_|GLIBC_|OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|GOTO_|BLIS_|VECLIB_|NPY_|NUMPY_"
    r"|TORCH|PYTORCH|ATEN_|C10_|CUDA|CUBLAS|CUDNN|NCCL|NVIDIA_|KINETO|TRITON|DNNL_|ONEDNN_|TZ$|TMPDIR$"
    r"|HOME$)"
)
_PATH = "PYTHONPATH"
_BESIDE = ("PATH", "USER", "LOGNAME", "SHELL", names.INSTANCE_MARK, names.ROOT_VARIABLE)


def main() -> None:
    """Begin one for what this process would start itself; it goes on by itself."""
    given = json.loads(sys.stdin.read() or "{}")
    begin(Path(sys.argv[1]), sys.executable, {**os.environ, **given})


def begin(folder: Path, python: str, environ: Mapping[str, str], idle_s: float = IDLE_S) -> None:
    """Starts a standby; where there is one of the same kind, that stays. What goes wrong only costs time.

    Args:
        folder: of the standbys; made if need be.
        python: the interpreter of the trials.
        environ: of the sweep's process.
        idle_s: how long it waits to be asked.
    """
    environ = {**environ, **warm.single_threaded(environ)}
    env = mattering(environ) | {name: environ[name] for name in _BESIDE if name in environ}
    # The mark is the last: what is written over it is shorter, and ends what others read of it.
    env[names.SWEEP_MARK] = "-" * MARK_ROOM
    nothing = [(os.POSIX_SPAWN_OPEN, place, os.devnull, os.O_RDWR, 0) for place in (0, 1, 2)]
    words = boot.command(python, "standby", str(_place(folder, python, environ)), str(idle_s))
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.posix_spawnp(python, words, env, file_actions=nothing, setsid=True)


def ask(
    folder: Path,
    python: str,
    environ: Mapping[str, str],
    request: Mapping[str, Any],
    descriptors: Sequence[int],
) -> bool:
    """Asks for a server; see `awstune.sweeps.standby` for what is handed over.

    Args:
        folder: of the standbys.
        python: the interpreter of the trials.
        environ: of the server, as it would be started.
        request: beside the environment.
        descriptors: of the server.

    Returns:
        Whether there is one; else it has to be started, with descriptors of its own.
    """
    if len(request["mark"].encode()) >= MARK_ROOM:
        return False
    place = _place(folder, python, environ)
    text = json.dumps({**request, "env": dict(environ)}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as asking, reached(place) as short:
            asking.settimeout(_PATIENCE_S)
            asking.connect(short)
            hand(asking, text, descriptors)
            return asking.recv(len(YES)) == YES
    except OSError:
        return False


def _place(folder: Path, python: str, environ: Mapping[str, str]) -> Path:
    same = {"python": python, "package": str(boot.PACKAGE), "environment": mattering(environ)}
    return folder / hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]


def mattering(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that have to be those of a server for it to be forked from a standby."""
    found = {name: value for name, value in environ.items() if _MATTERS.match(name)}
    # A project's own folders are no part of it: a fork finds in them what a server would; see standby.
    path = [word for word in found.pop(_PATH, "").split(os.pathsep) if not checkout.of(Path(word))]
    return found | ({_PATH: os.pathsep.join(path)} if any(path) else {})


if __name__ == "__main__":
    main()

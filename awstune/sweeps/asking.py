"""Ask a child process about the user's script: one answer, within a time limit, and nothing left alive."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from awstune import names
from awstune.errors import TargetError
from awstune.sweeps import boot

_START_S = 60.0  # until Python runs, on a machine that has much else to do
_GRACE_S = 2.0  # for a script that does not let the child's own clock run


def ask(
    module: str, subject: Mapping[str, Any], cwd: Path, python: str, timeout_s: float
) -> Mapping[str, Any]:
    """What ``awstune.sweeps.MODULE`` says of a subject, under the trials' Python.

    Args:
        module: ``probe`` or ``flags``: it takes the subject as JSON, a descriptor to answer on, a limit,
            and this process, with which it dies. It writes a line's end when its clock begins.
        subject: what it is asked about.
        cwd: the folder that it runs in.
        python: the interpreter of the trials.
        timeout_s: how long it may take.

    Returns:
        Its answer; with ``problem`` "hangs" or "died" where there is none.

    Raises:
        TargetError: the interpreter cannot be run.
    """
    reading, writing = os.pipe()
    arguments = (json.dumps(subject), str(writing), str(timeout_s), str(os.getpid()))
    try:
        process = subprocess.Popen(
            boot.command(python, module, *arguments),
            cwd=cwd,
            env={**os.environ, names.SWEEP_MARK: "probe"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except OSError as error:
        os.close(reading)
        raise TargetError(f"{python} cannot be run: {error.strerror}", "--python names another one") from None
    finally:
        os.close(writing)
    with process, os.fdopen(reading, "rb", buffering=0) as answers:
        try:
            answer = _read(answers.fileno(), timeout_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return answer if answer is not None else _silent(process.returncode)


def _read(descriptor: int, limit_s: float) -> Mapping[str, Any] | None:
    """The answer; None where the process ended without one."""
    data, deadline = b"", time.monotonic() + _START_S
    while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(descriptor, 65536)
        if not part:
            # The first of two, where the child's clock and its work have come to an end at once.
            text = data.decode().lstrip()
            return json.JSONDecoder().raw_decode(text)[0] if text else None
        if not data:
            deadline = time.monotonic() + limit_s + _GRACE_S  # its own clock has begun
        data += part
    return {"problem": "hangs", "line": None}


def _silent(status: int) -> Mapping[str, Any]:
    return {"problem": "died", "error": signal.Signals(-status).name if status < 0 else f"status {status}"}

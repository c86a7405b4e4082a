"""Which GPUs this machine has, for trials to be spread over."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE_S = 20.0


def visible(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that trials may use, as ``CUDA_VISIBLE_DEVICES`` names them; empty without any.

    The variable, where it is set, has the last word; else NVIDIA's own tool is asked, since asking CUDA
    would begin to use it.
    """
    if VARIABLE in environment:
        return [name.strip() for name in environment[VARIABLE].split(",") if name.strip() not in ("", "-1")]
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    return _asked(tool) if tool else []


def _asked(tool: str) -> list[str]:
    words = [tool, "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()

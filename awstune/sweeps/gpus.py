"""Which GPUs this machine has, what they hold at this moment, and how one says that it is full."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
_MIB = 1 << 20
_PATIENCE_S = 20.0
# NVIDIA's tool counts by bus; CUDA, where it is not told otherwise, by speed.
_FIELDS = "index,uuid,memory.total,memory.used,utilization.gpu"
_FULL = re.compile(
    r"CUDA out of memory|CUDA error: out of memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY"
    r"|(?:CUDNN|CUBLAS)_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED: (?:Out of memory|OOM)|HIP out of memory"
)


@dataclass(frozen=True)
class Reading:
    """What NVIDIA's tool says of one GPU; what it does not say is None.

    Attributes:
        index: its number, by bus.
        uuid: its name, ``GPU-...``.
        total: bytes of memory.
        used: bytes of it that are taken, by whomever.
        busy: the share of the last moments in which a kernel ran, 0 to 1.
    """

    index: str
    uuid: str | None = None
    total: int | None = None
    used: int | None = None
    busy: float | None = None


def visible(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that trials may use, as ``CUDA_VISIBLE_DEVICES`` names them; empty without any.

    The variable, where it is set, has the last word; else NVIDIA's own tool is asked, since asking CUDA
    would begin to use it.
    """
    if VARIABLE in environment:
        return [name.strip() for name in environment[VARIABLE].split(",") if name.strip() not in ("", "-1")]
    return [reading.index for reading in readings(environment)]


def readings(environment: Mapping[str, str] = os.environ) -> list[Reading]:
    """What NVIDIA's tool says now, a GPU each; nothing where it is not there, or does not know."""
    words = question(environment)
    if words is None:
        return []
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse(done.stdout)


def question(environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """The words that ask NVIDIA's tool; None where there is no such tool."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH"))
    return None if tool is None else [tool, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]


def parse(text: str) -> list[Reading]:
    """Lines of the tool as readings; a field such as ``[N/A]`` is None."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [_reading(row) for row in rows if row[0].isdigit()]


def _reading(row: list[str]) -> Reading:
    index, uuid, total, used, busy = (*row, *[""] * 5)[:5]
    share = _number(busy)
    return Reading(
        index,
        uuid or None,
        _bytes(total),
        _bytes(used),
        None if share is None else share / 100,
    )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _bytes(cell: str) -> int | None:
    number = _number(cell)
    return None if number is None else int(number * _MIB)


def named(name: str, found: Iterable[Reading]) -> Reading | None:
    """The reading of the GPU that ``CUDA_VISIBLE_DEVICES`` calls so: by its number, or by its UUID."""
    for reading in found:
        if name == reading.index or (reading.uuid is not None and reading.uuid.startswith(name)):
            return reading
    return None


def full(text: str) -> bool:
    """Whether a program that says this has run out of a GPU's memory."""
    return _FULL.search(text) is not None

"""Make a process worth forking: what every trial imports and does first is done once, before.

Runs under the trials' Python: standard library only, and torch where the target uses it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MADV_COLLAPSE = 25  # Linux 6.1
_HUGE = 2 << 20


def mentions_torch(target: Mapping[str, Any]) -> bool:
    """Whether a target's own file does."""
    if target["kind"] != "function" or not target["file"]:
        return False
    try:
        return "torch" in Path(target["file"]).read_text(errors="replace")
    except OSError:  # importing it says more
        return False


def preload_torch() -> None:
    """Import what the first training step would, and take one.

    The gradients are set by hand: a backward pass starts threads where a GPU is visible, and a process
    with threads must not be forked.
    """
    with suppress(Exception):  # a trial says it better, in its own log
        importlib.import_module("torch._dynamo")
        for kind in ("SGD", "Adam", "AdamW"):
            _step(kind, _by_hand)


def rehearse() -> None:
    """In a fork: touch, and so copy, the memory that every trial is going to touch."""
    torch = sys.modules.get("torch")
    if torch is not None:
        with suppress(Exception):  # a trial says it better, in its own log
            _step("SGD", _by_hand if torch.cuda.is_available() else _backward)


def _step(kind: str, differentiate: Callable[[Any, Any], None]) -> None:
    torch, optim = importlib.import_module("torch"), importlib.import_module("torch.optim")
    with torch.device("cpu"):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        optimizer = getattr(optim, kind)(model.parameters(), lr=0.1)
        loss = torch.nn.functional.cross_entropy(model(torch.ones(3, 4)), torch.tensor([0, 1, 0]))
        float(loss.detach())
        differentiate(model, loss)
        optimizer.step()
        optimizer.zero_grad()


def _by_hand(model: Any, _: Any) -> None:
    for weight in model.parameters():
        weight.grad = weight.detach().clone()


def _backward(_: Any, loss: Any) -> None:
    loss.backward()


def why_not_fork() -> str | None:
    """Why this process must not be forked; None where it may."""
    if sys.platform == "darwin":
        return "macOS does not let a process that uses its frameworks be forked"
    tasks = Path("/proc/self/task")
    threads = len(list(tasks.iterdir())) if tasks.is_dir() else 1
    if threads > 1:
        return f"the target started {threads - 1} threads when it was imported"
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        return "the target used the GPU when it was imported"
    return None


def collapse(done: Mapping[int, int] | None = None) -> dict[int, int]:
    """Move this process' memory into huge pages, so that a fork copies few page tables.

    Takes about half a second and makes forks and exits several times faster. Where the kernel does not
    know how, nothing happens.

    Args:
        done: what the process that this is a fork of had moved, which would only be copied again.

    Returns:
        What is moved now: where each range begins, to where it ends.
    """
    gc.collect()
    gc.freeze()  # a collection in a trial would touch, and so copy, all that there is
    if sys.platform != "linux":
        return {}
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with suppress(OSError):
        for start, end in _private_memory():
            new = (done or {}).get(start, start)
            if end - new >= _HUGE:
                madvise(new, end - new, _MADV_COLLAPSE)
    return dict(_private_memory())


def _private_memory() -> list[tuple[int, int]]:
    """The anonymous writable ranges that hold at least one huge page, as (start, end) addresses."""
    ranges = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, mode, _, _, inode, *name = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in addresses.split("-"))
        anonymous = inode == "0" and (not name or name[0] in ("[heap]", "[anon]"))
        if anonymous and mode.startswith("rw-p") and end - start >= _HUGE:
            ranges.append((start, end))
    return ranges


def single_threaded(environ: Mapping[str, str]) -> dict[str, str]:
    """What a process to fork has in its environment beside: one thread a library, no look at the GPU."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return {
        **dict.fromkeys(threads, "1"),
        **_patience(environ),
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        "PYTHONHASHSEED": environ.get("PYTHONHASHSEED", "0"),
    }


def _patience(environ: Mapping[str, str]) -> dict[str, str]:
    """How long threads spin while they wait for each other.

    GNU's OpenMP spins for milliseconds. Where others use the cores too, a trial of two threads took ten
    times as long for it; this much costs such a trial a quarter, and a tenth where it is alone.
    """
    own = [name for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT") if name in environ]
    return {} if own else {"GOMP_SPINCOUNT": "2000"}

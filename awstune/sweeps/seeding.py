"""Seed what a trial draws from: python's generator, numpy's and torch's, also where it imports them later.

Runs under the trials' Python: standard library only, and numpy and torch where the trial loads them.
"""

from __future__ import annotations

import functools
import importlib.util
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec


def seed_all(seed: int) -> None:
    """Seed every generator that is there now, and the others as soon as they are imported.

    Args:
        seed: of the trial, not negative.
    """
    random.seed(seed)
    for name, sow in _SOWN.items():
        if name in sys.modules:
            sow(seed)
    missing = {name: sow for name, sow in _SOWN.items() if name not in sys.modules}
    if missing:
        sys.meta_path.insert(0, _Later(seed, missing))


def _numpy(seed: int) -> None:
    sys.modules["numpy"].random.seed(seed % 2**32)


def _torch(seed: int) -> None:
    torch = sys.modules["torch"]
    torch.random.default_generator.manual_seed(seed)
    # torch.manual_seed would walk through every kind of device, at ten times the cost.
    for name in devices():
        getattr(torch, name).manual_seed(seed)


_SOWN: dict[str, Callable[[int], None]] = {"numpy": _numpy, "torch": _torch}


@functools.cache
def devices() -> tuple[str, ...]:
    """The kinds of devices, but for the processor, that torch can use here; asked once, in the server."""
    torch = sys.modules["torch"]
    return tuple(name for name in ("cuda", "mps", "xpu") if getattr(torch, name).is_available())


class _Later:
    """Finds modules as everybody else does, and seeds them once they are loaded."""

    def __init__(self, seed: int, waiting: dict[str, Callable[[int], None]]) -> None:
        self._seed, self._waiting = seed, waiting

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's spec, with a loader that seeds; None for what is none of ours."""
        del path, target
        sow = self._waiting.pop(name, None)
        spec = None if sow is None else importlib.util.find_spec(name)
        if sow is not None and spec is not None and spec.loader is not None:
            load, seed = spec.loader.exec_module, self._seed

            def load_and_sow(module: Any) -> None:
                load(module)
                sow(seed)

            spec.loader.exec_module = load_and_sow  # type: ignore[method-assign]  # of this one loader
        return spec

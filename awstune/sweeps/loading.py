"""Import the user's module, as ``python train.py`` or ``python -m pkg.mod`` would, but for its name.

Its own folder comes first on ``sys.path``, from then on and no earlier: a script may be called json.py.

Runs under the trials' Python: standard library only.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


def import_target(target: Mapping[str, Any]) -> ModuleType:
    """Import a target's module; whatever it raises comes through.

    Args:
        target: ``first``, the folder to lead ``sys.path``, and ``file`` (a path) or ``module`` (a dotted
            name).
    """
    sys.path.insert(0, target["first"])
    sys.dont_write_bytecode = (
        True  # a disk that is full now would keep half of it, which nothing can load later
    )
    if target.get("module"):
        sys.argv[:] = [target["module"]]
        return importlib.import_module(target["module"])
    path = Path(target["file"]).resolve()
    sys.argv[:] = [str(path)]
    return _import_file(path)


def _import_file(path: Path) -> ModuleType:
    # A script may be called like a module that is loaded already (signal.py, types.py).
    name = path.stem if path.stem not in sys.modules else f"awstune_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_function(target: Mapping[str, Any]) -> Callable[[Any], Any]:
    """The function that is one trial.

    Args:
        target: ``kind`` "function" (with ``file`` or ``module``, and ``function``) or "pickle" (``file``).
    """
    if target["kind"] == "pickle":
        return _unpickle(target)
    found: Callable[[Any], Any] = getattr(import_target(target), target["function"])
    return found


def _unpickle(target: Mapping[str, Any]) -> Callable[[Any], Any]:
    """A function that has no file; the folders that its imports were found in come with it."""
    packed = pickle.loads(Path(target["file"]).read_bytes())  # noqa: S301  the user's own, written by `sweep`
    sys.path.insert(0, target["first"])
    sys.path += [folder for folder in packed["path"] if folder not in sys.path]
    function: Callable[[Any], Any] = pickle.loads(packed["function"])  # noqa: S301  see above
    return function


def refuse_unrun(function: Any, name: str) -> None:
    """Refuses a function of which nothing runs when it is called: a generator's, a coroutine's.

    Raises:
        TargetError: with what to write instead.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TargetError(f"{name} has a yield: called, it runs nothing", "trial.report(...) in its place")
    if inspect.iscoroutinefunction(function):
        way = "write it without async, and asyncio.run(...) what it awaits"
        raise TargetError(f"{name} is async: called, it runs nothing", way)

"""How a function gets to the processes that run its trials: by the file it is in, or pickled whole."""

from __future__ import annotations

import inspect
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from awstune.errors import TargetError
from awstune.sweeps.aside import whole
from awstune.sweeps.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_FILE = "function.pkl"


def name_of(function: Callable[..., Any]) -> str:
    """What a callable is called; a partial is called like its function."""
    inner = getattr(function, "func", function)
    return str(getattr(inner, "__name__", type(inner).__name__))


def importable(function: Callable[..., Any], cwd: Path) -> Target | None:
    """The target that imports this very function from a file; None where there is none.

    Args:
        function: one trial.
        cwd: the folder that the trials run in.
    """
    name, module = name_of(function), sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    # What a notebook, a REPL, stdin or python -c defines is in no file.
    if module is None or getattr(module, name, None) is not function or not file or not Path(file).is_file():
        return None
    path = Path(file).resolve()
    dotted = _dotted(module)
    if dotted is not None:
        root = path.parents[len(dotted.split(".")) - (path.name != "__init__.py")]
        return Target("function", module=dotted, function=name) if root == cwd.resolve() else None
    shown = path.relative_to(cwd.resolve()) if path.is_relative_to(cwd.resolve()) else path
    return Target("function", file=str(shown), function=name)


def _dotted(module: ModuleType) -> str | None:
    """The name of a module of a package, also where ``python -m`` calls it __main__."""
    spec = getattr(module, "__spec__", None)
    return spec.name if spec is not None and getattr(module, "__package__", None) else None


def pickled(function: Callable[..., Any], folder: Path, cwd: Path) -> Target:
    """Write a function, and what it refers to, into a sweep's folder.

    Args:
        function: of a notebook, say.
        folder: the sweep's, below ``cwd``.
        cwd: the folder that the trials run in.

    Raises:
        TargetError: it refers to something that cannot be copied.
    """
    data = pack(function)
    with whole(folder / _FILE) as file:
        file.write(data)
    shown = (folder / _FILE).relative_to(cwd.resolve())
    return Target("pickle", file=str(shown), function=name_of(function))


def pack(function: Callable[..., Any]) -> bytes:
    """A function as bytes, with the folders in which what it imports is found.

    Raises:
        TargetError: it refers to something that cannot be copied; the message names it.
    """
    try:
        return pickle.dumps({"path": sys.path, "function": cloudpickle.dumps(function)})
    except Exception as error:  # whatever a value's own __reduce__ raises
        name, why = name_of(function), str(error).strip().splitlines()[0] if str(error) else "it cannot"
        held = _culprit(function)
        what = f"{held}, which it uses," if held else "something it uses"
        raise TargetError(
            f"{name} cannot be copied into a trial's process: {what} cannot be pickled ({why})",
            f"make it inside {name}, or put {name} into a file and import it from there",
        ) from error


def _culprit(function: Callable[..., Any]) -> str | None:
    """The variable outside of a function that cannot be pickled."""
    try:
        outside = inspect.getclosurevars(inspect.unwrap(getattr(function, "func", function)))
    except TypeError:
        return None
    for name, value in {**outside.globals, **outside.nonlocals}.items():
        try:
            cloudpickle.dumps(value)
        except Exception:  # noqa: BLE001  whatever a value's own __reduce__ raises
            return name
    return None

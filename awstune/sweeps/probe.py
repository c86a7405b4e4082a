"""``python -m awstune.sweeps.probe``: import a TARGET once, and say what is there or what went wrong.

Its arguments are the target as JSON, a file descriptor for the answer (one JSON object), a time limit in
seconds, and the process with which it dies. Runs under the trials' Python: standard library only, but for
what the target imports.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.errors import AwstuneError, SpaceError, TargetError
from awstune.sweeps import child
from awstune.sweeps.loading import import_target, refuse_unrun

if TYPE_CHECKING:
    from types import FrameType, ModuleType

Answer = dict[str, Any]


class TrainsAtImport(BaseException):
    """The target took an optimizer step while it was only being imported."""


def main() -> None:
    """Answer and leave, without waiting for what the target may have started."""
    target, descriptor, limit_s = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    child.die_with(int(sys.argv[4]))
    watch = threading.Timer(limit_s, _too_long, (target, descriptor, threading.get_ident()))
    watch.daemon = True
    watch.start()
    os.write(descriptor, b"\n")
    _leave(descriptor, probe(target))


def _leave(descriptor: int, answer: Answer) -> None:
    os.write(descriptor, json.dumps(answer).encode())
    os._exit(0)


def _too_long(target: Mapping[str, Any], descriptor: int, main_thread: int) -> None:
    frame = sys._current_frames().get(main_thread)  # noqa: SLF001  the one door to another thread's stack
    frames = list(traceback.walk_stack(frame))[::-1]
    trains = any("/torch/" in f.f_code.co_filename for f, _ in frames) and not _importing(frames)
    _leave(descriptor, {"problem": "trains" if trains else "hangs", "line": _line(target, frames)})


def _importing(frames: list[tuple[FrameType, int]]) -> bool:
    """Whether the target is still busy importing torch, rather than using it."""
    return any(f.f_code.co_filename.endswith("/torch/__init__.py") for f, _ in frames)


def probe(target: Mapping[str, Any]) -> Answer:
    """Import the target and describe it; every failure is an answer with a ``problem``."""
    try:
        watch_optimizers(target)
        module = import_target(target)
        return _describe(module, target["function"])
    except BaseException as error:  # noqa: BLE001  SystemExit is one of the things that targets do
        return _problem(target, error)


def watch_optimizers(target: Mapping[str, Any]) -> None:
    """Have any optimizer step raise, where the target is a script that mentions torch."""
    path = target.get("file")
    if not path or "torch" not in Path(path).read_text(errors="replace"):
        return
    try:
        from torch.optim.optimizer import register_optimizer_step_pre_hook
    except ImportError:
        return
    register_optimizer_step_pre_hook(_stop_training)


def _stop_training(*_: object) -> None:
    raise TrainsAtImport


def _describe(module: ModuleType, function: str) -> Answer:
    found = getattr(module, function, None)
    if not callable(found):
        return {"problem": "no_function", "functions": _functions(module)}
    refuse_unrun(found, function)
    space = getattr(module, "space", None)
    return {
        "space": None if space is None else _table(space),
        "metric": _name(module, "metric", 'write metric = "val_loss"'),
        "mode": _name(module, "mode", 'write mode = "min" or mode = "max"'),
        "takes": _takes(found),
    }


def _name(module: ModuleType, what: str, hint: str) -> Any:
    """A name that a module gives; numbers and their like go on, to be refused with what was expected."""
    found = getattr(module, what, None)
    if not isinstance(found, (str, int, float, list, type(None))):
        raise TargetError(f"{what} is of type {type(found).__name__}, and no name", hint)
    return found


def _functions(module: ModuleType) -> list[str]:
    """The names of the functions that the module defines itself, in their order."""
    found = inspect.getmembers(module, inspect.isfunction)
    own = [f for _, f in found if f.__module__ == module.__name__]
    return [f.__name__ for f in sorted(own, key=lambda f: f.__code__.co_firstlineno)]


def _takes(function: Any) -> int | None:
    """How many arguments it cannot do without; None where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    needed = [p for p in parameters if p.default is p.empty and p.kind < inspect.Parameter.VAR_POSITIONAL]
    return len(needed)


def _table(space: Any) -> Any:
    """A space as TOML has it, by way of whatever ``Space`` made it."""
    from awstune.search.space import KINDS, Space

    if isinstance(space, Space):
        return space.to_toml()
    if not isinstance(space, Mapping):
        what = f"space is of type {type(space).__name__}, and no Space"
        raise SpaceError(
            what, 'write space = Space(lr=Float(1e-5, 1e-1, log=True), opt=Choice("sgd", "adam"))'
        )
    parameters: Any = {k: v for k, v in space.items() if isinstance(v, KINDS)}
    plain = {k: v if k in parameters else _plain(k, v) for k, v in space.items()}
    return {**plain, **Space(parameters).to_toml()}


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, (str, int, float, list, tuple, Mapping, type(None))):
        what = f"{name} of the space is of type {type(value).__name__}"
        raise SpaceError(what, f'write "{name}": "1e-5..1e-1:log", or Float(1e-5, 1e-1, log=True)')
    return value


def _problem(target: Mapping[str, Any], error: BaseException) -> Answer:
    frames = list(traceback.walk_tb(error.__traceback__))
    answer: Answer = {
        "problem": _kind(error, frames),
        "line": _line(target, frames),
        "error": traceback.format_exception_only(error)[-1].strip(),
    }
    if isinstance(error, AwstuneError):
        answer.update(error=error.message, hint=error.hint)
    if isinstance(error, SyntaxError):
        answer.update(line=error.lineno, file=error.filename, error=error.msg)
    if isinstance(error, ImportError):
        answer.update(missing=error.name, error=str(error))
    return answer


def _kind(error: BaseException, frames: list[tuple[FrameType, int]]) -> str:
    if isinstance(error, SystemExit):
        files = {f.f_code.co_filename for f, _ in frames}
        parsed = any(Path(name).name == "argparse.py" or "/click/" in name for name in files)
        return "arguments" if parsed else "exits"
    for kind, problem in _KINDS.items():
        if isinstance(error, kind):
            return problem
    return "raised"


_KINDS: dict[type[BaseException], str] = {
    TrainsAtImport: "trains",
    SyntaxError: "syntax",
    ModuleNotFoundError: "missing",
    ImportError: "import",
    AwstuneError: "refused",
}


def _line(target: Mapping[str, Any], frames: list[tuple[FrameType, int]]) -> int | None:
    """The line of the target's own file that was being run."""
    own = target.get("file") and str(Path(target["file"]).resolve())
    lines = [number for frame, number in frames if frame.f_code.co_filename == own]
    return lines[-1] if lines else None


if __name__ == "__main__":
    main()

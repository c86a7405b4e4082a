"""Look into a TARGET before anything is started: import it once, in a child, within a time limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune import names
from awstune.errors import TargetError
from awstune.search.space import Space
from awstune.sweeps.asking import ask
from awstune.sweeps.distributions import hint_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.search.trials import Mode
    from awstune.sweeps.target import Target

_GUARD = 'guard what runs at import: if __name__ == "__main__":'
_SLOWLY = f"{_GUARD}; where the disk is slow, {names.IMPORT_VARIABLE}=300 waits longer"
IMPORT_S = 60.0


class NoFunction(TargetError):
    """A script that can be run, but has no function that is one trial."""


@dataclass(frozen=True)
class Inspection:
    """What a target's module says about itself.

    Attributes:
        space: its ``space``; None where it has none.
        metric: its ``metric``.
        mode: its ``mode``.
    """

    space: Space | None = None
    metric: str | None = None
    mode: Mode | None = None


def inspect(target: Target, cwd: Path, python: str, timeout_s: float = IMPORT_S) -> Inspection:
    """Import the target once in a child process and read ``space``, ``metric`` and ``mode``.

    Args:
        target: a function's; a command has nothing to read and is not run.
        cwd: the folder that the trials run in.
        python: the interpreter of the trials.
        timeout_s: how long the import may take.

    Raises:
        TargetError: it cannot be used; each way to go wrong says so in its own words.
        NoFunction: one of these: it is a program, or has no such function, and may still run as a command.
        SpaceError: its space says nothing, or nonsense.
    """
    if target.kind != "function":
        return Inspection()
    answer = ask("probe", target.to_json(cwd), cwd, python, timeout_s)
    if "problem" in answer:
        raise _refusal(target, python, timeout_s, answer)
    if answer["takes"] not in (1, None):
        raise NoFunction(
            f"{target.text} takes {answer['takes']} arguments", f"def {target.function}(trial): takes one"
        )
    return Inspection(
        space=None if answer["space"] is None else Space.from_toml(answer["space"]),
        metric=_metric(target, answer["metric"]),
        mode=_mode(target, answer["mode"]),
    )


def _metric(target: Target, metric: Any) -> str | None:
    if metric is None or isinstance(metric, str):
        return metric
    raise TargetError(f"{_of(target)}: metric is {metric!r}, which is no name", 'write metric = "val_loss"')


def _mode(target: Target, mode: Any) -> Mode | None:
    if mode in (None, "min", "max"):
        known: Mode | None = mode
        return known
    raise TargetError(f"{_of(target)}: mode is {mode!r}", 'write mode = "min" or mode = "max"')


def _of(target: Target) -> str:
    return str(target.file or target.module)


# What each problem of the probe is called, and what mends it.
_PROBLEMS = {
    "arguments": ("{name} parses its arguments when it is imported{at}", _GUARD),
    "exits": ("{name} exits when it is imported{at}", _GUARD),
    "trains": ("{name} trains when it is imported{at}", _GUARD),
    "hangs": ("{name} is still busy being imported after {limit:g} s{at}", _SLOWLY),
    "syntax": ("{file} has a syntax error{in_line}: {error}", "{python} {name} shows it"),
    "import": ("{name} cannot be imported: {error}{at}", "{python} {name} shows the whole traceback"),
    "raised": ("{name} cannot be imported: {error}{at}", "{python} {name} shows the whole traceback"),
    "died": ("{name} ended the process that imported it: {error}", "{python} {name} shows why"),
    "refused": ("{name}: {error}{at}", "{hint}"),
}


def _refusal(target: Target, python: str, limit_s: float, answer: Mapping[str, Any]) -> TargetError:
    """A problem of the probe in words."""
    if answer["problem"] == "no_function":
        return _no_function(target, answer["functions"])
    if answer["problem"] == "missing":
        return _missing(target, python, answer["missing"])
    if "relative import" in answer.get("error", ""):
        return _relative(target)
    line, name = answer.get("line"), _of(target)
    words = {
        "name": name,
        "file": Path(answer.get("file") or name).name,
        "python": python,
        "limit": limit_s,
        "line": line,
        "at": f" (line {line})" if line else "",
        "in_line": f" at line {line}" if line else "",
        "error": answer.get("error", ""),
        "hint": answer.get("hint", ""),
    }
    message, hint = _PROBLEMS[answer["problem"]]
    kind = NoFunction if hint in (_GUARD, _SLOWLY) else TargetError
    return kind(message.format(**words), hint.format(**words))


def _relative(target: Target) -> TargetError:
    dotted = str(target.file).removesuffix(".py").replace("/", ".")
    return TargetError(
        f"{target.file} is part of a package: it imports relative to itself",
        f"name it as one: awstune sweep {dotted}:{target.function}",
    )


def _no_function(target: Target, functions: list[str]) -> TargetError:
    hint = "def train(trial): is one trial"
    if functions:
        hint = f"name one of its functions: awstune sweep {_of(target)}:{functions[-1]}"
    return NoFunction(f"{_of(target)} has no function {target.function}", hint)


def _missing(target: Target, python: str, module: str | None) -> TargetError:
    package = str(module or "").partition(".")[0]
    if module and target.module and f"{target.module}.".startswith(f"{module}."):
        # To install what was mistyped could be to install anything.
        return TargetError(
            f"there is no module {target.module} here", "a script is named with its .py: folder/train.py"
        )
    return TargetError(
        f"{_of(target)} needs {package}, which {python} does not have",
        hint_for(package, python),
    )

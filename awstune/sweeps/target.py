"""What a sweep runs: a function in a file or a module, or a command."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from awstune.errors import TargetError
from awstune.sweeps.words import as_typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import Mode

Kind = Literal["function", "pickle", "command"]

_LESS_IS_BETTER = frozenset(
    ("loss", "error", "err", "perplexity", "ppl", "mse", "rmse", "mae", "nll", "cer", "wer")
)
_MORE_IS_BETTER = frozenset(
    ("accuracy", "acc", "f1", "auc", "auroc", "precision", "recall", "iou", "dice", "bleu", "r2")
)
_TARGETS = "a TARGET is train.py, train.py:function, pkg.mod:function, or a command after --"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Target:
    """What one trial is.

    Attributes:
        kind: "function", "command", or "pickle" for a function that has no file (of a notebook).
        file: the script, or the pickle, relative to the folder one is in where it lies below it.
        module: a dotted name, in place of a file.
        function: the function's name.
        command: the words of a command, with ``{name}`` holes.
    """

    kind: Kind
    file: str | None = None
    module: str | None = None
    function: str | None = None
    command: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """What a sweep of it is called by default."""
        if self.kind == "command":
            scripts = [word for word in self.command if word.endswith((".py", ".sh"))]
            return _clean(Path((scripts or self.command)[0]).stem)
        if self.kind == "pickle":
            return _clean(self.function or "sweep")
        return _clean(Path(self.file).stem if self.file else str(self.module).rpartition(".")[2])

    @property
    def text(self) -> str:
        """As one types it."""
        if self.kind == "command":
            return f"-- {as_typed(self.command)}"
        return f"{self.file or self.module}:{self.function}"

    def _first_folder(self, cwd: Path) -> Path:
        """The folder that leads ``sys.path``: the script's own, or the one one is in."""
        if self.kind == "function" and self.file:
            return (cwd / self.file).resolve().parent
        return cwd.resolve()

    def to_json(self, cwd: Path) -> dict[str, Any]:
        """For the processes that import it: the fields, the file absolute, ``first`` for ``sys.path``."""
        absolute = replace(self, file=str((cwd / self.file).resolve())) if self.file else self
        return {**asdict(absolute), "first": str(self._first_folder(cwd))}


def _clean(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "sweep"


def of_command(words: Sequence[str]) -> Target:
    """The target of the words after ``--``.

    Raises:
        TargetError: there are none.
    """
    if not words:
        raise TargetError(
            "no command after --", "awstune sweep -p lr=1e-5..1e-1:log -- python train.py --lr {lr}"
        )
    return Target("command", command=tuple(words))


def parse(text: str, cwd: Path) -> Target:
    """Read ``train.py``, ``train.py:function`` or ``pkg.mod:function``.

    Args:
        text: the words on the command line.
        cwd: the folder that relative paths start in.

    Raises:
        TargetError: it is none of these, or the file is not there.
    """
    if not text.isprintable():
        raise TargetError(f"{text!r} is no TARGET", _TARGETS)
    where, _, function = text.rpartition(":") if re.search(r":[^\W\d]\w*$", text) else (text, "", "train")
    if where.endswith(".py") or "/" in where or (where and os.path.lexists(cwd / where)):
        return Target("function", file=_script(where, cwd), function=function)
    if not _DOTTED.fullmatch(where):
        raise TargetError(f"{text!r} is no TARGET", _TARGETS)
    return Target("function", module=where, function=function)


def _script(where: str, cwd: Path) -> str:
    try:
        path = (cwd / Path(where).expanduser()).resolve()
        there = path.exists()
    except OSError as error:
        raise TargetError(f"{where} cannot be read: {error.strerror}", there_are(cwd)) from None
    if path.is_dir():
        raise TargetError(f"{where} is a folder", there_are(path))
    if not there:
        raise TargetError(f"{where} is not there", there_are(path.parent))
    if path.suffix == ".py" and not path.is_file():
        raise TargetError(f"{where} is no file that holds a script", there_are(path.parent))
    if path.suffix != ".py":
        raise TargetError(f"{where} is no Python file", f"a command goes after --: awstune sweep -- {where}")
    return str(path.relative_to(cwd.resolve())) if path.is_relative_to(cwd.resolve()) else str(path)


def there_are(folder: Path) -> str:
    """Which scripts a folder has: the hint where another one was named."""
    if not folder.is_dir():
        return f"there is no folder {folder}; go to the project's folder, or name the script's"
    scripts = sorted(path.name for path in folder.glob("*.py") if path.is_file())
    if not scripts:
        return f"there is no Python file in {folder}; go to the project's folder, or name the script's"
    return f"in {folder} there are: {', '.join(scripts[:8])}"


def mode_of(metric: str) -> Mode | None:
    """What an obvious name says about the better direction; None where it says nothing, or both."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+[12]?|[A-Z]+[12]?", metric)}
    less, more = bool(words & _LESS_IS_BETTER), bool(words & _MORE_IS_BETTER)
    if less == more:
        return None
    return "min" if less else "max"

"""What a script that knows nothing of awstune prints of how it is doing: read from its text, never run.

Pure: text in, the options of ``awstune sweep`` out that would read it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from awstune.sweeps.target import mode_of

_HOLE = "\0"  # stands for what is known only when it is printed
_CALLS = frozenset(("print", "echo", "info", "write", "log", "warning"))
_PERCENT = re.compile(r"%[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z]")
_BRACES = re.compile(r"\{[^{}]*\}")
_SAID = re.compile(rf"((?:[A-Za-z][\w@/-]*[ \t]+)?[A-Za-z][\w@/-]*)([ \t]*[:=]?[ \t]*){_HOLE}")
_JUDGED = re.compile(r"val|valid|validation|test|dev|eval|heldout")
_LEARNT = re.compile(r"train|training")
_NUMBER = "([0-9.eE+-]+)"


@dataclass(frozen=True)
class Printed:
    """A metric that a script prints.

    Attributes:
        metric: a name for it.
        literal: what stands in front of its number; empty where the line is awstune's own.
    """

    metric: str
    literal: str

    @property
    def options(self) -> list[str]:
        """The words of ``awstune sweep`` that read it."""
        words = ["--metric", self.metric]
        pattern = re.escape(self.literal).replace(r"\ ", " ").replace(r"\-", "-")
        return [*words, "--metric-regex", pattern + _NUMBER] if self.literal else words


def printed(source: str) -> Printed | None:
    """The metric that a script's text shows it to print; None where that is not clear.

    What is measured on held-out data is preferred, then what comes last. A name that does not tell which
    way is better is none.

    Args:
        source: the script's text.

    >>> printed("print(f'epoch {e}: loss {a:.3f}, val_loss={b:.3f}')").options
    ['--metric', 'val_loss', '--metric-regex', 'val_loss=([0-9.eE+-]+)']
    """
    try:
        found = [one for call in ast.walk(ast.parse(source)) for one in _said(call)]
    except (SyntaxError, ValueError):
        return None
    best = max(enumerate(found), key=lambda at: (_rank(at[1]), at[0]), default=(0, None))[1]
    if best is None:
        return None
    # A pattern that would read another number as well reads the wrong one.
    others = {one.literal for one in found if one.metric != best.metric}
    return None if best.literal and any(text.endswith(best.literal) for text in others) else best


def _rank(one: Printed) -> int:
    words = re.split(r"[^a-z0-9]+", one.metric)
    if not one.literal:
        return 3
    return 2 * any(map(_JUDGED.fullmatch, words)) + (not any(map(_LEARNT.fullmatch, words)))


def _said(node: ast.AST) -> Iterator[Printed]:
    if not isinstance(node, ast.Call) or _called(node.func) not in _CALLS:
        return
    text = " ".join(map(_text, node.args))
    own = text.lstrip().startswith("awstune:")
    for match in _SAID.finditer(text):
        phrase = _phrase(match[1])
        name = re.sub(r"\W+", "_", phrase).lower()
        if mode_of(name) is not None:
            yield Printed(name, "" if own else phrase + match[2])


def _called(function: ast.expr) -> str:
    return str(getattr(function, "attr", "") or getattr(function, "id", ""))


def _phrase(words: str) -> str:
    """The last word, with the one before it where that says on which data."""
    first, _, last = words.replace("\t", " ").rpartition(" ")
    first = first.strip()
    kept = first and (_JUDGED.fullmatch(first.lower()) or _LEARNT.fullmatch(first.lower()))
    return words if kept else last


def _text(node: ast.expr) -> str:
    """An expression as it would be printed, with holes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _PERCENT.sub(_HOLE, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _text(node.left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.Call) and _called(node.func) == "format" and isinstance(node.func, ast.Attribute):
        return _BRACES.sub(_HOLE, _text(node.func.value))
    return _HOLE

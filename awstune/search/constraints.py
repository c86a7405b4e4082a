"""Constraints between parameters: comparisons such as ``"hidden <= 4 * width"``.

Only numbers, names of parameters, + - * / // % **, comparisons, and, or, not: the text is parsed, never
run. A dotted name is written as it is: ``model.width <= 64``.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from awstune.errors import SpaceError

ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FORM = 'write a comparison of parameters, such as "hidden <= 4 * width"'


class _Absent(Exception):
    """A parameter that is not in the trial."""


@dataclass(frozen=True)
class Constraint:
    """A comparison that every trial must meet; one that names a parameter that is not there is met.

    Args:
        text: the comparison.

    Raises:
        SpaceError: what is no such comparison.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            tree = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise SpaceError(f"the constraint {self.text!r} cannot be read", FORM) from error
        if not isinstance(tree, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
            raise SpaceError(f"the constraint {self.text!r} compares nothing", FORM)
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "names", frozenset(_names(tree, self.text)))

    names = frozenset[str]()

    def met(self, params: Mapping[str, Any]) -> bool:
        """Whether a trial meets it."""
        try:
            return bool(_value(getattr(self, "_tree"), params))  # noqa: B009  a frozen dataclass has no such field
        except _Absent:
            return True
        except (TypeError, ArithmeticError):
            return False


def _names(node: ast.AST, text: str) -> list[str]:
    if isinstance(node, (ast.Name, ast.Attribute)):
        return [_dotted(node, text)]
    if isinstance(node, ast.Constant):
        return []
    if not _known(node):
        raise SpaceError(f"the constraint {text!r} is more than a comparison", FORM)
    children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return [name for child in children for name in _names(child, text)]


def _known(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in ARITHMETIC
    if isinstance(node, ast.Compare):
        return all(type(op) in COMPARISONS for op in node.ops)
    return isinstance(node, ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub))
    )


def _dotted(node: ast.AST, text: str = "") -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, text)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    raise SpaceError(f"the constraint {text!r} is more than a comparison", FORM)


def _value(node: ast.AST, params: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):
        return ARITHMETIC[type(node.op)](_value(node.left, params), _value(node.right, params))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, params)
        return not inner if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.BoolOp):
        values = (_value(value, params) for value in node.values)
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.Compare):
        return _compare(node, params)
    name = _dotted(node)
    if name not in params:
        raise _Absent
    return params[name]


def _compare(node: ast.Compare, params: Mapping[str, Any]) -> bool:
    sides = [_value(side, params) for side in (node.left, *node.comparators)]
    pairs = zip(sides, node.ops, sides[1:], strict=False)
    return all(COMPARISONS[type(op)](left, right) for left, op, right in pairs)

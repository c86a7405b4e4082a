"""``-p`` over a space that is there: it replaces what the space has, and adds nothing by a slip."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import fields

from awstune.errors import SpaceError
from awstune.search.compact import parse_assignment, show
from awstune.search.parameters import Choice, Fixed, Float, Int, Parameter
from awstune.search.space import Space

_MOST_NAMED = 8


def override(space: Space, assignments: Sequence[str], whose: str | None) -> Space:
    """The space with what was typed in the place of what it has.

    Args:
        space: what there is to replace.
        assignments: ``NAME=SPACE``, as typed.
        whose: whose space it is, such as ``train.py``; None where parameters may be added.

    Returns:
        The new space, in which a float is a float still, also where ``1..10`` was typed.

    Raises:
        SpaceError: what was typed is of no form, is no parameter of the space, or makes an int a float.
    """
    typed = dict(parse_assignment(text) for text in assignments)
    if whose is not None and len(space):
        for name, parameter in typed.items():
            if name not in space:
                raise _unknown(space, name, whose)
            _refuse_fraction(name, space[name], parameter)
            typed[name] = _as_before(space[name], parameter)
    return space.override(typed)


def _unknown(space: Space, name: str, whose: str) -> SpaceError:
    adds = f"a new parameter goes into the `space` of {whose}, or into a --space FILE"
    near = difflib.get_close_matches(name, space, 1)
    if near:
        return SpaceError(f"{name} is not in the space of {whose}; did you mean {near[0]}?", adds)
    known = ", ".join(list(space)[:_MOST_NAMED]) + (" ..." if len(space) > _MOST_NAMED else "")
    return SpaceError(f"{name} is not in the space of {whose}, which has {known}", adds)


def _refuse_fraction(name: str, before: Parameter, typed: Parameter) -> None:
    """An int stays an int: a script that makes a layer of 1.5 units fails, or rounds unseen."""
    if not isinstance(before, Int) or not _fractional(typed):
        return
    write = f"{name}={show(before)}"
    if isinstance(typed, Float):
        low, high = math.floor(typed.low), math.ceil(typed.high)
        write = f"{name}={show(Int(max(low, 1) if typed.log else low, high, log=typed.log))}"
    raise SpaceError(f"{name} is a whole number in the space: {show(before)}", f"write {write}")


def _as_before(before: Parameter, typed: Parameter) -> Parameter:
    """A float stays a float: ``0..1`` over one means all between, not two numbers."""
    if not isinstance(before, Float) or not isinstance(typed, Int):
        return typed
    return Float(**{field.name: getattr(typed, field.name) for field in fields(typed)})


def _fractional(typed: Parameter) -> bool:
    if isinstance(typed, Float):
        return True
    values = (
        typed.options if isinstance(typed, Choice) else (typed.value,) if isinstance(typed, Fixed) else ()
    )
    return any(isinstance(value, float) for value in values)

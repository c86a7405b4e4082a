"""What every kind of parameter shares: values that JSON can hold, a default, conditions."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

from awstune.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = Any
When = tuple[tuple[str, tuple[Value, ...]], ...]


def key_of(value: Value) -> str:
    """What tells values apart: 1, 1.0, true and "1" are four of them."""
    return json.dumps(value, sort_keys=True)


def checked_key(value: Value) -> str:
    """The key of a value that a user gave; ``SpaceError`` where JSON cannot hold it."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "use numbers, text, true, false, none, and lists of them"
        raise SpaceError(f"{value!r} cannot be written into a journal", hint) from error


def _conditions(when: Mapping[str, Value] | When | None) -> When:
    if when is None or isinstance(when, tuple):
        return when or ()
    several = {name: v if isinstance(v, (list, tuple)) else (v,) for name, v in when.items()}
    return tuple((name, tuple(values)) for name, values in several.items())


@dataclass(frozen=True)
class Described:
    """A parameter's default and conditions.

    Attributes:
        default: what the baseline uses; None where not given.
        when: the conditions, as ``conditions`` has them.
    """

    _: KW_ONLY
    default: Value = None
    when: When | Mapping[str, Value] | None = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _conditions(self.when))

    @property
    def conditions(self) -> When:
        """(parent, the parent's values under which this parameter is there)."""
        return _conditions(self.when)

    def same(self, **changes: Value) -> Self:
        """A copy with changes."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return type(self)(**{**fields, **changes})

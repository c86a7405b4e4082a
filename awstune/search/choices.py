"""The parameters that are options, or only one: Choice and Fixed."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Self

from awstune.errors import SpaceError
from awstune.search.values import Described, Value, checked_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from awstune.search.values import When


@dataclass(frozen=True, init=False)
class Choice(Described):
    """One of several options; numbers in ascending or descending order are taken as ordered.

    Args:
        options: two or more distinct values that JSON can hold.
        default: what the baseline uses; the first otherwise.
        weights: how likely each option is under the prior, in any unit.
        when: see ``Float``.

    Raises:
        SpaceError: fewer than two options, or two that are the same.

    Example:
        >>> from awstune import Choice
        >>> Choice("sgd", "adam", default="adam").baseline
        'adam'
        >>> Choice(16, 32, 64).ordered
        True
    """

    options: tuple[Value, ...]
    weights: tuple[float, ...] | None = None

    def __init__(
        self,
        *options: Value,
        default: Value = None,
        weights: Sequence[float] | None = None,
        when: Mapping[str, Value] | When | None = None,
    ) -> None:
        for name, value in {"options": options, "default": default, "when": when}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "weights", None if weights is None else tuple(map(float, weights)))
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        keys = [checked_key(option) for option in self.options]
        if len(keys) < 2:  # noqa: PLR2004  one is no choice
            raise SpaceError("a choice has two or more options", "write Fixed(value) for a single one")
        if len(set(keys)) < len(keys):
            twice = next(o for o, k in zip(self.options, keys, strict=True) if keys.count(k) > 1)
            raise SpaceError(f"the option {twice!r} is there twice", "name each option once")
        object.__setattr__(self, "_places", {key: place for place, key in enumerate(keys)})
        if self.default is not None:
            self.check(self.default, "default")
        self._check_weights()

    def _check_weights(self) -> None:
        weights = self.weights
        if weights is None:
            return
        if (
            len(weights) != len(self.options)
            or not all(0 <= w < math.inf for w in weights)
            or not sum(weights)
        ):
            hint = f"give {len(self.options)} numbers of 0 or more, not all 0"
            raise SpaceError(f"the weights {weights} do not fit the options", hint)

    def same(self, **changes: Value) -> Self:
        """A copy with changes."""
        fields = {"default": self.default, "weights": self.weights, "when": self.when, **changes}
        return type(self)(*fields.pop("options", self.options), **fields)

    @property
    def count(self) -> int:
        """How many options there are."""
        return len(self.options)

    @property
    def ordered(self) -> bool:
        """Whether the options are numbers in ascending or descending order."""
        numbers = all(isinstance(o, (int, float)) and not isinstance(o, bool) for o in self.options)
        return numbers and list(self.options) in (sorted(self.options), sorted(self.options, reverse=True))

    @property
    def categorical(self) -> bool:
        """Whether the options have no order."""
        return not self.ordered

    def _place(self, value: Value) -> int:
        places: dict[str, int] = getattr(self, "_places")  # noqa: B009  a frozen dataclass has no such field
        return places[checked_key(value)]

    def encode(self, value: Value) -> float:
        """An option's place in [0, 1]: option i of K at i/(K - 1)."""
        return self._place(value) / (len(self.options) - 1)

    def decode(self, u: float) -> Value:
        """The option nearest to a place in [0, 1]."""
        return self.options[round(min(max(float(u), 0.0), 1.0) * (len(self.options) - 1))]

    def draw(self, u: float) -> Value:
        """The prior's quantile at u in [0, 1], by the weights."""
        edges = list(accumulate(self.weights or [1.0] * len(self.options)))
        possible = [i for i, w in enumerate(self.weights or edges) if w > 0]
        return self.options[min(bisect_right(edges, u * edges[-1]), possible[-1])]

    @property
    def informed(self) -> bool:
        """Whether a prior is given."""
        return self.weights is not None

    def log_prior(self, place: float) -> float:
        """The log of the option's weight at a place in [0, 1]; that of equal weights is 0."""
        if self.weights is None:
            return 0.0
        share = self.weights[round(place * (self.count - 1))] * self.count / sum(self.weights)
        return math.log(max(share, 1e-6))

    @property
    def baseline(self) -> Value:
        """The given default, else the first option."""
        return self.options[0] if self.default is None else self.default

    def level(self, points: int) -> list[Value]:
        """Every option: a grid leaves none out."""
        del points
        return list(self.options)

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse what is no option, with ``SpaceError``."""
        if checked_key(value) not in getattr(self, "_places"):  # noqa: B009  see _place
            words = ", ".join(map(str, self.options))
            raise SpaceError(f"the {what} {value!r} is no option", f"choose one of {words}")


@dataclass(frozen=True)
class Fixed(Described):
    """A parameter that is not searched: every trial has this value.

    Example:
        >>> from awstune import Fixed
        >>> Fixed(20).baseline
        20
    """

    value: Value

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_key(self.value)

    @property
    def baseline(self) -> Value:
        """The value."""
        return self.value

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse another value, with ``SpaceError``."""
        if checked_key(value) != checked_key(self.value):
            raise SpaceError(
                f"the {what} {value!r} is not the fixed {self.value!r}", f"leave it at {self.value!r}"
            )

"""The kinds of parameter: a float, an integer, a choice, and what is fixed.

Each knows three maps. ``encode`` and ``decode`` go between a value and its place in [0, 1], where models
work: log where flagged, integer i of K at i/(K - 1). ``draw`` is the quantile function of the prior, so
that a uniform u gives every integer its fair share, the ends included. ``level`` spreads grid points.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import KW_ONLY, dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

from awstune.errors import SpaceError
from awstune.search.prior import TruncatedNormal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = Any
LARGEST_INT = 2**53
When = tuple[tuple[str, tuple[Value, ...]], ...]


def key_of(value: Value) -> str:
    """What tells values apart: 1, 1.0, true and "1" are four of them."""
    return json.dumps(value, sort_keys=True)


def _conditions(when: Mapping[str, Value] | When | None) -> When:
    if when is None or isinstance(when, tuple):
        return when or ()
    several = {name: v if isinstance(v, (list, tuple)) else (v,) for name, v in when.items()}
    return tuple((name, tuple(values)) for name, values in several.items())


@dataclass(frozen=True)
class _Parameter:
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


@dataclass(frozen=True)
class _Range(_Parameter):
    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    n: int | None = None
    prior: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_bounds()
        self._check_options()
        for name in ("default", "prior"):
            if getattr(self, name) is not None:
                self.check(getattr(self, name), name)

    def _check_bounds(self) -> None:
        low, high = self.low, self.high
        if not all(isinstance(b, (int, float)) and not isinstance(b, bool) for b in (low, high)):
            raise SpaceError(f"a range has numbers for bounds, not {low!r} and {high!r}", "write 0..1")
        if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
            raise SpaceError(f"the range {low}..{high} is not finite", "give it two finite bounds")
        if low == high:
            raise SpaceError(f"the range {low}..{high} is empty", f"write {low} to fix it at that value")
        if low > high:
            raise SpaceError(f"the range {low}..{high} is upside down", f"write {high}..{low}")
        if self.log and low <= 0:
            hint = f"write {high / 1000 if high > 0 else 1e-3:g}..{high:g}:log, or leave out :log"
            raise SpaceError(f"the log range {low}..{high} reaches {'0' if low == 0 else 'below 0'}", hint)

    def _check_options(self) -> None:
        width = self.high - self.low
        if self.step is not None and not 0 < self.step <= width:
            hint = f"write a step between 0 and {width:g}"
            raise SpaceError(f"the step {self.step} does not fit into {self.low}..{self.high}", hint)
        if self.n is not None and self.n < 1:
            raise SpaceError(f"n={self.n} is no number of grid points", "write n=5 for five points")

    @property
    def lattice(self) -> float | None:
        """Distance between neighbouring values; None where every float is one."""
        return self.step

    @property
    def count(self) -> int | None:
        """How many values there are; None where there is no end to them."""
        if self.lattice is None:
            return None
        return 1 + math.floor((self.high - self.low) / self.lattice * (1 + 1e-12))

    @property
    def top(self) -> float:
        """The largest value."""
        return self.high if self.count is None or self.lattice is None else self._at(self.count - 1)

    def _at(self, index: int) -> float:
        raise NotImplementedError  # pragma: no cover

    def _index(self, value: float) -> int:
        assert self.count is not None  # noqa: S101  only lattices ask
        assert self.lattice is not None  # noqa: S101
        return min(max(round((value - self.low) / self.lattice), 0), self.count - 1)

    def _unscale(self, u: float, low: float, high: float) -> float:
        u = min(max(float(u), 0.0), 1.0)
        if not self.log:
            return low + u * (high - low)
        return math.exp((1 - u) * math.log(low) + u * math.log(high))

    def _scale(self, value: float, low: float, high: float) -> float:
        if low == high:
            return 0.5
        if not self.log:
            return (value - low) / (high - low)
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))

    def _snap(self, value: float) -> float:
        if self.count is None:
            return min(max(float(f"{value:.12g}"), self.low), self.high)
        return self._at(self._index(value))

    def encode(self, value: Value) -> float:
        """A value's place in [0, 1]."""
        return min(max(self._scale(value, self.low, self.top), 0.0), 1.0)

    def decode(self, u: float) -> Value:
        """The value nearest to a place in [0, 1]."""
        return self._snap(self._unscale(u, self.low, self.top))

    @property
    def _cells(self) -> tuple[float, float]:
        if self.lattice is None:
            return self.low, self.high
        half = self.lattice / 2
        low = self.low - half
        return (low if low > 0 or not self.log else self.low / 2), self.top + half

    def draw(self, u: float) -> Value:
        """The prior's quantile at u in [0, 1]; uniform in the encoding where no prior is given."""
        belief = self.belief
        place = u if belief is None else belief.quantile(u)
        return self._snap(self._unscale(place, *self._cells))

    @property
    def belief(self) -> TruncatedNormal | None:
        """The prior over places in [0, 1]; None where it is uniform."""
        return None if self.prior is None else TruncatedNormal(self.encode(self.prior))

    @property
    def informed(self) -> bool:
        """Whether a prior is given."""
        return self.prior is not None

    def log_prior(self, place: float) -> float:
        """The log density of the prior at a place in [0, 1]; the uniform's is 0."""
        return 0.0 if self.belief is None else self.belief.log_density(place)

    @property
    def baseline(self) -> Value:
        """The given default, else the middle (of the logs, on a log scale)."""
        # Of two middle integers the smaller one, which is the cheaper one more often than not.
        return self.decode(0.5 - 1e-9 * (self.count is not None)) if self.default is None else self.default

    def level(self, points: int) -> list[Value]:
        """That many values, evenly over the encoding, both ends included; fewer where there are fewer."""
        if points == 1:
            return [self.baseline]
        places = (self.decode(i / (points - 1)) for i in range(points))
        return list(dict.fromkeys(places))

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse what is not in the range, with ``SpaceError``."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high:
            hint = f"give a number between {self.low} and {self.high}"
            raise SpaceError(f"the {what} {value!r} is not in {self.low}..{self.high}", hint)

    @property
    def categorical(self) -> bool:
        """Whether values have no order."""
        return False


@dataclass(frozen=True)
class Float(_Range):
    """A float between two bounds, both included.

    Args:
        low: the lower bound.
        high: the upper bound.
        log: search on a log scale; the lower bound is then above 0.
        step: only ``low + k * step``.
        n: number of grid points, for grid search.
        default: what the baseline uses; the middle otherwise.
        prior: where good values are believed to lie: (log-)normal around it, cut at the bounds.
        when: ``{"opt": "sgd"}``: there only where the parameter ``opt`` is ``"sgd"``.

    Raises:
        SpaceError: an empty, inverted or infinite range, or a log range that reaches 0.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("low", "high", "step", "default", "prior"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))

    def _at(self, index: int) -> float:
        assert self.step is not None  # noqa: S101  only lattices ask
        # Twelve digits, so that steps of 0.1 reach 0.3 and not 0.30000000000000004.
        return min(max(float(f"{self.low + index * self.step:.12g}"), self.low), self.high)


@dataclass(frozen=True)
class Int(_Range):
    """An integer between two bounds, both included; the arguments are those of ``Float``."""

    @property
    def lattice(self) -> float:
        """Distance between neighbouring values."""
        return self.step or 1

    def _check_bounds(self) -> None:
        super()._check_bounds()
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None and (value != int(value) or abs(value) > LARGEST_INT):
                hint = "write Float for floats; integers go up to 2**53"
                raise SpaceError(f"{name}={value!r} is no integer to search over", hint)
            object.__setattr__(self, name, None if value is None else int(value))

    def _at(self, index: int) -> int:
        return int(self.low) + index * int(self.lattice)

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse what is no integer of the range, with ``SpaceError``."""
        super().check(value, what)
        if what != "prior" and value != int(value):
            raise SpaceError(f"the {what} {value!r} is no integer", f"write {round(value)}")


@dataclass(frozen=True, init=False)
class Choice(_Parameter):
    """One of several options; numbers in ascending or descending order are taken as ordered.

    Args:
        options: two or more distinct values that JSON can hold.
        default: what the baseline uses; the first otherwise.
        weights: how likely each option is under the prior, in any unit.
        when: see ``Float``.

    Raises:
        SpaceError: fewer than two options, or two that are the same.
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
        keys = [_json_key(option) for option in self.options]
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
        return places[_json_key(value)]

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
        if _json_key(value) not in getattr(self, "_places"):  # noqa: B009  see _place
            words = ", ".join(map(str, self.options))
            raise SpaceError(f"the {what} {value!r} is no option", f"choose one of {words}")


@dataclass(frozen=True)
class Fixed(_Parameter):
    """A parameter that is not searched: every trial has this value."""

    value: Value

    def __post_init__(self) -> None:
        super().__post_init__()
        _json_key(self.value)

    @property
    def count(self) -> int:
        """One."""
        return 1

    @property
    def baseline(self) -> Value:
        """The value."""
        return self.value

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse another value, with ``SpaceError``."""
        if _json_key(value) != _json_key(self.value):
            raise SpaceError(
                f"the {what} {value!r} is not the fixed {self.value!r}", f"leave it at {self.value!r}"
            )


Searched = Float | Int | Choice
Parameter = Searched | Fixed


def _json_key(value: Value) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "use numbers, text, true, false, none, and lists of them"
        raise SpaceError(f"{value!r} cannot be written into a journal", hint) from error

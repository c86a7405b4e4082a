"""The parameters that are numbers of a range: Float and Int."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from awstune.errors import SpaceError
from awstune.search.prior import TruncatedNormal
from awstune.search.values import Described, Value

LARGEST_INT = 2**53
_CALLED = {"low": "lower bound", "high": "upper bound", "step": "step"}


@dataclass(frozen=True)
class _Range(Described):
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
            raise SpaceError(f"the range {low}..{high} is empty", f"write {low}, which fixes it there")
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
        raise NotImplementedError

    def _index(self, value: float) -> int:
        assert self.count is not None  # noqa: S101  only lattices ask
        assert self.lattice is not None  # noqa: S101  # for the type checker: the caller has looked
        return min(max(round((value - self.low) / self.lattice), 0), self.count - 1)

    def _unscale(self, u: float, low: float, high: float) -> float:
        u = min(max(float(u), 0.0), 1.0)
        if not self.log:
            return low + u * (high - low)
        return math.exp((1 - u) * math.log(low) + u * math.log(high))

    def _scale(self, value: float, low: float, high: float) -> float:
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
        """The given default, else the prior's center, else the middle (of the logs, on a log scale)."""
        if self.default is not None:
            return self.default
        # Of two middle integers the smaller one, which is the cheaper one more often than not.
        middle = 0.5 - 1e-9 * (self.count is not None)
        return self.decode(middle if self.prior is None else self.encode(self.prior))

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

    Example:
        >>> from awstune import Float
        >>> Float(1e-5, 1e-1, log=True).baseline
        0.001
        >>> Float(0, 0.5, step=0.1).level(6)
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
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
    """An integer between two bounds, both included; the arguments are those of ``Float``.

    Example:
        >>> from awstune import Int
        >>> Int(16, 256, log=True, default=32).baseline
        32
        >>> Int(1, 4, when={"opt": "sgd"}).conditions
        (('opt', ('sgd',)),)
    """

    @property
    def lattice(self) -> float:
        """Distance between neighbouring values."""
        return self.step or 1

    def _check_bounds(self) -> None:
        super()._check_bounds()
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None and (value != int(value) or abs(value) > LARGEST_INT):
                hint = "integers go up to 2**53; give it a bound with a point (1.0..1e20) for a float"
                raise SpaceError(f"the {_CALLED[name]} {value!r} is no integer to search over", hint)
            object.__setattr__(self, name, None if value is None else int(value))

    def _at(self, index: int) -> int:
        return int(self.low) + index * int(self.lattice)

    def check(self, value: Value, what: str = "value") -> None:
        """Refuse what is no integer of the range, with ``SpaceError``."""
        super().check(value, what)
        if what != "prior" and value != int(value):
            raise SpaceError(f"the {what} {value!r} is no integer", f"write {round(value)}")

"""What is believed of a parameter before the first trial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

SPREAD = 0.2
"""The standard deviation of a prior, as a share of the (log) range: over four decades, 0.8 of one."""


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal distribution over [0, 1], cut at both ends.

    Attributes:
        center: its mode, in [0, 1].
        sd: the standard deviation before cutting.
    """

    center: float
    sd: float = SPREAD

    @property
    def _normal(self) -> NormalDist:
        return NormalDist(self.center, self.sd)

    def quantile(self, p: float) -> float:
        """The place below which a share p in [0, 1] of the mass lies."""
        below, above = self._normal.cdf(0.0), self._normal.cdf(1.0)
        q = below + min(max(p, 0.0), 1.0) * (above - below)
        if not 0.0 < q < 1.0:
            return float(q >= 1.0)  # pragma: no cover  a center in [0, 1] never gets here
        return min(max(self._normal.inv_cdf(q), 0.0), 1.0)

    def rank(self, place: float) -> float:
        """The share of the mass below a place in [0, 1]."""
        below, above = self._normal.cdf(0.0), self._normal.cdf(1.0)
        return (self._normal.cdf(place) - below) / (above - below)

    def log_density(self, place: float) -> float:
        """The log of the density at a place in [0, 1]; the uniform density's is 0."""
        mass = self._normal.cdf(1.0) - self._normal.cdf(0.0)
        z = (place - self.center) / self.sd
        return -0.5 * z * z - math.log(self.sd * math.sqrt(2 * math.pi) * mass)

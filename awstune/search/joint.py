"""A joint prior: parameters that are believed to move together, such as learning rate and batch size.

A Gaussian copula: each parameter keeps its own prior, and the normal scores of their quantiles are
correlated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EDGE = 1e-6
FORM = 'write Correlated("lr", "batch", rho=0.7)'


@dataclass(frozen=True)
class Correlated:
    """Two parameters whose good values go together.

    Args:
        a: a parameter's name.
        b: another's.
        rho: their correlation, between -1 and 1, on the scale on which each is searched.

    Example:
        >>> from awstune import Choice, Correlated, Float, Space
        >>> joint = [Correlated("lr", "batch", rho=0.7)]
        >>> Space(lr=Float(1e-5, 1e-1, log=True), batch=Choice(16, 32, 64), joint=joint).joint[0].rho
        0.7
    """

    a: str
    b: str
    rho: float

    def __post_init__(self) -> None:
        if not -1 < self.rho < 1:
            raise SpaceError(f"a correlation of {self.rho} is not between -1 and 1", FORM)
        if self.a == self.b:
            raise SpaceError(f"{self.a} cannot be correlated with itself", FORM)


def read_joint(rows: Sequence[Any]) -> tuple[Correlated, ...]:
    """The ``joint`` of a TOML table: ``[["lr", "batch", 0.7]]``, or tables with a, b and rho."""
    try:
        return tuple(Correlated(**row) if isinstance(row, dict) else Correlated(*row) for row in rows)
    except TypeError as error:
        raise SpaceError(
            f"joint = {rows!r} is no list of correlations", 'joint = [["lr", "batch", 0.7]]'
        ) from error


class Copula:
    """The correlations of a space's searched parameters.

    Args:
        names: of the searched parameters.
        ordered: those of them whose values have an order.
        pairs: the correlations.

    Raises:
        SpaceError: a name that is not searched or has no order, or correlations that contradict each other.
    """

    def __init__(
        self, names: Sequence[str], ordered: Mapping[str, bool], pairs: Sequence[Correlated]
    ) -> None:
        import numpy as np

        matrix = np.eye(len(names))
        for pair in pairs:
            for name in (pair.a, pair.b):
                if not ordered.get(name):
                    hint = f"the ones with an order are {', '.join(n for n in names if ordered[n])}"
                    raise SpaceError(f"{name} is no searched parameter with an order", hint)
            i, j = names.index(pair.a), names.index(pair.b)
            matrix[i, j] = matrix[j, i] = pair.rho
        if np.linalg.eigvalsh(matrix)[0] <= 0:
            raise SpaceError("the correlations of the joint prior contradict each other", "make them smaller")
        self._factor = np.linalg.cholesky(matrix)
        self._precision = np.linalg.inv(matrix) - np.eye(len(names))
        self._log_scale = -0.5 * float(np.linalg.slogdet(matrix)[1])

    def correlate(self, u: Array) -> Array:
        """Independent quantiles (..., d) to correlated ones, each uniform still."""
        from scipy.special import ndtr

        correlated: Array = ndtr(_scores(u) @ self._factor.T)
        return correlated

    def log_density(self, quantiles: Array) -> Array:
        """The log of the copula's density at quantiles (m, d); 0 everywhere without correlations: (m,)."""
        z = _scores(quantiles)
        density: Array = self._log_scale - 0.5 * ((z @ self._precision) * z).sum(-1)
        return density


def _scores(u: Array) -> Array:
    import numpy as np
    from scipy.special import ndtri

    scores: Array = ndtri(np.clip(u, EDGE, 1 - EDGE))
    return scores

"""A search space: named parameters, the unit cube that models see of them, and their defaults."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from awstune.errors import SpaceError
from awstune.search import conditions
from awstune.search.compact import from_table, show
from awstune.search.conditions import Params
from awstune.search.constraints import Constraint
from awstune.search.joint import Copula, Correlated, read_joint
from awstune.search.parameters import Choice, Fixed, Float, Int, Parameter, Searched, key_of
from awstune.search.points import every_point, searched_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Choice", "Correlated", "Fixed", "Float", "Int", "Parameter", "Params", "Space"]

MOST_COUNTED = 100_000
MOST_DRAWS = 10_000
KINDS: tuple[type, ...] = (Float, Int, Choice, Fixed)
RESERVED = {
    "joint": 'joint = [["lr", "batch", 0.7]] is a joint prior; call the parameter joint_',
    "constraints": 'constraints = ["hidden <= 4 * width"] is a rule; call the parameter constraints_',
}


class Space(Mapping[str, Parameter]):
    """Named parameters, in the order in which they were given.

    Args:
        mapping: name to parameter; for names that Python cannot spell, such as ``model.lr``.
        joint: parameters whose good values go together; see ``Correlated``.
        constraints: comparisons that every trial meets, such as ``"hidden <= 4 * width"``.
        parameters: name to parameter, as keywords; one given in both places is taken from here.

    Raises:
        SpaceError: a value that is no parameter, a condition or constraint on one that is not there, or
            defaults that break a constraint.

    Example:
        >>> from awstune import Choice, Float, Int, Space
        >>> space = Space(lr=Float(1e-5, 1e-1, log=True), depth=Int(1, 5), opt=Choice("sgd", "adam"))
        >>> space.defaults()
        {'lr': 0.001, 'depth': 3, 'opt': 'sgd'}
        >>> Space({"model.depth": Int(1, 4)}, constraints=["model.depth <= 3"]).size
        3
    """

    def __init__(
        self,
        mapping: Mapping[str, Parameter] | None = None,
        /,
        *,
        joint: Sequence[Correlated] = (),
        constraints: Sequence[str] = (),
        **parameters: Parameter,
    ) -> None:
        self._parameters: dict[str, Parameter] = {**(mapping or {}), **parameters}
        for name, parameter in self._parameters.items():
            if name in RESERVED:
                raise SpaceError(
                    f"{name} cannot be a parameter's name: it means something here", RESERVED[name]
                )
            if not isinstance(parameter, KINDS):
                hint = f"write {name}=Fixed({parameter!r}), or Float, Int or Choice"
                raise SpaceError(f"{name}={parameter!r} is no parameter", hint)
        self.searched: dict[str, Searched] = searched_of(self._parameters)
        conditions.check(self)
        self.joint = tuple(joint)
        self.copula = self._copula()
        self.constraints = tuple(Constraint(text) for text in constraints)
        self._check_constraints()

    def _copula(self) -> Copula | None:
        ordered = {name: not p.categorical for name, p in self.searched.items()}
        return Copula(list(self.searched), ordered, self.joint) if self.joint else None

    def _check_constraints(self) -> None:
        for constraint in self.constraints:
            for name in constraint.names - set(self):
                hint = f"the space has {', '.join(self)}"
                raise SpaceError(f"the constraint {constraint.text!r} names {name}, which is not there", hint)
        if not self.allows(self.defaults()):
            broken = next(c.text for c in self.constraints if not c.met(self.defaults()))
            raise SpaceError(f"the defaults break the constraint {broken!r}", "give defaults that meet it")

    def allows(self, params: Mapping[str, Any]) -> bool:
        """Whether a trial meets all constraints."""
        return all(constraint.met(params) for constraint in self.constraints)

    def override(self, parameters: Mapping[str, Parameter]) -> Space:
        """The space with some parameters replaced or added; its joint prior is kept for what is searched."""
        changed = {**self, **parameters}
        searched = {n for n, p in changed.items() if not isinstance(p, Fixed) and not p.categorical}
        joint = [pair for pair in self.joint if {pair.a, pair.b} <= searched]
        return Space(changed, joint=joint, constraints=[c.text for c in self.constraints])

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return super().__eq__(other)
        same = self.joint == other.joint and self.constraints == other.constraints
        return same and self._parameters == other._parameters

    __hash__ = None  # type: ignore[assignment]  # as any mapping's

    def __repr__(self) -> str:
        return f"Space({', '.join(f'{name}={p!r}' for name, p in self._parameters.items())})"

    @property
    def dimensions(self) -> int:
        """How many parameters are searched: the columns of the unit cube."""
        return len(self.searched)

    @cached_property
    def size(self) -> int | None:
        """How many distinct trials there are; None where there is no end to them.

        Trials that break a constraint do not count, except in spaces too large to look at each.
        """
        counts = [p.count for p in self.searched.values()]
        if None in counts:
            return None
        total = math.prod(c for c in counts if c is not None)
        if self.constraints and total <= MOST_COUNTED:
            return len({self.key(p) for p in every_point(self) if self.allows(p)})
        return (
            sum(conditions.combinations(self)) if any(p.conditions for p in self.searched.values()) else total
        )

    @property
    def informed(self) -> bool:
        """Whether there is a prior, of a parameter or a joint one."""
        return bool(self.joint) or any(p.informed for p in self.searched.values())

    def active(self, name: str, params: Mapping[str, Any]) -> bool:
        """Whether a parameter is there, given the others' values."""
        return conditions.active(self, name, params)

    def trim(self, params: Mapping[str, Any]) -> Params:
        """The parameters that are there, in the space's order, without those whose condition fails."""
        return conditions.trim(self, params)

    def defaults(self) -> Params:
        """The baseline: the given defaults, else the middle (of the logs), the first option."""
        return self.trim({name: p.baseline for name, p in self._parameters.items()})

    def encode(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        """The place of a trial in the unit cube.

        Args:
            params: name to value; what is left out, as one whose condition fails is, counts as default.

        Returns:
            Shape (d,), one column a searched parameter, each in [0, 1].
        """
        import numpy as np

        return np.array([p.encode(params.get(name, p.baseline)) for name, p in self.searched.items()])

    def decode(self, x: ArrayLike) -> Params:
        """The trial nearest to a place, shape (d,), in the unit cube."""
        import numpy as np

        places = np.asarray(x, dtype=float)
        return self._complete(lambda i, p: p.decode(places[i]))

    def draw(self, u: ArrayLike) -> Params:
        """The trial at the prior's quantiles u, shape (d,): uniform u give draws from the prior."""
        import numpy as np

        quantiles = np.asarray(u, dtype=float)
        if self.copula is not None:
            quantiles = self.copula.correlate(quantiles)
        return self._complete(lambda i, p: p.draw(quantiles[i]))

    def _complete(self, value: Any) -> Params:
        drawn = {name: value(i, p) for i, (name, p) in enumerate(self.searched.items())}
        fixed = {name: p.value for name, p in self.items() if isinstance(p, Fixed)}
        return self.trim({**drawn, **fixed})

    def sample(self, rng: np.random.Generator) -> Params:
        """A draw from the prior that meets the constraints; uniform in the encoding where none is given.

        Raises:
            SpaceError: hardly any draw meets the constraints.
        """
        for _ in range(MOST_DRAWS):
            params = self.draw(rng.random(self.dimensions))
            if self.allows(params):
                return params
        texts = " and ".join(constraint.text for constraint in self.constraints)
        raise SpaceError(f"hardly any trial meets {texts}", "widen the ranges, or drop a constraint")

    def check(self, params: Mapping[str, Any]) -> None:
        """Refuse, with ``SpaceError``, values that are missing, unknown or outside."""
        known = ", ".join(self)
        for name in params:
            if name not in self:
                raise SpaceError(f"no parameter is called {name}", f"the space has {known}")
        for name in self:
            if name not in params:
                if self.active(name, params):
                    raise SpaceError(f"no value for {name}", f"give one for each of {known}")
                continue
            try:
                self[name].check(params[name])
            except SpaceError as error:
                raise SpaceError(f"{name}: {error.message}", error.hint) from None
        for constraint in self.constraints:
            if not constraint.met(params):
                raise SpaceError(f"the trial breaks the constraint {constraint.text!r}", "change a value")

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether these are a trial of the space: one that ran before the space was changed may not be."""
        try:
            self.check(params)
        except SpaceError:
            return False
        return True

    def key(self, params: Mapping[str, Any]) -> str:
        """What tells two trials apart: the searched values that are there."""
        return key_of({name: params.get(name) for name in self.searched if self.active(name, params)})

    @classmethod
    def from_toml(cls, table: Mapping[str, Any]) -> Space:
        """The space of a TOML table: each value in the compact form, as a table, or fixed.

        ``joint = [["lr", "batch", 0.7]]`` is a joint prior, ``constraints = ["hidden <= 4 * width"]`` what
        it says.
        """
        if not isinstance(table, Mapping):
            raise SpaceError(f"the space is {table!r}, no table", 'write lr = "1e-5..1e-1:log", a line each')
        parameters = {n: from_table(n, value) for n, value in table.items() if n not in RESERVED}
        joint, constraints = read_joint(table.get("joint", [])), table.get("constraints", [])
        return cls(parameters, joint=joint, constraints=constraints)

    def to_toml(self) -> dict[str, Any]:
        """Name to compact form: what ``from_toml`` reads."""
        table: dict[str, Any] = {name: show(parameter) for name, parameter in self.items()}
        if self.joint:
            table["joint"] = [[pair.a, pair.b, pair.rho] for pair in self.joint]
        if self.constraints:
            table["constraints"] = [constraint.text for constraint in self.constraints]
        return table

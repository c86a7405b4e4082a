"""Which parameters a trial has, given the values of those that they depend on; and how many trials there are.

For parameters by name, in their order: a ``Space`` is one such mapping.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from awstune.errors import SpaceError
from awstune.search.parameters import Fixed, Parameter, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Params = dict[str, Any]
Parameters = Mapping[str, Parameter]


def check(parameters: Parameters) -> None:
    """Refuse, with ``SpaceError``, a condition on what is not there, and conditions that go in a circle."""
    for name, parameter in parameters.items():
        # Its values may be no option of the parent's: -p narrows a parent, and the condition then fails.
        for parent, _values in parameter.conditions:
            if parent not in parameters:
                hint = f"add {parent} to the space, or drop the condition"
                raise SpaceError(f"{name} depends on {parent}, which is not in the space", hint)
        _check_circle(parameters, name, ())


def _check_circle(parameters: Parameters, name: str, seen: tuple[str, ...]) -> None:
    if name in seen:
        hint = "let one of them be there always"
        raise SpaceError(f"{' depends on '.join((*seen, name))}: a circle", hint)
    for parent, _ in parameters[name].conditions:
        _check_circle(parameters, parent, (*seen, name))


def active(parameters: Parameters, name: str, params: Mapping[str, Any]) -> bool:
    """Whether a parameter is there, given the others' values."""
    return all(
        active(parameters, parent, params) and key_of(params.get(parent)) in {key_of(v) for v in values}
        for parent, values in parameters[name].conditions
    )


def trim(parameters: Parameters, params: Mapping[str, Any]) -> Params:
    """The values of those that are there, in the parameters' order."""
    return {name: params[name] for name in parameters if name in params and active(parameters, name, params)}


def combinations(parameters: Parameters) -> Iterator[int]:
    """For each combination of the values that others depend on, how many trials there are under it."""
    parents = {parent for p in parameters.values() for parent, _ in p.conditions}
    leaves = {n: p for n, p in parameters.items() if n not in parents and not isinstance(p, Fixed)}
    ordered = [name for name in parameters if name in parents]
    seen: set[str] = set()
    for values in itertools.product(*(_values(parameters[name]) for name in ordered)):
        params = trim(parameters, dict(zip(ordered, values, strict=True)))
        if (key := key_of(params)) not in seen:
            seen.add(key)
            yield math.prod(p.count or 1 for n, p in leaves.items() if active(parameters, n, params))


def _values(parameter: Parameter) -> list[Any]:
    if isinstance(parameter, Fixed):
        return [parameter.value]
    return parameter.level(parameter.count or 1)

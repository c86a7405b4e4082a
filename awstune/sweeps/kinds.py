"""What each key of a spec may be, whoever wrote it: a person in a ``sweep.toml``, a call of ``sweep()``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError
from awstune.names import MOST_TRIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    Attributes:
        words: what it is, for whoever wrote something else.
        fits: whether a value is one.
    """

    words: str
    fits: Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_TRIALS


def _is_list(value: object, of: type) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, of) for one in value)


def _one_of(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words)


_TEXT = Kind("a text", lambda value: isinstance(value, str))
_TEXTS = Kind("a text, or a list of texts", lambda value: isinstance(value, str) or _is_list(value, str))
_WHOLE = Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
_NUMBER = Kind("a number", _is_number)
_COUNT = Kind(f"a whole number from 1 to {MOST_TRIALS}", _is_count)
_LIMIT = Kind("a number from 0", lambda value: _is_number(value) and value >= 0)
_MORE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)

KINDS: Mapping[str, Kind] = {
    "version": _WHOLE,
    "created": _NUMBER,
    "target": _TEXTS,
    "metric": _TEXT,
    "mode": _one_of("min", "max"),
    "search": _TEXT,
    "trials": _COUNT,
    "parallel": Kind(f"{_COUNT.words}, or auto", lambda value: value == "auto" or _is_count(value)),
    "seed": _WHOLE,
    "value": _one_of("last", "best"),
    "python": _TEXT,
    "acquisition": _TEXT,
    "confirm": _COUNT,
    "data": _TEXT,
    "env": Kind("a list of names", lambda value: _is_list(value, str)),
    "keep": _one_of("all", "best", "none"),
    "max_time": Kind("a number of seconds from 0", _LIMIT.fits),
    "max_usd": _LIMIT,
    "metric_file": _TEXT,
    "metric_regex": _TEXTS,
    "repeats": _COUNT,
    "seeds": Kind("a list of whole numbers", lambda value: _is_list(value, int)),
    "stop_early": _one_of("asha", "median"),
    "stop_when": _TEXT,
    "trial_memory": Kind("a number of GiB above 0", _MORE.fits),
    "trial_threads": _COUNT,
    "trial_timeout": Kind("a number of seconds above 0", _MORE.fits),
    "usd_per_hour": _NUMBER,
}
"""Of what is not here, and of what else there is to a text, is judged where it is used."""


def refuse_others(plain: Mapping[str, Any], told: str) -> None:
    """Refuses a value of another kind than its key's.

    Args:
        plain: the spec's keys and values.
        told: who says so: ``the spec says``.

    Raises:
        UsageError: naming the first such key, and what it is.
    """
    for key, value in plain.items():
        if key in KINDS and not KINDS[key].fits(value):
            raise UsageError(f"{told} {key} = {value!r}, which cannot be", f"{key} is {KINDS[key].words}")

"""awstune: from a training script to its best hyperparameters on a rented GPU.

What is imported from here is loaded only when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awstune.search.asktell import Search
    from awstune.search.space import Choice, Correlated, Fixed, Float, Int, Space
    from awstune.sweeps.face import sweep
    from awstune.sweeps.trial import Trial

__all__ = ["Choice", "Correlated", "Fixed", "Float", "Int", "Search", "Space", "Trial", "sweep"]

_HOMES = {
    "Choice": "awstune.search.space",
    "Correlated": "awstune.search.space",
    "Fixed": "awstune.search.space",
    "Float": "awstune.search.space",
    "Int": "awstune.search.space",
    "Search": "awstune.search.asktell",
    "Space": "awstune.search.space",
    "Trial": "awstune.sweeps.trial",
    "sweep": "awstune.sweeps.face",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'awstune' has no attribute {name!r}")

"""The searchers by name, as ``--search`` says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awstune.search.trials import Mode, Searcher

NAMES = ("bayes", "random", "grid")


def make(name: str, *, mode: Mode, seed: int, **options: Any) -> Searcher:
    """The searcher of that name; only what it needs is imported.

    Args:
        name: ``bayes``, ``random`` or ``grid``; ``again`` searches nothing.
        mode: ``min`` or ``max``: which values are better.
        seed: of the search; the same seed and the same trials give the same suggestions.
        options: ``budget`` for grid (see ``GridSearcher``); the others take none.

    Raises:
        UsageError: no searcher is called so, or it has no such option.
    """
    makers: dict[str, Callable[..., Searcher]] = {
        "bayes": _bayes,
        "random": _random,
        "grid": _grid,
        "again": _again,
    }
    if name not in makers:
        raise UsageError(f"there is no search called {name}", f"--search is one of {', '.join(NAMES)}")
    try:
        return makers[name](mode=mode, seed=seed, **options)
    except TypeError as error:
        hint = f"leave out what does not belong to --search {name}"
        raise UsageError(f"{name} search cannot take these options: {error}", hint) from error


def _bayes(*, mode: Mode, seed: int, **options: Any) -> Searcher:
    from awstune.search.bayes import BayesSearcher

    return BayesSearcher(mode=mode, seed=seed, **options)


def _random(*, mode: Mode, seed: int) -> Searcher:
    from awstune.search.random import RandomSearcher

    del mode
    return RandomSearcher(seed=seed)


def _grid(*, mode: Mode, seed: int, budget: int | None = None) -> Searcher:
    from awstune.search.grid import GridSearcher

    del mode, seed
    return GridSearcher(budget=budget)


def _again(*, mode: Mode, seed: int) -> Searcher:
    from awstune.search.again import AgainSearcher

    del mode, seed
    return AgainSearcher()

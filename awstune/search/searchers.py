"""The searchers by name, as ``--search`` says it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from awstune.errors import UsageError
from awstune.search.trials import Suggestion, next_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awstune.search.space import Space
    from awstune.search.trials import Mode, Searcher, TrialRecord

NAMES = ("bayes", "random", "grid")
ACQUISITIONS = ("ei", "ucb", "thompson")


def make(name: str, *, mode: Mode, seed: int, **options: Any) -> Searcher:
    """The searcher of that name; only what it needs is imported.

    Args:
        name: ``bayes``, ``random`` or ``grid``; ``again`` searches nothing.
        mode: ``min`` or ``max``: which values are better.
        seed: of the search; the same seed and the same trials give the same suggestions.
        options: ``budget`` and ``said`` for grid (see ``GridSearcher``), ``acquisition`` and ``metric`` for
            bayes (see ``BayesSearcher``).

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
        raise UsageError(f"there is no search called {name}", f"there are {', '.join(NAMES)}")
    try:
        return makers[name](mode=mode, seed=seed, **options)
    except TypeError as error:
        hint = f"leave out what does not belong to the search {name}"
        raise UsageError(f"{name} search cannot take these options: {error}", hint) from error


class Late:
    """A searcher that is loaded while its first trial runs, which is the baseline whoever chooses.

    SciPy's statistics and scikit-learn take a second to be imported: so long a sweep would not begin.

    Args:
        build: imports the searcher and makes it.
    """

    def __init__(self, build: Callable[[], Searcher]) -> None:
        self._build = build
        self._made: Searcher | None = None
        self._loading: threading.Thread | None = None

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """The baseline where that is all that is asked for, else what the searcher chooses."""
        if count == 1 and next_number(trials) == 0:
            return [Suggestion.baseline(space)]
        if self._loading is not None:
            self._loading.join()
        self._made = self._made or self._build()
        return self._made.suggest(space, trials, count)

    def load(self) -> None:
        """Load the searcher in a thread of its own; a second time changes nothing."""
        if self._loading is None and self._made is None:
            self._loading = threading.Thread(target=self._in_time, name="searcher")
            self._loading.start()

    def _in_time(self) -> None:
        with suppress(Exception):  # it is raised again where it is needed
            self._made = self._build()


def load(searcher: Searcher) -> None:
    """The first trial runs: have what chooses the second one loaded meanwhile."""
    if isinstance(searcher, Late):
        searcher.load()


def _bayes(*, mode: Mode, seed: int, acquisition: Any = "ei", metric: str | None = None) -> Searcher:
    if isinstance(acquisition, str) and acquisition not in ACQUISITIONS:
        hint = f"there are {', '.join(ACQUISITIONS)}"
        raise UsageError(f"there is no acquisition called {acquisition}", hint)

    def build() -> Searcher:
        from awstune.search.bayes import BayesSearcher

        return BayesSearcher(mode=mode, seed=seed, acquisition=acquisition, metric=metric)

    return Late(build)


def _random(*, mode: Mode, seed: int) -> Searcher:
    def build() -> Searcher:
        from awstune.search.random import RandomSearcher

        return RandomSearcher(seed=seed)

    del mode
    return Late(build)


def _grid(*, mode: Mode, seed: int, **options: Any) -> Searcher:
    from awstune.search.grid import GridSearcher

    del mode, seed
    return GridSearcher(**options)


def _again(*, mode: Mode, seed: int) -> Searcher:
    from awstune.search.again import AgainSearcher

    del mode, seed
    return AgainSearcher()

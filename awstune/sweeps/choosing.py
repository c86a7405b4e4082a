"""Which searcher chooses a sweep's trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awstune.search import searchers

if TYPE_CHECKING:
    from awstune.search.trials import Searcher
    from awstune.sweeps.spec import Spec


def searcher_of(spec: Spec, *, said: str = "--trials 50") -> Searcher:
    """The searcher that a spec asks for, cold.

    Args:
        spec: the sweep's.
        said: how a number of trials is given, for the hints of what is refused.

    Raises:
        UsageError: it is asked for with options that are not its.
    """
    options: dict[str, Any] = {"budget": spec.trials, "said": said} if spec.search == "grid" else {}
    if spec.search == "bayes":
        options = {"metric": spec.metric}
    if "acquisition" in spec.options:
        options["acquisition"] = spec.options["acquisition"]
    # Until a report tells the mode, nothing is known that could be better or worse.
    return searchers.make(spec.search, mode=spec.mode or "min", seed=spec.seed, **options)

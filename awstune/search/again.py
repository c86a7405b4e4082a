"""The same trial again and again: what ``awstune run`` does outside of any search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune.search.trials import Suggestion, TrialRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.space import Space


class AgainSearcher:
    """Suggests the defaults of the space, as often as it is asked."""

    def suggest(self, space: Space, trials: Sequence[TrialRecord], count: int) -> list[Suggestion]:
        """The defaults, ``count`` times."""
        del trials
        return [Suggestion(space.defaults(), "again") for _ in range(count)]

"""What a sweep tells beside its best trial: what mattered, the model's guess, ranges too narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awstune.search.ending import values_so_far
from awstune.search.trials import best_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.importance import Importance
    from awstune.search.posterior import Advice, Guess
    from awstune.search.space import Space
    from awstune.search.trials import Mode, TrialRecord

LEAST_VALUES = 10
DRAWS = 8


@dataclass(frozen=True)
class Findings:
    """What the trials tell.

    Attributes:
        importance: of each searched parameter, the largest share first.
        guess: where the model itself believes the best to be.
        advice: ranges at whose ends the best trial lies.

    Before ten values there is nothing to tell.
    """

    importance: list[Importance]
    guess: Guess | None
    advice: list[Advice]

    def to_json(self) -> dict[str, Any]:
        """``{importance: [{params, share, sd}], guess: {params, value, sd}, advice: [{param, text}]}``."""
        guess = self.guess
        return {
            "importance": [{"params": list(i.names), "share": i.share, "sd": i.sd} for i in self.importance],
            "guess": guess and {"params": guess.params, "value": guess.mean, "sd": guess.sd},
            "advice": [{"param": one.name, "text": one.text} for one in self.advice],
        }


def findings(
    space: Space,
    trials: Sequence[TrialRecord],
    *,
    mode: Mode,
    metric: str | None = None,
    seed: int = 0,
    model: bool = True,
    pairs: bool = False,
) -> Findings:
    """What these trials tell, by whichever search they were chosen.

    Args:
        space: the sweep's.
        trials: all of it.
        mode: which values are better.
        metric: whose reports tell what a trial that was stopped early would have reached.
        seed: of the draws.
        model: whether what takes a model is wanted: about a second.
        pairs: whether pairs' importance is wanted too: seconds rather than a part of one.
    """
    held = [trial for trial in trials if space.holds(trial.params)]
    best = best_of(held, mode)
    if best is None or len(values_so_far(held)) < LEAST_VALUES or not space.dimensions:
        return Findings([], None, [])
    from awstune.search.posterior import advice, best_guess

    narrow = advice(space, dict(best.params))
    if not model:
        return Findings([], None, narrow)
    from awstune.search.importance import importances
    from awstune.search.modelling import Fits, Model

    known = Model.of(space, held, mode=mode, fits=Fits(seed), metric=metric)
    shares = importances(known, seed=seed, draws=DRAWS, pairs=pairs)
    return Findings(shares, best_guess(known, mode, seed=seed), narrow)

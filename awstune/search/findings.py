"""What a sweep tells beside its best trial: what mattered, where good values lie, ranges too narrow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from awstune.search.ending import values_so_far
from awstune.search.trials import best_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.importance import Importance
    from awstune.search.posterior import Advice, Guess, Likely, Marginal
    from awstune.search.space import Space
    from awstune.search.trials import Mode, TrialRecord

LEAST_VALUES = 10
DRAWS = 8
MOST_PAIRED = 6
"""Parameters whose pairs are looked at: 15 pairs take a second."""


@dataclass(frozen=True)
class Findings:
    """What the trials tell.

    Attributes:
        importance: of each searched parameter, and of pairs where they are few, the largest share first.
        likely: for each parameter where most of its good values lie, where that is much less than all.
        posterior: p(theta | M) of each parameter, and of the pair that matters most.
        guess: where the model itself believes the best to be.
        advice: ranges at whose ends the best trial lies.

    Before ten values there is nothing to tell.
    """

    importance: list[Importance] = field(default_factory=list)
    likely: list[Likely] = field(default_factory=list)
    posterior: list[Marginal] = field(default_factory=list)
    guess: Guess | None = None
    advice: list[Advice] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As a document.

        ``{importance: [{params, share, sd}], likely: [{param, values, ordered, share}],``
        ``posterior: [{params, values, prior, posterior}], guess: {params, value, sd} | None,``
        ``advice: [{param, text}]}``
        """
        guess = self.guess
        return {
            "likely": [
                {"param": one.name, "values": list(one.values), "ordered": one.ordered, "share": one.share}
                for one in self.likely
            ],
            "posterior": [_marginal(one) for one in self.posterior],
            "importance": [{"params": list(i.names), "share": i.share, "sd": i.sd} for i in self.importance],
            "guess": guess and {"params": guess.params, "value": guess.mean, "sd": guess.sd},
            "advice": [{"param": one.name, "text": one.text} for one in self.advice],
        }


def _marginal(one: Marginal) -> dict[str, Any]:
    shares = {"prior": one.prior.tolist(), "posterior": one.posterior.tolist()}
    return {"params": list(one.names), "values": list(one.values), **shares}


def findings(
    space: Space,
    trials: Sequence[TrialRecord],
    *,
    mode: Mode,
    metric: str | None = None,
    seed: int = 0,
    model: bool = True,
) -> Findings:
    """What these trials tell, by whichever search they were chosen.

    Args:
        space: the sweep's.
        trials: all of it.
        mode: which values are better.
        metric: whose reports tell what a trial that was stopped early would have reached.
        seed: of the draws.
        model: whether what takes a model is wanted: about a second.
    """
    held = [trial for trial in trials if space.holds(trial.params)]
    best = best_of(held, mode)
    if best is None or len(values_so_far(held)) < LEAST_VALUES or not space.dimensions:
        return Findings()
    from awstune.search.posterior import Belief, advice, best_guess

    narrow = advice(space, dict(best.params))
    if not model:
        return Findings(advice=narrow)
    from awstune.search.importance import importances
    from awstune.search.modelling import Fits, Model

    known = Model.of(space, held, mode=mode, fits=Fits(seed), metric=metric)
    shares = importances(known, seed=seed, draws=DRAWS, pairs=space.dimensions <= MOST_PAIRED)
    belief = Belief(known, seed=seed)
    shown = [(name,) for name in space.searched] + [i.names for i in shares if len(i.names) > 1][:1]
    return Findings(
        shares,
        [where for name in space.searched if (where := belief.likely(name)) is not None],
        [belief.marginal(*names) for names in shown],
        best_guess(known, mode, seed=seed),
        narrow,
    )

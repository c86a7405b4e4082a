"""Knowing when to stop: a sweep ends where another trial is not worth its price.

``--stop-when`` takes one of

    worth=50      a unit of the metric is worth 50 dollars: end when the gain that the model expects of the
                  next trial, in dollars, is below what a trial costs
    gain=0.01     end when that gain is below a hundredth (``gain=1%``) of what the sweep has gained so far
    patience=20   end when 20 trials in a row brought nothing

And a sweep whose trials all fail for one reason ends by itself: see `all_alike`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from awstune.errors import UsageError
from awstune.money import dollars
from awstune.search.trials import Status, by_completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.space import Space
    from awstune.search.trials import Mode, TrialRecord

LEAST_VALUES = 10
LEAST_ALIKE = 3  # one more than what two unlucky draws, or two crashes of the machine, bring
FORMS = "worth=50 (dollars a unit of the metric), gain=1% or patience=20"

_ITS_OWN = re.compile(r"trials/\d+|seed \d+|0x[0-9a-f]+")  # of the one trial that failed
_VALUES_MATTER = re.compile("memory", re.IGNORECASE)  # a smaller batch may well fit


class EndRule(Protocol):
    """Says whether the sweep is worth going on with."""

    def reason(self, trials: Sequence[TrialRecord], usd_per_trial: float | None) -> str | None:
        """Why to end here, in words; None to go on."""
        ...


def parse_rule(text: str, *, space: Space, mode: Mode, seed: int = 0, metric: str | None = None) -> EndRule:
    """The rule that ``--stop-when`` names.

    Args:
        text: ``worth=50``, ``gain=1%``, ``gain=0.01`` or ``patience=20``.
        space: the sweep's.
        mode: which values are better.
        seed: of the search.
        metric: see ``BayesSearcher``.

    Raises:
        UsageError: what is none of these.
    """
    match = re.fullmatch(r"(worth|gain|patience)=(\d+(?:\.\d+)?(?:e-?\d+)?)(%?)", text)
    if not match or (match[3] and match[1] != "gain") or not float(match[2]):
        raise UsageError(f"{text} is no rule to stop a sweep by", f"write {FORMS}")
    number = float(match[2]) / (100 if match[3] else 1)
    if match[1] == "patience":
        return Patience(math.ceil(number), mode)
    outlook = Outlook(space, mode, seed, metric)
    return Worth(number, outlook) if match[1] == "worth" else Gain(number, outlook)


def values_so_far(trials: Sequence[TrialRecord]) -> list[float]:
    """The values that count, in the order of completion."""
    return [trial.value for trial in by_completion(trials) if trial.counts and trial.value is not None]


@dataclass(frozen=True)
class Outlook:
    """What the model expects of the next trial.

    Attributes:
        space: the sweep's.
        mode: which values are better.
        seed: of the search.
        metric: see ``BayesSearcher``.
    """

    space: Space
    mode: Mode
    seed: int = 0
    metric: str | None = None

    def gain(self, trials: Sequence[TrialRecord]) -> float | None:
        """The expected improvement of the best value, in units of the metric; None before ten values."""
        if len(values_so_far(trials)) < LEAST_VALUES or not self.space.dimensions:
            return None
        from awstune.search.outlook import expected_gain

        return expected_gain(self.space, trials, mode=self.mode, seed=self.seed, metric=self.metric)


@dataclass(frozen=True)
class Worth:
    """Ends where the expected gain is worth less than a trial costs.

    Attributes:
        usd: what a unit of the metric is worth.
        outlook: what the model expects.
    """

    usd: float
    outlook: Outlook

    def reason(self, trials: Sequence[TrialRecord], usd_per_trial: float | None) -> str | None:
        """See ``EndRule``; without a price it never ends."""
        if not usd_per_trial:
            return None
        gain = self.outlook.gain(trials)
        if gain is None or gain * self.usd >= usd_per_trial:
            return None
        worth, cost = dollars(gain * self.usd), dollars(usd_per_trial)
        return f"the next trial is expected to gain {gain:.2g}, worth {worth}, and costs {cost}"


@dataclass(frozen=True)
class Gain:
    """Ends where the expected gain is a small share of what the sweep has gained over its first trial.

    Attributes:
        share: how small.
        outlook: what the model expects.
    """

    share: float
    outlook: Outlook

    def reason(self, trials: Sequence[TrialRecord], usd_per_trial: float | None) -> str | None:
        """See ``EndRule``."""
        del usd_per_trial
        values, gain = values_so_far(trials), self.outlook.gain(trials)
        if gain is None:
            return None
        best = min(values) if self.outlook.mode == "min" else max(values)
        gained = abs(values[0] - best)
        if gain >= self.share * gained:
            return None
        less = f"less than {self.share:.2g} of the {gained:.3g} gained so far"
        return f"the next trial is expected to gain {gain:.2g}, {less}"


@dataclass(frozen=True)
class Patience:
    """Ends after so many trials in a row that brought nothing.

    Attributes:
        trials: how many.
        mode: which values are better.
    """

    trials: int
    mode: Mode

    def reason(self, trials: Sequence[TrialRecord], usd_per_trial: float | None) -> str | None:
        """See ``EndRule``; failed trials count as having brought nothing."""
        del usd_per_trial
        sign = 1.0 if self.mode == "min" else -1.0
        best, since = math.inf, 0
        for trial in by_completion(trials):
            loss = sign * trial.value if trial.counts and trial.value is not None else math.inf
            best, since = (loss, 0) if loss < best else (best, since + 1)
        return f"{since} trials in a row brought nothing" if since >= self.trials else None


def all_alike(
    trials: Sequence[TrialRecord], metric: str | None, *, since: int = 0, least: int = LEAST_ALIKE
) -> str | None:
    """Why no trial to come can be expected to succeed; None where one can.

    All trials that have ended have failed, at least ``least`` of them, in the same words, and none has
    reported the metric, not even one that still runs: what ran is broken, whatever values it is given. Words
    that name a value differ from trial to trial, and where memory ran out, other values can mend it.

    Args:
        trials: of the sweep.
        metric: its name; None where no report has told it yet.
        since: how many trials had ended when the sweep was last taken up: they may have been mended.
        least: so many have to agree.
    """
    ended = [trial for trial in by_completion(trials) if trial.status is not Status.CANCELLED]
    new = [trial.error for trial in ended if trial.completed is not None and trial.completed >= since]
    reasons = {_ITS_OWN.sub("", error or "") for error in new}
    if len(new) < max(least, LEAST_ALIKE) or len(reasons) > 1 or _VALUES_MATTER.search(str(new[0])):
        return None
    reports = [report for trial in trials for report in trial.reports]
    if any(metric is None or metric in report.metrics for report in reports):
        return None
    return f"{len(new)} trials in a row failed alike, and none reported {metric or 'anything'}: {new[0]}"

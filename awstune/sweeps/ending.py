"""When a sweep, or one of its trials, ends before its trials are used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune.search.ending import EndRule, all_alike, parse_rule
from awstune.search.halving import Stopper, make_stopper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from awstune.search.trials import TrialRecord
    from awstune.sweeps.spec import Spec


class Endings:
    """What a spec says of ending early: ``stop_early``, ``stop_when``, ``max_time``, ``max_usd``.

    Args:
        spec: its options may also hold ``usd_per_hour``, what the sweep's machine costs.
        since: how many trials had ended when the sweep was taken up.
    """

    def __init__(self, spec: Spec, since: int = 0) -> None:
        self._options, self._metric, self._since = spec.options, spec.metric, since
        self._stopper, self._rule = _stopper(spec), _rule(spec)

    @property
    def stops_trials(self) -> bool:
        """Whether any trial may be stopped early."""
        return self._stopper is not None

    def should_stop(self, number: int, trials: Sequence[TrialRecord]) -> bool:
        """Whether a running trial is not worth going on with, after its latest report."""
        if self._stopper is None:
            return False
        trial = next(trial for trial in trials if trial.number == number)
        return self._stopper.should_stop(trial, trials)

    def reason(self, trials: Sequence[TrialRecord], slots: int) -> str | None:
        """Why no further trial is worth its price, at so many at a time; None where one is."""
        return None if self._rule is None else self._rule.reason(trials, self._usd_per_trial(trials, slots))

    def broken(self, trials: Sequence[TrialRecord], slots: int) -> str | None:
        """Why nothing that runs so many at a time can succeed; see `all_alike`."""
        return all_alike(trials, self._metric, since=self._since, least=slots)

    def limit(self, elapsed_s: float) -> str | None:
        """Which limit of time or money is reached; None while there is some left.

        Args:
            elapsed_s: seconds for which the sweep has run, those before it was resumed among them.
        """
        seconds, usd = self._options.get("max_time"), self._options.get("max_usd")
        if seconds is not None and elapsed_s >= seconds:
            return f"it has run for {seconds:g} s (--max-time)"
        if usd is not None and elapsed_s / 3600 * self._usd_per_hour >= usd:
            return f"it has cost {usd:g} dollars (--max-usd)"
        return None

    @property
    def _usd_per_hour(self) -> float:
        return float(self._options.get("usd_per_hour", 0.0))

    def _usd_per_trial(self, trials: Sequence[TrialRecord], slots: int) -> float | None:
        took = [trial.seconds for trial in trials if trial.seconds is not None]
        if not took or not self._usd_per_hour:
            return None
        return sum(took) / len(took) / max(1, slots) / 3600 * self._usd_per_hour


def _stopper(spec: Spec) -> Stopper | None:
    if spec.metric is None or spec.mode is None:
        return None
    name = spec.options.get("stop_early")
    return make_stopper(name, metric=spec.metric, mode=spec.mode, trials=spec.trials)


def _rule(spec: Spec) -> EndRule | None:
    text = spec.options.get("stop_when")
    if text is None or spec.mode is None:
        return None
    return parse_rule(text, space=spec.space, mode=spec.mode, seed=spec.seed, metric=spec.metric)

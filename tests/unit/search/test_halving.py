"""Stopping early: who goes on at a rung, and that a resumed sweep decides the same."""

import math
from dataclasses import replace

import numpy as np
import pytest

from awstune.errors import UsageError
from awstune.search.curves import Curves, only_metric
from awstune.search.halving import Asha, MedianRule, make_stopper
from awstune.search.modelling import Fits, Model
from awstune.search.space import Float, Space
from awstune.search.surrogate import Surrogate
from awstune.search.trials import Report, Status, TrialRecord


def trial(number, *values, status=Status.RUNNING, metric="loss"):
    """A trial that reported these values, one an epoch."""
    reports = tuple(Report(i, {metric: value}) for i, value in enumerate(values))
    return TrialRecord(number, {}, status, reports=reports)


def test_asha_lets_the_best_fourth_go_on():
    """At one, four and sixteen epochs the best fourth goes on; between rungs nobody is stopped."""
    asha = Asha("loss", "min")
    others = [trial(i, 0.1 * i) for i in range(1, 6)]
    assert not asha.should_stop(trial(9, 0.05), others)
    assert asha.should_stop(trial(9, 0.15), others)
    assert not asha.should_stop(trial(9, 0.15), [*others, *(trial(10 + i, 0.9) for i in range(2))])
    assert not asha.should_stop(trial(9, 0.9, 0.9), [trial(i, 0.1, 0.1) for i in range(5)])
    assert asha.should_stop(trial(9, *[0.9] * 4), [trial(i, *[0.1] * 4) for i in range(5)])


def test_asha_is_patient_with_every_third_trial():
    """Trials 2, 5, 8 … are not judged before the second rung."""
    asha, others = Asha("loss", "min"), [trial(i, *[0.1] * 4) for i in range(20, 26)]
    assert [asha.should_stop(trial(n, 0.9), others) for n in (6, 7, 8)] == [True, True, False]
    assert asha.should_stop(trial(8, *[0.9] * 4), others)


def test_asha_waits_for_company():
    """The first to reach a rung goes on: there is nobody to compare it with."""
    assert not Asha("loss", "min").should_stop(trial(0, 5.0), [trial(0, 5.0), trial(1, 1.0)])


def test_asha_compares_with_the_latest():
    """Among ever better trials one has to be among the best of the latest, or the best of all."""
    others = [trial(i, 1.0 - 0.01 * i) for i in range(40)]
    assert Asha("loss", "min").should_stop(trial(40, 0.67), others)
    assert not Asha("loss", "min", latest=99).should_stop(trial(40, 0.67), others)
    assert not Asha("loss", "min").should_stop(trial(40, 0.6), others)


def test_asha_maximises():
    """With mode max the greatest go on."""
    others = [trial(i, 0.1 * i) for i in range(5)]
    assert not Asha("loss", "max").should_stop(trial(9, 0.9), others)
    assert Asha("loss", "max").should_stop(trial(9, 0.0), others)


def test_asha_counts_the_best_up_to_the_rung_and_steps_that_jump_it():
    """A curve that overshot keeps its best; a report that jumps over a rung reaches it."""
    others = [trial(i, 0.5, 0.5, 0.5) for i in range(5)]
    assert not Asha("loss", "min").should_stop(trial(9, 0.9, 0.1, 0.9), others)
    jumping = TrialRecord(9, {}, reports=(Report(0, {"loss": 0.1}), Report(7, {"loss": 0.9})))
    assert not Asha("loss", "min").should_stop(jumping, others)


def test_what_diverged_is_stopped_at_the_rung():
    """A loss that is not finite goes no further, in whatever company."""
    assert Asha("loss", "min").should_stop(trial(0, math.nan), [])
    assert not Asha("loss", "min").should_stop(trial(0, 1.0, metric="other"), [])


def test_asha_does_not_mind_order():
    """The order of the list, and who is still running, do not matter."""
    others = [trial(i, 0.1 * i, status=Status.SUCCEEDED) for i in range(1, 6)]
    mixed = [trial(i, 0.1 * i, status=Status.STOPPED_EARLY) for i in range(5, 0, -1)]
    for value in (0.05, 0.15, 0.25):
        asha = Asha("loss", "min")
        assert asha.should_stop(trial(9, value), others) == asha.should_stop(trial(9, value), mixed)


def test_median_rule():
    """Worse at its best than the median of the others' means: stopped, from the third epoch on."""
    rule = MedianRule("loss", "min")
    others = [trial(i, *([0.1 * i] * 3)) for i in range(5)]
    assert rule.should_stop(trial(9, 0.5, 0.5, 0.5), others)
    assert not rule.should_stop(trial(9, 0.5, 0.5, 0.15), others)
    assert not rule.should_stop(trial(9, 0.5, 0.5), others)
    assert not rule.should_stop(trial(9, 0.5, 0.5, 0.5), others[:4])
    assert not rule.should_stop(trial(9), others)


def test_registry():
    """Off by default, off for fewer than ten trials, and a wrong name is refused."""
    assert make_stopper(None, metric="loss", mode="min", trials=99) is None
    assert make_stopper("asha", metric="loss", mode="min", trials=9) is None
    assert make_stopper("asha", metric="loss", mode="min", trials=None) == Asha("loss", "min")
    assert make_stopper("median", metric="loss", mode="max", trials=10) == MedianRule("loss", "max")
    with pytest.raises(UsageError) as caught:
        make_stopper("ash", metric="loss", mode="min", trials=2)
    assert "asha, median" in caught.value.hint


def test_a_curve_is_taken_on_as_whole_ones_went():
    """It closes the share of the gap to the best that whole trials closed; their spread is the doubt."""
    whole = [trial(i, 1.0, 0.8, 0.8 - 0.1 * i, status=Status.SUCCEEDED) for i in (1, 2, 3)]
    stopped = trial(9, 2.0, 1.9, status=Status.STOPPED_EARLY)
    curves = Curves([*whole, stopped], "loss", "min")
    expected = (1.9 - 1.4 * 2 / 3, 1.4 / 3)
    assert curves.foretold(stopped) == pytest.approx(expected)
    assert curves.foretold(trial(4, 2.0, 1.9)) == pytest.approx(expected)
    assert curves.foretold(trial(4, 0.4)) == (0.4, 0.0)
    assert Curves(whole, None, "min").foretold(stopped) == pytest.approx(expected)
    assert only_metric([*whole, trial(4, 1.0, metric="other")]) is None


def test_what_tells_nothing_of_a_trial_s_end():
    """No finite report, fewer than three whole trials, or none that went further."""
    whole = [trial(i, 1.0, 0.8, 0.8 - 0.1 * i, status=Status.SUCCEEDED) for i in (1, 2, 3)]
    curves = Curves(whole, "loss", "min")
    assert curves.foretold(trial(9)) is None
    assert curves.foretold(trial(9, math.nan)) is None
    assert curves.foretold(trial(9, 1.0, 0.9, 0.8)) is None
    assert Curves(whole[:2], "loss", "min").foretold(trial(9, 2.0)) is None
    assert Curves([], None, "min").foretold(trial(9, 2.0)) is None


def test_bayes_believes_the_curves_of_running_trials():
    """Beside a running trial whose curve is good, good values are expected; beside a bad one none."""
    space = Space(x=Float(0, 1))
    places = {0.2: 0.2, 0.4: 0.25, 0.6: 0.15, 0.8: 0.2}
    whole = [
        replace(trial(i, 2 + y, y, status=Status.SUCCEEDED), params={"x": x}, value=y, completed=i)
        for i, (x, y) in enumerate(places.items())
    ]
    model = Model.of(space, whole, mode="min", fits=Fits(0))

    def expected(first_loss):
        running = replace(trial(4, first_loss), params={"x": 0.05})
        pending = model.pending([running], Curves([*whole, running], "loss", "min"))
        surrogate = Surrogate(model.cube, model.thetas, pending).fit(model.x, -model.outputs.y)
        return -surrogate.predict(np.array([[0.05]]))[0]

    untold, good, bad = expected(math.nan), expected(0.16), expected(9.0)
    assert good < untold < bad


def test_bayes_takes_a_stopped_trial_for_what_it_would_have_reached():
    """A good trial stopped early is not mistaken for a bad one, and there is doubt about what it was."""
    whole = [
        replace(trial(i, 2 + x, 1 + x, x, status=Status.SUCCEEDED), params={"x": x}, value=x, completed=i)
        for i, x in enumerate((0.3, 0.5, 0.7, 0.9))
    ]
    early = replace(trial(4, 2.1, status=Status.STOPPED_EARLY), params={"x": 0.1}, value=2.1, completed=4)
    trials = [*whole, early]
    model = Model.of(Space(x=Float(0, 1)), trials, mode="min", fits=Fits(0))
    assert model.losses[:4].tolist() == [0.3, 0.5, 0.7, 0.9]
    assert 0.4 < model.losses[4] < 0.6
    assert model.doubts[:4].tolist() == [0, 0, 0, 0]
    assert 0.1 < model.doubts[4] < 0.3
    sure = replace(model, doubts=np.zeros(5)).surrogate()
    place = model.x[4:]
    assert model.surrogate().predict(place, return_std=True)[1] > sure.predict(place, return_std=True)[1]

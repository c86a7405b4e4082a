"""Importance and posterior on functions whose answers are known; the rules that end a sweep."""

import numpy as np
import pytest

from awstune.errors import UsageError
from awstune.search.ending import Patience, parse_rule
from awstune.search.importance import importances
from awstune.search.modelling import Fits, Model
from awstune.search.posterior import Belief, advice, best_guess
from awstune.search.space import Choice, Float, Int, Space
from awstune.search.trials import Status, TrialRecord

CUBE = Space({name: Float(0, 1) for name in "abc"})


def trials_of(space, f, count=40, seed=0):
    """Random trials of a function."""
    rng = np.random.default_rng(seed)
    params = [space.sample(rng) for _ in range(count)]
    return [
        TrialRecord(i, p, Status.SUCCEEDED, value=float(f(**p)), completed=i) for i, p in enumerate(params)
    ]


def model_of(space, f, mode="min", **kwargs):
    """The model of random trials of a function."""
    return Model.of(space, trials_of(space, f, **kwargs), mode=mode, fits=Fits(0))


def shares(space, f, **kwargs):
    """Names to share of the variation."""
    return {i.names: i.share for i in importances(model_of(space, f, **kwargs), draws=4)}


def test_additive_function():
    """Each parameter by its own part; no pair; nothing for what is irrelevant."""
    found = shares(CUBE, lambda a, b, **_: 2 * a + b)
    assert found["a",] == pytest.approx(0.8, abs=0.12)
    assert found["b",] == pytest.approx(0.2, abs=0.12)
    assert found["c",] < 0.03
    assert max(share for names, share in found.items() if len(names) == 2) < 0.05


def test_interaction_only():
    """What only a pair explains is the pair's."""
    found = shares(CUBE, lambda a, b, **_: (a - 0.5) * (b - 0.5), count=90)
    assert found["a", "b"] > 0.6
    assert max(found["a",], found["b",], found["c",]) < 0.2


def test_uncertainty_falls_with_trials():
    """A dozen trials say less than a hundred."""
    few, many = (
        sum(i.sd for i in importances(model_of(CUBE, lambda a, b, c: 2 * a + b * c, count=n), draws=4))
        for n in (8, 60)
    )
    assert many < few


def test_categories_matter():
    """A choice that decides all is all that matters."""
    space = Space(opt=Choice("a", "b", "c"), x=Float(0, 1), n=Int(1, 50))
    found = shares(space, lambda opt, x, n: {"a": 0, "b": 5, "c": 9}[opt] + 0.1 * x + 1e-3 * n)
    assert found["opt",] > 0.75


def test_posterior_of_a_correlated_valley():
    """Good values lie along a = b: the pair's posterior has its mass there, the marginals do not show it."""
    belief = Belief(model_of(CUBE, lambda a, b, **_: abs(a - b), count=80))
    pair = belief.marginal("a", "b")
    assert pair.posterior.shape == (12, 12)
    assert pair.posterior.sum() == pytest.approx(1)
    near = sum(pair.posterior[i, j] for i in range(12) for j in range(12) if abs(i - j) <= 1)
    assert near > 0.75
    assert belief.marginal("a").posterior.max() < 0.2


def within(value, where):
    """Whether a value lies between the ends of a range."""
    return where.values[0] <= value <= where.values[1]


def test_likely_options():
    """An option without which hardly any trial is good is named; an integer's values are its own."""
    space = Space(opt=Choice("a", "b", "c"), x=Float(0, 1), n=Int(1, 4))
    belief = Belief(model_of(space, lambda opt, x, n: {"a": 5, "b": 0, "c": 9}[opt] + x + 2 * n))
    assert belief.likely("opt").values == ("b",)
    assert not belief.likely("opt").ordered
    assert belief.likely("n").values == (1, 2)


def test_posterior_of_one_parameter():
    """The mass moves to where values are good; bins carry values; a draw comes from there."""
    space = Space(lr=Float(1e-4, 1, log=True), n=Int(1, 4), opt=Choice("x", "y"))
    belief = Belief(model_of(space, lambda lr, n, **_: (np.log10(lr) + 3) ** 2 + n, mode="min"))
    lr, n, opt = (belief.marginal(name) for name in ("lr", "n", "opt"))
    assert lr.values[0][int(lr.posterior.argmax())] == pytest.approx(1e-3, rel=1.5)
    assert lr.prior == pytest.approx(np.full(12, 1 / 12), abs=0.02)
    assert (n.values[0], opt.values[0]) == ([1, 2, 3, 4], ["x", "y"])
    assert n.posterior.argmax() == 0
    assert belief.sample(np.random.default_rng(0))["n"] in {1, 2, 3, 4}
    where = belief.likely("lr")
    assert where.values[0] < 1e-3 < where.values[1]
    inside = [share for at, share in zip(lr.values[0], lr.posterior, strict=True) if within(at, where)]
    assert where.share == pytest.approx(sum(inside))
    assert where.share >= 0.8
    assert len(inside) < 6
    assert belief.likely("opt") is None


@pytest.mark.parametrize("mode", ["min", "max"])
def test_best_guess(mode):
    """The model's own guess is near the optimum, between the trials, with its value in the metric's units."""
    sign = 1 if mode == "min" else -1
    model = model_of(CUBE, lambda a, b, **_: sign * (3 + (a - 0.4) ** 2 + (b - 0.6) ** 2), mode=mode)
    guess = best_guess(model, mode)
    assert (guess.params["a"], guess.params["b"]) == pytest.approx((0.4, 0.6), abs=0.05)
    assert guess.mean == pytest.approx(sign * 3, abs=0.02)
    assert 0 < guess.sd < 0.1


def test_advice():
    """A best trial at the end of a range is told how to widen it, where there can be more."""
    space = Space(
        lr=Float(1e-4, 1e-1, log=True),
        d=Float(0, 0.5),
        n=Int(1, 8),
        w=Int(8, 64, log=True),
        k=Int(6, 9),
        t=Float(-1, 1),
        o=Choice(1, 2),
    )

    def texts(**best):
        return {a.name: a.text for a in advice(space, best)}

    assert texts(lr=0.1, d=0.2, n=4)["lr"].endswith("upper end of its range, 0.1: try lr=0.0001..1.0:log")
    assert texts(lr=1e-4)["lr"].endswith("lower end of its range, 0.0001: try lr=1e-5..0.1:log")
    tiny = advice(Space(lr=Float(1e-5, 1, log=True)), {"lr": 1e-5})
    assert tiny[0].text.endswith("try lr=1e-6..1.0:log")
    assert texts(d=0.5, n=8, k=9)["d"].endswith("try d=0.0..1.0")
    assert texts(k=6, t=-1.0) == {
        "k": "the best k is at the lower end of its range, 6: try k=3..9",
        "t": "the best t is at the lower end of its range, -1.0: try t=-3.0..1.0",
    }
    assert texts(w=8)["w"].endswith("try w=1..64:log")
    assert texts(d=0.0, n=1, o=2) == {}


def test_patience():
    """So many trials in a row without a gain, failed ones among them."""
    values = [3.0, 2.0, 2.0, None, 2.5]
    trials = [
        TrialRecord(i, {}, Status.SUCCEEDED if v else Status.FAILED, value=v, completed=i)
        for i, v in enumerate(values)
    ]
    assert Patience(4, "min").reason(trials, None) is None
    assert Patience(3, "min").reason(trials, None) == "3 trials in a row brought nothing"
    assert Patience(5, "max").reason(trials, None) is None


def test_end_by_worth_and_by_gain():
    """Early on a trial is worth its price; at the bottom of a bowl it is not, and the reason has figures."""
    space = Space(x=Float(0, 1))
    early = trials_of(space, lambda x: 100 * (x - 0.3) ** 2, count=9)
    late = trials_of(space, lambda x: 100 * (x - 0.3) ** 2, count=40)
    rules = {text: parse_rule(text, space=space, mode="min") for text in ("worth=1", "gain=1%", "gain=0.01")}
    for rule in rules.values():
        assert rule.reason(early, 0.1) is None
        assert "expected to gain" in rule.reason(late, 0.1)
    assert "costs $0.1" in rules["worth=1"].reason(late, 0.1)
    assert rules["worth=1"].reason(late, None) is None
    assert parse_rule("worth=1e9", space=space, mode="min").reason(late, 1e-9) is None
    assert parse_rule("gain=1e-9", space=space, mode="min").reason(late, None) is None
    assert parse_rule("patience=3", space=space, mode="max") == Patience(3, "max")


@pytest.mark.parametrize("text", ["", "worth", "worth=x", "gain=0", "worth=5%", "soon=1"])
def test_refused_rules(text):
    """What is no rule is refused with the three forms."""
    with pytest.raises(UsageError) as caught:
        parse_rule(text, space=CUBE, mode="min")
    assert "gain=1%" in caught.value.hint

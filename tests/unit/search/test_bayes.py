"""The model and the searcher built on it: laws that the contract suite does not show."""

import math

import numpy as np
import pytest
from bayes_opt.target_space import TargetSpace
from scipy.stats import multivariate_normal

from awstune.search import gp
from awstune.search.acquisition import log_expected_improvement, prior_weight
from awstune.search.bayes import BayesSearcher, Chooser, Record
from awstune.search.cube import Cube
from awstune.search.draws import FunctionDraw
from awstune.search.evidence import NOISE_FLOOR, Evidence, Pairs, _credible, log_prior, start
from awstune.search.kernel import Kernel
from awstune.search.modelling import Fits, Model, last_fit
from awstune.search.outlook import expected_gain
from awstune.search.outputs import resolution, shown
from awstune.search.space import Choice, Float, Int, Space
from awstune.search.surrogate import Pending, Surrogate
from awstune.search.trials import Status, TrialRecord
from awstune.search.words import why

MIXED = Space(x=Float(0, 1), n=Int(1, 5), opt=Choice("a", "b", "c"))


def history(space, f, count, seed=0):
    """Random trials of a function of the unit cube."""
    rng = np.random.default_rng(seed)
    params = [space.sample(rng) for _ in range(count)]
    return [
        TrialRecord(i, p, Status.SUCCEEDED, value=float(f(space.encode(p))), completed=i)
        for i, p in enumerate(params)
    ]


def bowl(u):
    """A bowl in the unit cube."""
    return ((u - 0.3) ** 2).sum()


def test_gradient_of_the_evidence():
    """The analytic gradient is the numeric one, with names among the columns."""
    rng = np.random.default_rng(0)
    x, y, names = rng.random((15, 3)), rng.standard_normal(15), np.array([False, False, True])
    x[:, 2] = np.round(2 * x[:, 2]) / 2
    evidence = Evidence(Pairs.of(x, names), y)
    theta = start(3) + 0.2 * rng.standard_normal(9)
    steps = 1e-5 * np.eye(9)
    numeric = [(evidence(theta + s)[0] - evidence(theta - s)[0]) / 2e-5 for s in steps]
    assert evidence(theta)[1] == pytest.approx(numeric, abs=1e-4)


def test_evidence_is_the_values_density():
    """Worked out pair by pair, it is the normal density of the values under the kernel's covariance."""
    rng = np.random.default_rng(0)
    x, y, names = rng.random((12, 2)), rng.standard_normal(12), np.array([False, True])
    x[:, 1] = np.round(x[:, 1])
    theta, doubt = start(2) + 0.1, np.linspace(0, 0.5, 12)
    kernel = Kernel.of(theta)
    covariance = kernel(x, x, names) + np.diag(kernel.noise + NOISE_FLOOR + doubt**2)
    density = multivariate_normal(np.zeros(12), covariance).logpdf(y) + 6 * math.log(2 * math.pi)
    assert Evidence(Pairs.of(x, names), y, doubt)(theta)[0] == pytest.approx(-density - log_prior(theta)[0])


def test_believing_is_conditioning():
    """Pending trials taken for what is expected leave the mean and lower the doubt, as refitting would."""
    rng = np.random.default_rng(0)
    x, y, names = rng.random((12, 2)), rng.standard_normal(12), np.array([False, False])
    model = gp.Posterior.given(x, y, start(2), names)
    more, places = rng.random((3, 2)), rng.random((5, 2))
    mean, sd = model.predict(places)
    believing_mean, believing_sd = model.believing(more).predict(places)
    again = gp.Posterior.given(np.vstack([x, more]), np.append(y, model.predict(more)[0]), start(2), names)
    assert believing_mean == pytest.approx(mean)
    assert believing_sd == pytest.approx(again.predict(places)[1])
    assert (believing_sd <= sd + 1e-12).all()
    told = rng.standard_normal(3)
    known = gp.Posterior.given(np.vstack([x, more]), np.append(y, told), start(2), names)
    assert model.believing(more, told).predict(places)[0] == pytest.approx(known.predict(places)[0])
    doubted = model.believing(more, told, np.full(3, 1e6)).predict(places)[0]
    assert doubted == pytest.approx(mean, abs=1e-6)


def test_draws_have_the_models_moments():
    """Functions drawn from the model have its mean and its standard deviation, names among the columns."""
    cube = Cube(MIXED)
    model = Model.of(MIXED, history(MIXED, bowl, 12), mode="min", fits=Fits(0))
    posterior = model.surrogate().models[0]
    rng = np.random.default_rng(1)
    places = cube.uniform(rng, 6)
    values = np.array([FunctionDraw.of(cube, posterior, rng)(places) for _ in range(300)])
    mean, sd = posterior.predict(places)
    assert values.mean(0) == pytest.approx(mean, abs=0.15)
    assert values.std(0) == pytest.approx(sd, rel=0.25, abs=0.03)


def test_log_expected_improvement_far_out():
    """Exact where the plain formula is, finite and falling where it gives 0."""
    z = np.array([3.0, 0.0, -3.0, -30.0, -300.0, -3e5])
    values = log_expected_improvement(z, np.ones(6))
    assert values[1] == pytest.approx(math.log(1 / math.sqrt(2 * math.pi)))
    assert values[2] == pytest.approx(math.log(3.822e-4), abs=1e-3)
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()


def test_outputs_keep_good_values_and_rank_bad_ones():
    """The better half is linear in the loss, a heavy tail is not; failures count as the worst; and back."""
    losses = np.array([1.0, 2.0, 3.0, 1e6, 1e9, math.nan])
    outputs = shown(losses)
    gaps = np.diff(outputs.y[:3])
    assert gaps[0] == pytest.approx(gaps[1])
    assert outputs.y[4] < outputs.y[5]
    assert outputs.y[4] - outputs.y[3] < 2
    assert [outputs.loss(y) for y in outputs.y[:3]] == pytest.approx([1, 2, 3])
    assert outputs.loss(outputs.y[0] - gaps[0]) == pytest.approx(0)
    assert shown(np.array([5.0, 5.0])).loss(0.3) == 5
    assert np.isfinite(shown(np.array([math.nan, math.nan, 1.0])).y).all()


def test_resolution_of_a_metric_with_steps():
    """Values that tie at the best tell the metric's step; a best that is alone does not."""
    assert resolution(np.array([0.0, 1.0, 2.0, 3.0])) == 0
    assert resolution(np.array([0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0])) == 1
    assert resolution(np.array([1.0, 1.0, 1.0])) == 0


def test_fits_are_cached_by_what_they_saw():
    """Between refits hyperparameters stay; a fit depends on the trials, not on what was fitted before."""
    assert [last_fit(n) for n in (2, 5, 12, 13, 50)] == [2, 5, 11, 13, 46]
    trials = history(MIXED, bowl, 24)
    warm = Fits(0)
    for n in range(5, 25):
        thetas = Model.of(MIXED, trials[:n], mode="min", fits=warm).thetas
    assert np.array_equal(thetas, Model.of(MIXED, trials, mode="min", fits=Fits(0)).thetas)


def test_a_long_history_is_thinned():
    """Of more than a thousand trials the best are kept, and a suggestion still comes in time."""
    space = Space(x=Float(0, 1), n=Int(1, 5))
    trials = history(space, bowl, 1200)
    model = Model.of(space, trials, mode="min", fits=Fits(0))
    assert len(model.x) == 1000
    assert model.losses.min() == min(t.value for t in trials)
    space.check(BayesSearcher(mode="min").suggest(space, trials, 1)[0].params)


def test_why_in_words():
    """What is predicted, the best so far, and from which trial it is a step in what; a repeat says so."""
    trials = history(MIXED, bowl, 20)
    suggestion = BayesSearcher(mode="min").suggest(MIXED, trials, 1)[0]
    assert suggestion.why.startswith("model: predicts ")
    assert " ± " in suggestion.why
    assert "best so far" in suggestion.why
    assert "from trial " in suggestion.why
    model = Model.of(MIXED, trials, mode="min", fits=Fits(0))
    assert "a repeat of trial" in why(model, model.surrogate(), model.x[3], "min")
    wide = Surrogate(model.cube, [start(3)], Pending.untold(np.empty((0, 3)))).fit(
        model.x[:1], np.array([0.0])
    )
    far = np.array([1.0, 1.0, 1.0]) - np.round(model.x[0])
    assert "known here" in why(model, wide, far, "min") or "may beat" in why(model, wide, far, "min")


def test_in_the_package_s_places():
    """The record is bayes_opt's target space, and the chooser an acquisition function of it."""
    cube = Cube(MIXED)
    x = cube.uniform(np.random.default_rng(0), 8)
    record = Record(dict.fromkeys(cube.names, (0.0, 1.0)), x, -((x - 0.3) ** 2).sum(1))
    assert isinstance(record, TargetSpace)
    assert len(record) == 8
    surrogate = Surrogate(cube, [start(3)], Pending.untold(np.empty((0, 3)))).fit(
        record.params, record.target
    )
    chooser = Chooser("ei", cube, np.random.default_rng(0), set())
    assert chooser.base_acq(np.zeros(1), np.ones(1)) == pytest.approx(-0.919, abs=1e-3)
    place = chooser.suggest(surrogate, record, fit_gp=False)
    assert place == pytest.approx(cube.snap(place[None])[0])
    mean, covariance = surrogate.predict(x, return_cov=True)
    assert mean == pytest.approx(surrogate.predict(x))
    assert np.diag(covariance) == pytest.approx(surrogate.predict(x, return_std=True)[1] ** 2, abs=1e-6)


def test_a_prior_leads_at_first_and_yields_to_the_data():
    """Early suggestions lie near a prior; after many trials they lie where the data says."""
    space = Space(x=Float(0, 1, prior=0.9), y=Float(0, 1, prior=0.9))
    searcher, trials = BayesSearcher(mode="min", seed=1), []
    while len(trials) < 25:
        found = searcher.suggest(space, trials, 1)[0]
        value = float(bowl(space.encode(found.params)))
        told = {"value": value, "completed": len(trials), "why": found.why}
        trials.append(TrialRecord(len(trials), found.params, Status.SUCCEEDED, **told))
    early = np.mean([[t.params["x"], t.params["y"]] for t in trials[:4]])
    best = min(trials, key=lambda trial: trial.value).params
    assert early > 0.6
    assert trials[1].why == "start: drawn from the prior (Sobol)"
    assert trials[2].why == "start: spread over the space (Sobol)"
    assert (best["x"], best["y"]) == pytest.approx((0.3, 0.3), abs=0.05)


def test_gain_falls_as_the_search_goes_on():
    """The expected gain is in the metric's units, and shrinks."""
    space = Space(x=Float(0, 1), y=Float(0, 1))
    few, many = (
        expected_gain(space, history(space, lambda u: 100 * bowl(u), n), mode="min") for n in (10, 60)
    )
    assert 0 < many < few < 20


def test_a_choice_that_is_taken_gives_way():
    """bayes_opt's own acquisitions know nothing of what has run: the trial is then drawn, and new."""
    from bayes_opt.acquisition import UpperConfidenceBound

    space = Space(a=Choice("x", "y"), b=Choice("p", "q"), c=Choice("s", "t"))
    searcher, trials = BayesSearcher(mode="min", acquisition=UpperConfidenceBound()), []
    while found := searcher.suggest(space, trials, 1):
        value = float(bowl(space.encode(found[0].params)))
        trials.append(
            TrialRecord(len(trials), found[0].params, Status.SUCCEEDED, value=value, completed=len(trials))
        )
    assert len({space.key(t.params) for t in trials}) == len(trials) == 8


def test_matrices_that_are_none():
    """A covariance that is not positive gets what it lacks; an evidence without one is the worst."""
    factor = gp._stable_cholesky(np.array([[1.0, 1.0], [1.0, 1.0 - 1e-7]]))
    assert np.isfinite(factor).all()
    pairs = Pairs(np.array([1, 2, 5]), np.array([[9.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.0]]))
    evidence = Evidence(pairs, np.array([1.0, 0.0, -1.0]))
    theta = np.array([math.log(0.1), 0.0, -6.0, 6.0, math.log(1e-6)])
    assert evidence(theta)[0] == 1e10
    assert (
        _credible(lambda t: (1e9 * float(np.abs(t).sum()), t), np.zeros(5), np.ones(5), 0.0).tolist()
        == [0] * 5
    )


def test_a_prior_that_the_trials_contradict_is_dropped():
    """It counts in full while little is told, less with every trial, and not at all where it misleads."""
    density = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert prior_weight(density[:3], -density[:3]) == 10
    assert prior_weight(density, density) == pytest.approx(6)
    assert prior_weight(density, -density) == 0
    assert prior_weight(density, np.zeros(5)) == 6

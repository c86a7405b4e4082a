"""Joint priors and constraints: what they let through, and what they refuse."""

import numpy as np
import pytest

from awstune.errors import SpaceError
from awstune.search.constraints import Constraint
from awstune.search.cube import Cube
from awstune.search.joint import Copula, Correlated
from awstune.search.searchers import make
from awstune.search.space import Choice, Fixed, Float, Int, Space
from awstune.search.trials import Status, TrialRecord

LR, BATCH = Float(1e-4, 1e-1, log=True), Choice(16, 32, 64, 128)


def test_draws_of_a_joint_prior_go_together():
    """Learning rates rise with batch sizes, and each parameter alone keeps its own prior."""
    space = Space(lr=LR, batch=BATCH, opt=Choice("a", "b"), joint=[Correlated("lr", "batch", rho=0.8)])
    rng = np.random.default_rng(0)
    places = np.array([space.encode(space.sample(rng)) for _ in range(2000)])
    assert np.corrcoef(places[:, 0], places[:, 1])[0, 1] == pytest.approx(0.75, abs=0.06)
    assert np.quantile(places[:, 0], [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.04)
    assert abs(np.corrcoef(places[:, 0], places[:, 2])[0, 1]) < 0.06


def test_the_density_is_one_of_a_copula():
    """It averages to one over the cube, is highest along the diagonal, and joins what marginals say."""
    copula = Copula(["a", "b"], {"a": True, "b": True}, [Correlated("a", "b", 0.6)])
    u = np.random.default_rng(0).random((200_000, 2))
    assert np.exp(copula.log_density(u)).mean() == pytest.approx(1, abs=0.02)
    along, across = copula.log_density(np.array([[0.9, 0.9], [0.9, 0.1]]))
    assert along > 0 > across
    informed = Space(a=Float(0, 1, prior=0.8), b=Float(0, 1), joint=[Correlated("a", "b", 0.6)])
    near, far = Cube(informed).prior(np.array([[0.8, 0.5], [0.8, 0.05]]))
    assert near > far


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([("a", "x", 0.5)], "x is no searched"),
        ([("a", "c", 0.5)], "c is no searched"),
        ([("a", "f", 0.5)], "f is no searched"),
        ([("a", "b", 1.0)], "not between"),
        ([("a", "a", 0.5)], "itself"),
        ([("a", "b", 0.9), ("b", "d", 0.9), ("a", "d", -0.9)], "contradict"),
    ],
)
def test_refused_joint_priors(pairs, match):
    """Names without order, correlations that cannot be, and contradictions."""
    parameters = {"a": Float(0, 1), "b": Int(1, 9), "c": Choice("x", "y"), "d": Float(0, 1), "f": Fixed(1)}
    with pytest.raises(SpaceError, match=match):
        Space(parameters, joint=[Correlated(*pair) for pair in pairs])


def test_toml():
    """Joint priors and constraints survive the table, in either form; nonsense is refused."""
    space = Space(a=Float(0, 1), b=Int(1, 9), joint=[Correlated("a", "b", 0.5)], constraints=["a <= b"])
    again = Space.from_toml(space.to_toml())
    assert again.joint == space.joint
    assert again.constraints == space.constraints
    rows = [{"a": "a", "b": "b", "rho": 0.5}]
    assert Space.from_toml({"a": "0..1.0", "b": "1..9", "joint": rows}).joint == space.joint
    with pytest.raises(SpaceError, match="list of correlations"):
        Space.from_toml({"a": "0..1.0", "joint": [["a"]]})


def test_override_keeps_what_still_holds():
    """-p changes a parameter; its correlations go when it is fixed, the constraints stay."""
    space = Space(a=Float(0, 1), b=Int(1, 9), joint=[Correlated("a", "b", 0.5)], constraints=["a <= b"])
    assert space.override({"a": Float(0, 0.5)}).joint == space.joint
    fixed = space.override({"b": Fixed(2), "c": Fixed(3)})
    assert (fixed.joint, fixed.constraints, list(fixed)) == ((), space.constraints, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("text", "params", "met"),
    [
        ("a <= 4 * b", {"a": 8, "b": 2}, True),
        ("a <= 4 * b", {"a": 9, "b": 2}, False),
        ("0 < a < b", {"a": 1, "b": 2}, True),
        ("a < b and not a == 1", {"a": 1, "b": 2}, False),
        ("a > 5 or b ** 2 - 1 >= 3", {"a": 1, "b": 2}, True),
        ("a // 2 + a % 2 != -b", {"a": 3, "b": 2}, True),
        ("model.a < 3", {"model.a": 2}, True),
        ("opt == 'sgd'", {"opt": "adam"}, False),
        ("a < momentum", {"a": 1}, True),
        ("a < opt", {"a": 1, "opt": "sgd"}, False),
        ("1 / a < 3", {"a": 0}, False),
    ],
)
def test_constraints(text, params, met):
    """Comparisons are worked out; what is not there is met, what makes no sense is not."""
    assert Constraint(text).met(params) is met


@pytest.mark.parametrize(
    "text",
    [
        "a <",
        "a + b",
        "f(a) < 1",
        "a[0] < 1",
        "a < (lambda: 1)",
        "__import__('os').x < 1",
        "a in b",
        "a << 2 < 9",
    ],
)
def test_refused_constraints(text):
    """What is more than a comparison is refused, and never run."""
    with pytest.raises(SpaceError):
        Constraint(text)


def test_constraints_of_a_space():
    """Unknown names and defaults that break a constraint are refused; the size counts what is allowed."""
    with pytest.raises(SpaceError, match="names c"):
        Space(a=Int(1, 3), constraints=["a < c"])
    with pytest.raises(SpaceError, match="defaults break"):
        Space(a=Int(1, 3), constraints=["a < 2"])
    space = Space(a=Int(1, 3), b=Int(1, 3), constraints=["a <= b"])
    assert space.size == 6
    with pytest.raises(SpaceError, match="breaks the constraint"):
        space.check({"a": 3, "b": 1})
    never = Space(a=Float(0, 1, default=0), constraints=["a <= 0"])
    with pytest.raises(SpaceError, match="hardly any"):
        never.sample(np.random.default_rng(0))


@pytest.mark.parametrize("name", ["random", "grid", "bayes"])
def test_searchers_meet_constraints(name):
    """No searcher suggests what is not allowed, and what is allowed is used up."""
    space = Space(a=Int(1, 4), b=Int(1, 4), constraints=["a <= b", "a + b != 5"])
    searcher, trials = make(name, mode="min", seed=0), []
    while found := searcher.suggest(space, trials, 1):
        space.check(found[0].params)
        value = float(found[0].params["a"] + 0.1 * found[0].params["b"])
        trials.append(
            TrialRecord(len(trials), found[0].params, Status.SUCCEEDED, value=value, completed=len(trials))
        )
    assert len(trials) == space.size == 8

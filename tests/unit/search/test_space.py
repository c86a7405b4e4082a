"""Spaces: their defaults, the unit cube, conditions, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.errors import SpaceError
from awstune.search.cube import Cube
from awstune.search.prior import TruncatedNormal
from awstune.search.space import Choice, Fixed, Float, Int, Space
from tests.unit.search.spaces import parameters, spaces

UNIT = st.floats(0, 1)


@given(parameters, UNIT)
def test_decoding_gives_a_value_and_encoding_its_place(parameter, u):
    """What is decoded is in the parameter; its place decodes to it again."""
    if isinstance(parameter, Fixed):
        return
    value = parameter.decode(u)
    parameter.check(value)
    assert 0 <= parameter.encode(value) <= 1
    again = parameter.decode(parameter.encode(value))
    assert again == (value if parameter.count is not None else pytest.approx(value, rel=1e-9, abs=1e-9))


@given(parameters, UNIT)
def test_draws_are_values(parameter, u):
    """Every quantile of the prior is a value, and so are the baseline and each grid level."""
    if isinstance(parameter, Fixed):
        return
    parameter.check(parameter.draw(u))
    parameter.check(parameter.baseline)
    for points in (1, 2, 5):
        for value in parameter.level(points):
            parameter.check(value)


@given(spaces(), st.integers(0, 2**32))
def test_samples_are_trials(space, seed):
    """A sample passes the check, its place is in the cube, and decodes to a trial with the same key."""
    params = space.sample(np.random.default_rng(seed))
    space.check(params)
    place = space.encode(params)
    assert place.shape == (space.dimensions,)
    assert ((place >= 0) & (place <= 1)).all()
    space.check(space.decode(place))
    if space.size is not None:
        assert space.key(space.decode(place)) == space.key(params)


def test_baseline_is_given_or_the_middle():
    """Given defaults come first, then the middle, that of the logs on a log scale, the first option."""
    space = Space(
        lr=Float(1e-5, 1e-1, log=True),
        momentum=Float(0, 1, default=0.9),
        width=Int(16, 256, log=True),
        layers=Int(1, 4),
        opt=Choice("sgd", "adam"),
        batch=Choice(16, 32, default=32),
        epochs=Fixed(20),
    )
    assert space.defaults() == {
        "lr": 1e-3,
        "momentum": 0.9,
        "width": 64,
        "layers": 2,
        "opt": "sgd",
        "batch": 32,
        "epochs": 20,
    }


@pytest.mark.parametrize(
    ("space", "size"),
    [
        (Space(x=Float(0, 1)), None),
        (Space(x=Float(0, 1, step=0.25)), 5),
        (Space(x=Int(1, 4), y=Choice("a", "b"), z=Fixed(1)), 8),
        (Space(x=Int(1, 10, step=4)), 3),
        (Space(x=Choice("a", "b"), y=Int(1, 3, when={"x": "a"})), 4),
        (Space(x=Fixed(1), y=Int(1, 3, when={"x": 2})), 1),
        (Space(), 1),
        (
            Space(
                a=Choice("x", "y"), b=Choice(1, 2, when={"a": "x"}), c=Int(1, 3, when={"b": 1}), d=Fixed(1)
            ),
            5,
        ),
        (Space(d=Fixed(1), c=Int(1, 3, when={"d": 1})), 3),
    ],
)
def test_size(space, size):
    """The number of distinct trials, conditions counted."""
    assert space.size == size


def test_every_integer_has_its_share():
    """Uniform quantiles give the ends of a range as often as its middle."""
    draws = [Int(1, 4).draw(u) for u in np.linspace(0.0001, 0.9999, 400)]
    assert {value: draws.count(value) for value in set(draws)} == dict.fromkeys((1, 2, 3, 4), 100)


def test_prior_draws_lie_around_it():
    """A prior's draws have it as their median; weights are kept, and an option of weight 0 never comes."""
    lr = Float(1e-5, 1e-1, log=True, prior=1e-3)
    assert lr.draw(0.5) == pytest.approx(1e-3)
    assert lr.draw(0.0) == pytest.approx(1e-5)
    opt = Choice("a", "b", "c", weights=[3, 1, 0])
    draws = [opt.draw(u) for u in np.linspace(0, 1, 401)]
    assert draws.count("a") == pytest.approx(300, abs=2)
    assert "c" not in draws


def test_truncated_normal():
    """Its density integrates to one, and its quantiles are the inverse of that."""
    belief = TruncatedNormal(0.2, 0.3)
    places = np.linspace(0, 1, 2001)
    density = np.exp([belief.log_density(p) for p in places])
    assert np.trapezoid(density, places) == pytest.approx(1, abs=1e-5)
    below = np.trapezoid(density[places <= belief.quantile(0.3)], places[places <= belief.quantile(0.3)])
    assert below == pytest.approx(0.3, abs=1e-3)


def test_log_prior():
    """A log density relative to no prior; weights count as densities over the options."""
    assert Float(0, 1).log_prior(0.3) == 0
    assert Float(0, 1, prior=0.5).log_prior(0.5) > 0 > Float(0, 1, prior=0.5).log_prior(0.0)
    assert Choice("a", "b").log_prior(0.0) == 0
    assert Choice("a", "b", weights=[3, 1]).log_prior(0.0) == pytest.approx(np.log(1.5))


def test_conditions():
    """A parameter whose condition fails is not in the trial, nor is what depends on it."""
    space = Space(
        opt=Choice("adam", "sgd"),
        nesterov=Choice(False, True, when={"opt": "sgd"}),
        damping=Float(0, 1, when={"nesterov": [True]}),
    )
    assert space.defaults() == {"opt": "adam"}
    assert space.trim({"opt": "sgd", "nesterov": True, "damping": 0.5}) == {
        "opt": "sgd",
        "nesterov": True,
        "damping": 0.5,
    }
    assert "damping" not in space.trim({"opt": "sgd", "nesterov": False, "damping": 0.5})
    assert space.encode({"opt": "adam"}).tolist() == [0, 0, 0.5]


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Space(x=3), "no parameter"),
        (lambda: Space(x=Int(1, 4, when={"y": 1})), "not in the space"),
        (lambda: Space(x=Int(1, 4, when={"y": 1}), y=Int(1, 4, when={"x": 1})), "circle"),
        (lambda: Float("a", 1), "numbers for bounds"),
        (lambda: Int(1, 2.5), "integer"),
        (lambda: Choice("a"), "two or more"),
        (lambda: Choice("a", object()), "journal"),
        (lambda: Fixed(float("nan")), "journal"),
        (lambda: Choice("a", "b", weights=[0, 0]), "weights"),
    ],
)
def test_refused_spaces(build, match):
    """What contradicts itself is refused with a hint."""
    with pytest.raises(SpaceError, match=match) as caught:
        build()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"x": 1, "y": "a", "z": 3, "w": 1}, "no parameter is called w"),
        ({"y": "a", "z": 3}, "no value for x"),
        ({"x": 7, "y": "a", "z": 3}, "x: the value 7 is not in 1..4"),
        ({"x": True, "y": "a", "z": 3}, "x: the value True"),
        ({"x": 1.5, "y": "a", "z": 3}, "no integer"),
        ({"x": 1, "y": "c", "z": 3}, "no option"),
        ({"x": 1, "y": "a", "z": 4}, "not the fixed 3"),
    ],
)
def test_refused_trials(params, match):
    """What is no trial of the space is refused, with the parameter's name."""
    with pytest.raises(SpaceError, match=match):
        Space(x=Int(1, 4), y=Choice("a", "b"), z=Fixed(3)).check(params)


def test_a_space_is_a_mapping():
    """It keeps its order, takes names that Python cannot spell, and shows itself."""
    space = Space({"model.lr": Float(0, 1)}, layers=Int(1, 4))
    assert list(space) == ["model.lr", "layers"]
    assert len(space) == 2
    assert "layers=Int(" in repr(space)


def test_ordered_choices():
    """Numbers in order are ordered; words, flags and unsorted numbers are names."""
    assert not Choice(16, 32, 64).categorical
    assert not Choice(64, 32, 16).categorical
    assert Choice(16, 64, 32).categorical
    assert Choice(True, False).categorical
    assert Choice("a", "b").categorical


def test_a_parent_narrowed_to_one_value():
    """-p opt=adam over a space with sgd's momentum leaves the momentum out, for models too."""
    momentum, two = Float(0, 1, when={"opt": "sgd"}), Choice("adam", "lion")
    for opt, there in ((Fixed("adam"), False), (Fixed("sgd"), True), (two, False)):
        space = Space(opt=opt, lr=Float(0, 1), momentum=momentum)
        assert ("momentum" in space.defaults()) is there
        places = Cube(space).uniform(np.random.default_rng(0), 5)
        assert (np.unique(places[:, -1]).size > 1) is there


def test_nested_conditions_in_the_cube():
    """Places of what a failed condition rules out are its default's, however deep."""
    space = Space(
        leaf=Float(0, 1, when={"middle": 2}), middle=Int(1, 3, when={"top": "b"}), top=Choice("a", "b")
    )
    places = Cube(space).uniform(np.random.default_rng(0), 200)
    for place in places:
        assert space.encode(space.decode(place)) == pytest.approx(place)


def test_a_prior_without_a_default_is_the_baseline():
    """Who believes in a value has it as the baseline, unless they say otherwise."""
    assert Float(0, 1, prior=0.2).baseline == pytest.approx(0.2)
    assert Int(1, 9, prior=7).baseline == 7
    assert Float(0, 1, prior=0.2, default=0.9).baseline == 0.9


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Space({"joint": Float(0, 1)}), "joint cannot be a parameter's name"),
        (lambda: Space.from_toml(["lr"]), "no table"),
    ],
)
def test_what_is_no_space(make, told):
    """A name that means something in a space's table, and a table that is none, are refused."""
    with pytest.raises(SpaceError, match=told):
        make()

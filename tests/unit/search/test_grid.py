"""Grids: their resolution, their order, and the registry of searchers."""

import itertools

import pytest

from awstune.errors import SpaceError, UsageError
from awstune.search.grid import GridSearcher, axes
from awstune.search.points import spread
from awstune.search.random import fresh
from awstune.search.searchers import make
from awstune.search.space import Choice, Float, Int, Space

SPACE = Space(lr=Float(1e-4, 1e-1, log=True), drop=Float(0, 0.5), layers=Int(1, 3), opt=Choice("a", "b"))


@pytest.mark.parametrize(
    ("budget", "sizes"), [(1, [1, 1, 1, 2]), (20, [2, 2, 2, 2]), (60, [3, 3, 3, 2]), (100, [4, 4, 3, 2])]
)
def test_budget_is_spread_over_the_parameters(budget, sizes):
    """A budget buys resolution, one point at a time, and never more than there is."""
    assert [len(axis) for axis in axes(SPACE, budget)] == sizes


def test_own_resolution_is_kept():
    """What names its points, or its step, has them; both ends included."""
    space = Space(a=Float(0, 1, n=3), b=Float(0, 0.3, step=0.1), c=Int(1, 9, n=2), d=Int(1, 3))
    assert axes(space, None) == [[0, 0.5, 1], [0, 0.1, 0.2, 0.3], [1, 9], [1, 2, 3]]


def test_floats_need_a_resolution():
    """Without a budget a float's grid has no end, and the hint says what to write."""
    with pytest.raises(SpaceError) as caught:
        GridSearcher().suggest(SPACE, [], 1)
    assert "lr=0.0001..0.1:log:n=5" in caught.value.hint


@pytest.mark.parametrize("total", [1, 2, 3, 7, 16, 100, 1001])
def test_spread_visits_all_and_any_prefix_is_even(total):
    """Each index once; no gap of a prefix is more than a few times what even spacing has."""
    order = list(spread(total))
    assert sorted(order) == list(range(total))
    half = sorted(order[: total // 2 + 1])
    gaps = [b - a for a, b in itertools.pairwise(half)]
    assert max(gaps, default=1) <= 5


def test_baseline_on_the_grid_is_not_run_twice():
    """The baseline comes first, once, on the grid or beside it."""
    on = GridSearcher().suggest(Space(x=Int(1, 3)), [], 9)
    assert [s.params["x"] for s in on] == [2, 1, 3]
    beside = GridSearcher().suggest(Space(x=Int(1, 9, n=2)), [], 9)
    assert sorted(s.params["x"] for s in beside) == [1, 5, 9]


def test_registry_refuses_with_the_choices():
    """A name that is none, or an option that does not belong, is a usage error."""
    with pytest.raises(UsageError) as caught:
        make("bays", mode="min", seed=0)
    assert "bayes, random, grid" in caught.value.hint
    with pytest.raises(UsageError, match="random search cannot take"):
        make("random", mode="min", seed=0, budget=3)


def test_a_prior_that_never_draws_what_is_left():
    """What a prior rules out is still run when nothing else is left."""
    space = Space(x=Choice("a", "b", weights=[1, 0]))
    assert fresh(space, [0, 1], {space.key({"x": "a"})}) == {"x": "b"}


def test_why_names_the_prior():
    """A draw from a given prior says so."""
    space = Space(x=Float(0, 1, prior=0.3))
    suggestions = make("random", mode="min", seed=0).suggest(space, [], 2)
    assert suggestions[1].why == "random draw from the prior"


def test_a_grid_without_end_in_sight_is_refused():
    """More points than anybody runs are refused before they fill the memory, naming what brings most."""
    with pytest.raises(SpaceError, match="more than 1000000 points, most by n") as caught:
        GridSearcher().suggest(Space(n=Int(1, 9_000_000_000), x=Float(0, 1, n=2)), [], 1)
    assert "n=...:n=5" in caught.value.hint


def test_the_same_trial_again():
    """What runs a target outside of a search is given the defaults, as often as it asks."""
    space = Space(x=Float(0, 1, default=0.25))
    suggested = make("again", mode="min", seed=0).suggest(space, [], 2)
    assert [(s.params, s.why) for s in suggested] == [({"x": 0.25}, "again")] * 2

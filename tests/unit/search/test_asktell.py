"""Ask and tell, as the Python face shows it."""

import math

import pytest

from awstune.errors import NothingSucceeded, SpaceError, UsageError
from awstune.search.asktell import Search
from awstune.search.space import Float, Int, Space


@pytest.mark.parametrize("name", ["bayes", "random", "grid"])
def test_a_loop_of_ones_own(name):
    """Several may be out at once, some fail, and the best is the least."""
    options = {"budget": 12} if name == "grid" else {}
    search = Search(Space(x=Float(-1, 1), n=Int(1, 3)), name, mode="min", seed=0, **options)
    while len(search.trials) < 10:
        out = [search.ask(), search.ask()]
        search.tell(out[1], failed="diverged")
        search.tell(out[0], out[0].params["x"] ** 2)
    best = search.best
    assert best.value == min(t.value for t in search.trials if t.value is not None)
    assert best.params == search.trials[best.number].params
    assert search.trials[1].error == "diverged"
    assert [t.completed for t in search.trials][:2] == [1, 0]


def test_values_that_are_no_numbers_fail():
    """NaN and infinity are failures; a search with nothing else has no best."""
    search = Search({"x": Int(1, 3)}, "random")
    for value in (math.nan, math.inf):
        search.tell(search.ask(), value)
    with pytest.raises(NothingSucceeded, match="none of 2 trials has a value"):
        search.best  # noqa: B018  looking is the test
    assert search.trials[0].error == "the value is nan"


def test_used_up():
    """A space that is used up says so."""
    search = Search({"x": "a,b"}, "grid")
    search.ask()
    search.ask()
    with pytest.raises(SpaceError, match="used up: all its 2 trials"):
        search.ask()


def test_refusals():
    """Told twice, told nothing, never asked for, no such mode: each says what to do."""
    search = Search({"x": Int(1, 9)}, "random", mode="max")
    trial = search.ask()
    with pytest.raises(UsageError, match="no value"):
        search.tell(trial)
    with pytest.raises(UsageError, match="was told 'low', which is no number"):
        search.tell(trial, "low")
    search.tell(trial, 1)
    with pytest.raises(UsageError, match="already"):
        search.tell(trial, 1)
    with pytest.raises(UsageError, match="never asked"):
        search.tell(type(trial)(7, {}), 1)
    with pytest.raises(UsageError, match="no mode"):
        Search({"x": Int(1, 9)}, mode="least")


def test_acquisitions():
    """Every acquisition finds its way, bayes_opt's own among them; another name is refused."""
    from bayes_opt.acquisition import UpperConfidenceBound

    for acquisition in ("ei", "ucb", "thompson", UpperConfidenceBound()):
        search = Search({"x": Float(0, 1)}, "bayes", acquisition=acquisition)
        for _ in range(9):
            trial = search.ask()
            search.tell(trial, (trial.params["x"] - 0.3) ** 2)
        assert search.best.value < 1e-2
    with pytest.raises(UsageError, match="no acquisition"):
        Search({"x": Float(0, 1)}, acquisition="eig")

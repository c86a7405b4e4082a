"""What every searcher promises (house.md, Searcher): each implementation runs this suite."""

import math
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awstune.search.searchers import Late, load, make
from awstune.search.space import Choice, Fixed, Float, Int, Space
from awstune.search.trials import Status, TrialRecord
from tests.unit.search.spaces import spaces

SEARCHERS = {"random": {}, "bayes": {}, "grid": {"budget": 60}}
MIXED = Space(
    lr=Float(1e-5, 1e-1, log=True, prior=1e-3),
    width=Int(8, 512, log=True),
    layers=Int(1, 4),
    opt=Choice("sgd", "adam"),
    momentum=Float(0, 0.99, when={"opt": "sgd"}),
    epochs=Fixed(3),
)
SPACES = {
    "mixed": MIXED,
    "one": Space(x=Float(0, 1)),
    "names": Space(a=Choice("x", "y", "z"), b=Choice("p", "q"), c=Choice(True, False)),
    "twelve": Space({f"x{i}": Float(-1, 1) for i in range(12)}),
    "ordered": Space(batch=Choice(16, 32, 64), depth=Int(1, 9)),
}
SCORES = {
    "smooth": lambda space, params: float(((space.encode(params) - 0.3) ** 2).sum()),
    "flat": lambda _space, _params: 1.0,
    "huge": lambda space, params: float(10.0 ** (300 * space.encode(params)[0])),
    "failing": lambda space, params: None if space.encode(params)[0] < 0.5 else 1.0,
    "hopeless": lambda _space, _params: None,
}


@pytest.fixture(params=SEARCHERS)
def fresh_searcher(request):
    """Builds a new searcher of one kind, for a seed and a mode."""
    return lambda seed=0, mode="min": make(request.param, mode=mode, seed=seed, **SEARCHERS[request.param])


@pytest.fixture(params=SPACES)
def space(request):
    """One of the spaces."""
    return SPACES[request.param]


def ended(number, params, value, rank=None):
    """A trial that has ended, without a value where it failed."""
    status = Status.FAILED if value is None else Status.SUCCEEDED
    completed = number if rank is None else rank
    return TrialRecord(number, params, status, value=value, completed=completed)


def run(searcher, space, score, count, slots=1):
    """Run trials, that many at once, the oldest ending first."""
    trials, running = [], []
    while len(trials) + len(running) < count:
        free = min(slots, count - len(trials)) - len(running)
        suggested = searcher.suggest(space, [*trials, *running], free)
        number = len(trials) + len(running)
        running += [TrialRecord(number + i, s.params, why=s.why) for i, s in enumerate(suggested)]
        if not running:
            return trials
        first = running.pop(0)
        trials.append(ended(first.number, first.params, score(space, first.params), len(trials)))
    return [*trials, *running]


def test_starts_with_the_baseline(fresh_searcher, space):
    """Trial 0 is the baseline, and says so."""
    first = fresh_searcher().suggest(space, [], 1)[0]
    assert (first.params, first.why) == (space.defaults(), "baseline")


@pytest.mark.parametrize("score", SCORES)
def test_stays_in_the_space(fresh_searcher, space, score):
    """Every suggestion is a trial of the space with a reason, whatever the values are: failed, flat, huge."""
    for trial in run(fresh_searcher(), space, SCORES[score], 16):
        space.check(trial.params)
        assert set(trial.params) == set(space.trim(trial.params))


def test_same_seed_same_history_same_answer(fresh_searcher, space):
    """A cold searcher, given the history alone, says what the one that was there all along says."""
    warm = fresh_searcher(seed=7)
    trials = run(warm, space, SCORES["smooth"], 14)
    for n in (1, 5, 11, len(trials)):
        cold = fresh_searcher(seed=7)
        assert cold.suggest(space, trials[:n], 2) == warm.suggest(space, trials[:n], 2)


def test_order_of_completion_not_of_listing(fresh_searcher):
    """The order of the list does not matter, only numbers and the order of completion."""
    trials = run(fresh_searcher(), MIXED, SCORES["smooth"], 14, slots=3)
    backwards = fresh_searcher().suggest(MIXED, trials[::-1], 2)
    assert backwards == fresh_searcher().suggest(MIXED, trials, 2)


def test_running_trials_are_not_repeated(fresh_searcher, space):
    """Eight free slots get eight different trials, or as many as there are."""
    trials = run(fresh_searcher(), space, SCORES["smooth"], 8)
    suggested = fresh_searcher().suggest(space, trials, 8)
    keys = [space.key(s.params) for s in suggested] + [space.key(t.params) for t in trials]
    assert len(set(keys)) == len(keys)
    assert len(suggested) == 8 or space.size is not None


def test_ask_one_by_one_or_at_once(fresh_searcher):
    """Suggestions at once are those that one would get one after the other, each then running."""
    trials = run(fresh_searcher(), MIXED, SCORES["smooth"], 11)
    at_once = fresh_searcher().suggest(MIXED, trials, 3)
    one_by_one = []
    for suggestion in at_once:
        one_by_one += fresh_searcher().suggest(MIXED, trials, 1)
        trials.append(TrialRecord(len(trials), suggestion.params))
    assert one_by_one == at_once


@pytest.mark.parametrize("name", ["names", "ordered"])
def test_a_space_is_used_up_once(fresh_searcher, name):
    """A discrete space is run whole, each trial once, and then nothing is suggested."""
    space = SPACES[name]
    trials = run(fresh_searcher(), space, SCORES["smooth"], 99)
    assert len({space.key(trial.params) for trial in trials}) == len(trials) == space.size
    assert fresh_searcher().suggest(space, trials, 1) == []


def test_nothing_to_search(fresh_searcher):
    """A space of fixed parameters has one trial: the baseline."""
    space = Space(epochs=Fixed(20))
    first = fresh_searcher().suggest(space, [], 4)
    assert [s.params for s in first] == [{"epochs": 20}]
    assert fresh_searcher().suggest(space, [ended(0, {"epochs": 20}, 1.0)], 4) == []


def test_asked_for_nothing(fresh_searcher, space):
    """No free slot, no suggestion."""
    assert fresh_searcher().suggest(space, [], 0) == []


def test_infinite_values_and_repeats_survive(fresh_searcher):
    """Not even a record that should not be there stops a search: infinite, NaN, the same trial twice."""
    trials = run(fresh_searcher(), MIXED, SCORES["smooth"], 10)
    for value in (math.inf, -math.inf, math.nan, 0.5):
        trials.append(ended(len(trials), trials[0].params, value))
    MIXED.check(fresh_searcher().suggest(MIXED, trials, 1)[0].params)


def test_trials_of_another_space_do_no_harm(fresh_searcher):
    """Who resumes with other ranges and options keeps the old trials, and the search goes on."""
    trials = run(fresh_searcher(), MIXED, SCORES["smooth"], 12, slots=3)
    changed = MIXED.override({"opt": Choice("adam", "lion"), "layers": Int(3, 6), "new": Float(0, 1)})
    for suggestion in fresh_searcher().suggest(changed, trials, 3):
        changed.check(suggestion.params)


@settings(deadline=None, max_examples=15)
@given(spaces(), st.integers(0, 2**40))
def test_any_space(space, seed):
    """In whatever space: in bounds, no repeat where discrete, deterministic."""
    for name, options in SEARCHERS.items():
        trials = run(make(name, mode="max", seed=seed, **options), space, SCORES["flat"], 9, slots=2)
        for trial in trials:
            space.check(trial.params)
        again = make(name, mode="max", seed=seed, **options).suggest(space, trials[:1], 1)
        assert again == make(name, mode="max", seed=seed, **options).suggest(space, trials[:1], 1)
        if space.size is not None:
            assert len({space.key(trial.params) for trial in trials}) == len(trials)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_bayes_finds_more_than_random(mode):
    """The model earns its keep, whichever way is better."""
    sign = 1 if mode == "min" else -1

    def score(space, params):
        return sign * SCORES["smooth"](space, params)

    found = {}
    for name in ("bayes", "random"):
        trials = run(make(name, mode=mode, seed=1), SPACES["mixed"], score, 30)
        found[name] = min(sign * trial.value for trial in trials) - 0.09  # about the optimum
    assert found["bayes"] < 0.2 * found["random"]


FIRST = """
import sys
from awstune.search.searchers import Late, load, make
from awstune.search.space import Float, Space

searcher = make(sys.argv[1], mode="min", seed=0)
print([one.why for one in searcher.suggest(Space(x=Float(0, 1)), [], 1)], "scipy.stats" in sys.modules)
"""


@pytest.mark.parametrize("name", ["random", "bayes"])
def test_the_first_trial_waits_for_nothing(name):
    """The baseline is the first trial whoever searches: nothing that takes a second is imported for it."""
    said = subprocess.run([sys.executable, "-c", FIRST, name], capture_output=True, text=True, check=True)
    assert said.stdout == "['baseline'] False\n"


def test_what_is_loaded_while_the_first_trial_runs_fails_where_it_is_needed():
    """What goes wrong meanwhile is raised by the second suggestion, as if nothing had been loaded ahead."""
    asked = []

    def build():
        asked.append(threading.current_thread().name)
        raise ImportError("no scipy here")

    late = Late(build)
    space = SPACES["one"]
    (first,) = late.suggest(space, [], 1)
    load(late)
    with pytest.raises(ImportError, match="no scipy here"):
        late.suggest(space, [TrialRecord(0, first.params)], 1)
    assert asked == ["searcher", threading.main_thread().name]

"""What a sweep tells beside its best trial, on a function whose answers are known."""

from __future__ import annotations

import json

import numpy as np

from awstune.search.findings import Findings, findings
from awstune.search.seen import Seen
from awstune.search.space import Correlated, Float, Int, Space
from awstune.search.trials import Status, TrialRecord

SPACE = Space(x=Float(0.5, 1.5), y=Float(-1, 1), n=Int(2, 9))


def trials_of(count, seed=0):
    """Random trials of a function that x decides and n does not enter; its best lies at x = 0.5."""
    rng = np.random.default_rng(seed)
    drawn = [SPACE.sample(rng) for _ in range(count)]
    values = [5 * p["x"] ** 2 + 0.1 * (p["y"] - 0.3) ** 2 for p in drawn]
    return [
        TrialRecord(i, p, Status.SUCCEEDED, value=v, completed=i)
        for i, (p, v) in enumerate(zip(drawn, values, strict=True))
    ]


def test_what_mattered_the_guess_and_the_edge():
    """What decides is named, the guess is near the truth at its lower end, and a wider range is advised."""
    trials = [
        *trials_of(25),
        TrialRecord(25, {"x": 0.505, "y": 0.8, "n": 4}, Status.SUCCEEDED, 1.3, completed=25),
    ]
    found = findings(SPACE, trials, mode="min")
    assert found.importance[0].names == ("x",)
    assert found.importance[0].share > 0.8
    assert {len(one.names) for one in found.importance} == {1, 2}
    assert [(one.name, one.ordered) for one in found.likely] == [("x", True)]
    assert found.likely[0].values[0] == 0.5
    assert found.likely[0].values[1] < 0.8
    assert [one.names for one in found.posterior][:3] == [("x",), ("y",), ("n",)]
    assert len(found.posterior[3].names) == 2
    assert found.guess is not None
    truth = 5 * found.guess.params["x"] ** 2 + 0.1 * (found.guess.params["y"] - 0.3) ** 2
    assert abs(found.guess.mean - truth) < 0.1
    assert truth < 1.4
    assert [one.name for one in found.advice] == ["x"]
    assert json.loads(json.dumps(found.to_json()))["importance"][0]["params"] == ["x"]


def test_no_model_on_request():
    """Without a model there is the advice alone."""
    bare = findings(SPACE, trials_of(12), mode="max", model=False)
    assert (bare.importance, bare.likely, bare.posterior, bare.guess) == ([], [], [], None)


def test_too_little_to_tell():
    """Before ten values nothing is told, however good they are."""
    assert findings(SPACE, trials_of(9), mode="min") == Findings()


def test_seen_tells_what_the_space_does():
    """The cache says what the space says, also after the space or a trial's values have changed."""
    seen, trials = Seen(), trials_of(3)
    assert seen.keys(SPACE, trials) == {SPACE.key(t.params) for t in trials}
    narrow = SPACE.override({"x": Float(1.49, 1.5)})
    assert seen.held(SPACE, trials) == trials
    assert seen.held(narrow, trials) == []
    moved = [TrialRecord(0, {"x": 1.0, "y": 0.0, "n": 2})]
    assert (seen.places(SPACE, moved) == [SPACE.encode(moved[0].params)]).all()


def test_spaces_differ_by_what_joins_their_parameters():
    """Spaces with the same parameters and another joint prior or constraint are not the same."""
    assert Space(x=Float(0, 1), y=Float(0, 1)) == Space(x=Float(0, 1), y=Float(0, 1))
    joint = Space(x=Float(0, 1), y=Float(0, 1), joint=[Correlated("x", "y", rho=0.5)])
    bound = Space(x=Float(0, 1), y=Float(0, 1), constraints=["x <= y"])
    assert joint != Space(x=Float(0, 1), y=Float(0, 1))
    assert bound != Space(x=Float(0, 1), y=Float(0, 1))
    assert bound == Space(x=Float(0, 1), y=Float(0, 1), constraints=["x <= y"])
    assert Space(x=Float(0, 1)) == {"x": Float(0, 1)}

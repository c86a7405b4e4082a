"""What a plan says of a sweep that nobody watches."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from awstune.cli import planning
from awstune.ec2.plan import make_plan
from awstune.ec2.wanted import Wanted
from awstune.search.space import Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.unit.ec2.plans import NOTHING

WORDS = "stochastic,momentum,nesterov,adagrad,rmsprop"


def _told(**wishes):
    wanted = Wanted("lab", type="g4dn.xlarge", **wishes)
    return " ".join(planning.afterwards(make_plan(wanted, replace(NOTHING, type=wanted.type))).split())


def test_a_disk_that_stays_loses_nothing():
    """With its sweep an instance ends; unattended, one on demand stops, with all that is on it."""
    ends = "when the sweep has ended and all of it is here, the instance is terminated"
    assert ends in _told()
    assert ends in _told(market="spot")
    assert "it stops itself; awstune attach fetches all and terminates it" in _told()
    assert "lost" not in _told()


@pytest.mark.parametrize(
    ("wishes", "taken"), [({"market": "spot"}, True), ({"at_end": "terminate"}, False)], ids=["spot", "typed"]
)
def test_what_a_disk_takes_along(wishes, taken):
    """When it goes, also after the sweep is over, what is lost then, and the two ways to keep it."""
    told = _told(idle_s=1200.0, **wishes)
    assert ("AWS may take it back with two minutes' notice" in told) == taken
    assert "20 min after the sweep has ended at the latest, it is terminated, disk and all" in told
    assert "(journal, checkpoints, artifacts) is lost" in told
    assert "awstune attach fetches it" in told
    assert "--results-bucket" in told


def test_a_bucket_keeps_what_was_written():
    """What the instance has written to a bucket outlives it."""
    assert "the bucket has what was written until then" in _told(market="spot", results_bucket="mine")


@pytest.mark.parametrize(
    ("one", "told"),
    [
        ({"market": "spot"}, "(journal, checkpoints, artifacts) is lost"),
        ({"market": "spot", "bucket": "mine"}, "what was written in its last half minute is lost"),
        ({"at_end": "terminate"}, "At its end it is terminated, disk and all"),
        ({}, ""),
    ],
    ids=["spot", "with a bucket", "typed", "keeps its disk"],
)
def test_what_an_instance_that_is_there_takes_along(one, told):
    """A sweep on one that is terminated at its end is told so as well; one that stops keeps its disk."""
    there = SimpleNamespace(**{"market": "on-demand", "at_end": "", "bucket": "", **one})
    assert told in planning.unattended(there)
    assert bool(planning.unattended(there)) == bool(told)


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ({"lr": "1e-5..0.1:log:default=0.001"}, "1e-5..0.1:log:default=0.001"),
        ({"opt": f"{WORDS}:default=adagrad", "learning_rate": "1..4"}, f"{WORDS}  choice"),
        ({"opt": f"{WORDS},adamw,adam,lion,lbfgs"}, f"{WORDS},adamw,adam,lion,lbfgs\n\n"),
        ({f"coefficient_{n}": "1..4:default=2" for n in range(9)}, "1..4:default=2"),
    ],
    ids=["as it is", "without defaults", "in two tables", "many"],
)
def test_a_plan_fits_a_terminal(space, told):
    """A wide space loses what its baseline says anyway, then goes on in a table below; no row is broken."""
    spec = Spec(Target("function", file="train.py", function="train"), Space.from_toml(space))
    ahead = SimpleNamespace(
        spec=spec,
        suggestions=[SimpleNamespace(params=spec.space.defaults(), why="baseline")],
        travels=None,
        data=None,
        launch=None,
    )
    text = planning.forecast(ahead, room=80)
    assert told in text
    assert max(map(len, text.splitlines())) <= 80
    wide = planning.forecast(ahead)
    assert all(parameter in wide for parameter in space.values())

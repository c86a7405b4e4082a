"""sweep.toml: what is written is what is read."""

from __future__ import annotations

import pytest

from awstune.errors import SweepError, UsageError
from awstune.search.space import Choice, Fixed, Float, Int, Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

SPACE = Space(
    {
        "lr": Float(1e-5, 1e-1, log=True, default=1e-3, prior=1e-2),
        "model.width": Int(16, 256),
        "opt": Choice("sgd", "adam"),
        "epochs": Fixed(20),
    }
)


@pytest.mark.parametrize(
    "target",
    [
        Target("function", file="a/train.py", function="fit"),
        Target("function", module="pkg.mod", function="fit"),
        Target("pickle", file="sweeps/x/function.pkl", function="<lambda>"),
        Target("command", command=("python", "t.py", "--lr", "{lr}")),
    ],
)
def test_a_spec_survives_its_file(tmp_path, target):
    """All of a spec comes back from its file, options of other rooms included."""
    spec = Spec(target, SPACE, "loss", "min", "random", 7, 2, 3, "best", options={"keep": "all"}, created=5.5)
    spec.write(tmp_path / "sweep.toml")
    read = Spec.read(tmp_path / "sweep.toml")
    assert read == spec
    assert dict(read.space) == dict(SPACE)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.toml"]


def test_what_is_none_is_left_out(tmp_path):
    """A grid without --trials and a metric yet unknown stay unknown."""
    spec = Spec(Target("function", file="t.py", function="train"), SPACE, trials=None)
    spec.write(tmp_path / "sweep.toml")
    assert Spec.read(tmp_path / "sweep.toml") == spec
    assert "metric" not in (tmp_path / "sweep.toml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 2", "a newer awstune"),
        ("x = ", "no TOML"),
        ("x = 1", "no target"),
        ('target = "t.py:train"', "no space"),
    ],
)
def test_what_is_no_spec_is_refused(tmp_path, text, message):
    """A file that is no spec is status 2, saying why."""
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        Spec.read(tmp_path / "s.toml")


def test_a_spec_that_is_not_there(tmp_path):
    """A missing file is status 2."""
    with pytest.raises(UsageError, match="cannot read"):
        Spec.read(tmp_path / "s.toml")


def test_a_place_that_takes_no_spec(tmp_path):
    """What cannot be written is said, with what to see to."""
    with pytest.raises(SweepError, match="cannot write") as caught:
        Spec(Target("function", file="t.py", function="t"), SPACE).write(tmp_path / "gone" / "sweep.toml")
    assert str(tmp_path / "gone") in caught.value.hint

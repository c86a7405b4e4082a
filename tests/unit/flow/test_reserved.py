"""The name of a sweep whose instance is yet to be launched."""

from __future__ import annotations

import pytest

from awstune.config import Config
from awstune.errors import NameTaken
from awstune.flow import ship
from awstune.search.space import Float, Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target


def test_two_that_launch_at_once_have_two_names(tmp_path):
    """From the plan on a name is one sweep's; a typed one that another process has is refused."""
    config = Config("local", None, None, tmp_path / "home", tmp_path)
    spec = Spec(Target("function", file="train.py", function="train"), Space(x=Float(0, 1)))
    with ship.reserved(config, spec, None) as first, ship.reserved(config, spec, None) as second:
        assert (first, second) == ("train-1", "train-2")
        with pytest.raises(NameTaken, match="about to begin train-2"):
            ship.reserved(config, spec, "train-2").__enter__()
    with ship.reserved(config, spec, None) as again:
        assert again == "train-1"

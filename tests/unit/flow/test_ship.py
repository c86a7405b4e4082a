"""What a sweep's folder is told of the instance that it goes to."""

from __future__ import annotations

from dataclasses import replace

from awstune.config import Config
from awstune.ec2 import instances
from awstune.flow import ship
from awstune.remote.project import Project
from awstune.search.space import Float, Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target
from tests.unit.ec2.conftest import boto_session, cloud, keys_dir, shared_cloud
from tests.unit.ec2.launches import launched

__all__ = ["boto_session", "cloud", "keys_dir", "shared_cloud"]


def test_the_price_is_the_instances_own(cloud, keys_dir, tmp_path):
    """A dearer region's price, or spot's, as its tag has it: a dollar cap is reckoned by that one."""
    launched(cloud, keys_dir)
    dear = replace(instances.find(cloud, "lab"), rate=0.6173)
    config = Config("aws", None, None, tmp_path, tmp_path)
    spec = Spec(Target("function", "train.py", "train"), Space(x=Float(0, 1)))
    place = ship.place_of(config, cloud, dear, spec, Project(tmp_path, (), 0), "train-1", owned=False)
    assert place.usd_per_hour == 0.6173

"""The mocked account of the EC2 tests, for faults at AWS's side."""

import pytest

from tests.faults.strikes import Strike
from tests.unit.ec2.conftest import boto_session, cloud, keys_dir, shared_cloud

__all__ = ["boto_session", "cloud", "keys_dir", "shared_cloud", "strike"]


@pytest.fixture
def strike(cloud):
    """A `Strike` at the cloud, undone afterwards."""
    made = Strike(cloud)
    yield made
    for one in made.undo:
        one()

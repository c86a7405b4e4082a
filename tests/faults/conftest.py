"""The mocked account of the EC2 tests, for faults at AWS's side."""

from tests.unit.ec2.conftest import boto_session, cloud, keys_dir, shared_cloud

__all__ = ["boto_session", "cloud", "keys_dir", "shared_cloud"]

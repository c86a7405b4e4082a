"""The instances of a world, seen to and looked at without a process of their own for it."""

from __future__ import annotations

from contextlib import contextmanager

from awstune.ec2 import instances
from awstune.ec2.session import Endpoint, open_cloud
from awstune.localcloud import client, lifecycle
from tests.world import World


class Lab:
    """The embedded cloud behind a world, looked at without a process for it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.local = lifecycle.find(world.home)
        endpoint = Endpoint(self.local.endpoint_url, self.local.access_key, self.local.secret_key)
        self.cloud = open_cloud(region="us-east-1", profile=None, endpoint=endpoint)

    def states(self) -> dict[str, str]:
        """The state of every live instance by its name."""
        return {one.name: one.state for one in instances.own(self.cloud)}

    def beside(self) -> list[str]:
        """The key pairs and security groups that launches have made."""
        groups = self.cloud.ec2.describe_security_groups()["SecurityGroups"]
        pairs = self.cloud.ec2.describe_key_pairs()["KeyPairs"]
        named = [*(group["GroupName"] for group in groups), *(pair["KeyName"] for pair in pairs)]
        return [name for name in named if name != "default"]

    def has(self, **states: str) -> None:
        """Sees to it that there are these instances, and nothing else."""
        if self.states() == states and (states or not self.beside()):
            return
        if self.states():
            self.world.run("terminate", "--all", "--discard")
        for name in {beside.removeprefix("awstune-") for beside in self.beside()}:
            self.world.run("terminate", name)
        for name, state in states.items():
            self.world.run("launch", name)
            if state == "stopped":
                self.world.run("stop", name)

    @contextmanager
    def slowed(self, rule):
        """Holds a step; yields whether it has been reached."""
        if rule is not None:
            client.call(self.local, "POST", "/awstune/rules", rule)
        try:
            yield lambda: any(one["struck"] for one in client.call(self.local, "GET", "/awstune/rules"))
        finally:
            client.call(self.local, "DELETE", "/awstune/rules")

    def as_aws(self) -> dict[str, str]:
        """The environment in which this cloud is taken for AWS: there questions are asked."""
        return {
            "AWSTUNE_CLOUD": "aws",
            "AWS_ENDPOINT_URL": self.local.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.local.access_key,
            "AWS_SECRET_ACCESS_KEY": self.local.secret_key,
        }

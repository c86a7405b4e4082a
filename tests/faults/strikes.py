"""Faults at AWS's side of a call: before it acts, after it has acted, or the end of the caller."""

from __future__ import annotations

from botocore.awsrequest import AWSResponse


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing that catches errors sees it."""


class Strike:
    """Raises around EC2 calls, and answers a repeated client token as AWS does (moto does not)."""

    def __init__(self, cloud):
        self.clients = (cloud.ec2, cloud.launcher)
        self.undo = []
        self.answers = {}
        self._register(cloud.launcher, "before-call.ec2.RunInstances", self._remember)
        self._register(cloud.launcher, "after-call.ec2.RunInstances", self._keep, first=True)

    def __call__(self, call, *, before=None, after=None, times=1):
        """Raises ``before`` or ``after`` the next ``times`` calls; what is returned makes it relent."""
        left = [times]

        def raising(**_):
            if left[0]:
                left[0] -= 1
                raise before or after

        for client in self.clients:
            event = f"{'before' if before else 'after'}-call.ec2.{call}"
            self._register(client, event, raising, first=bool(before))
        return lambda: left.__setitem__(0, 0)

    def _remember(self, params, context, **_):
        context["token"] = params["body"]["ClientToken"]
        if context["token"] in self.answers:
            return AWSResponse("", 200, {}, None), self.answers[context["token"]]
        return None

    def _keep(self, parsed, context, **_):
        self.answers[context["token"]] = parsed

    def _register(self, client, event, handler, *, first=False):
        events = client.meta.events
        (events.register_first if first else events.register)(event, handler)
        self.undo.append(lambda: events.unregister(event, handler))

"""Faults at AWS's side of a call: before it acts, after it has acted, or the end of the caller.

AWS's errors and lost answers come from the embedded cloud's own fault layer, over HTTP: what is tested
is what a user's command would meet.
"""

from __future__ import annotations

from awstune.ec2.session import Cloud
from awstune.localcloud import client

# As AWS sends them; the others are 400.
_STATUS = {
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
}


class Impatient(Cloud):
    """A cloud whose clients ask once: what is tested is what awstune does with an error, not botocore."""

    def client(self, service, *, region=None, attempts=1):
        """A client without retries."""
        del attempts
        return super().client(service, region=region, attempts=1)


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing that catches errors sees it."""


class Strike:
    """Puts rules in force, all of which are undone by `relent`.

    Args:
        cloud: whose calls are struck.
        local: the embedded cloud behind it.
    """

    def __init__(self, cloud, local):
        self.cloud, self.local = cloud, local
        self.undo = []

    def error(self, call, code, *, times=1, service="ec2", skip=0, acted=False):
        """The next calls, after so many that pass, are answered with AWS's error, once it has ``acted``."""
        answer = {"error": code, "message": "No.", "status": _STATUS.get(code, 400), "after_commit": acted}
        self._rule(action=call, times=times, service=service, skip=skip, **answer)

    def lose(self, call, when, *, service="ec2", skip=0):
        """The connection breaks ``before`` AWS acts, or ``after``, at the call after so many that pass."""
        how = {"after_commit": True} if when == "after" else {"reset": True}
        self._rule(action=call, times=1, service=service, skip=skip, **how)

    def kill(self, call, when, *, service="ec2"):
        """The caller ends just ``before`` a call, or just ``after``."""
        clients = (self.cloud.ec2, self.cloud.launcher) if service == "ec2" else (self.cloud.client(service),)
        left = [1]

        def end(**_):
            if left:
                left.pop()
                raise Killed

        for one in {id(one): one for one in clients}.values():
            event = f"{when}-call.{service}.{call}"
            one.meta.events.register_first(event, end)
            self.undo.append(lambda one=one, event=event: one.meta.events.unregister(event, end))

    def relent(self):
        """AWS is well again."""
        client.call(self.local, "DELETE", "/awstune/rules")
        while self.undo:
            self.undo.pop()()

    def _rule(self, **rule):
        client.call(self.local, "POST", "/awstune/rules", {"service": "ec2", **rule})

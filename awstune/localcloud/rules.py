"""Rules of what goes wrong: which call or which step of an instance's life, how often, and how.

A rule matches a *step*: a service and an action with its region and parameters. The steps of AWS
calls bear AWS's names (``ec2``, ``RunInstances``). An instance's own life has the service
``instance`` with the actions ``boot`` (it would run now: a delay makes it wait, an error is the reason
that it ends with instead), ``ready`` (its checks would pass now: a delay makes them wait), ``checks``
(somebody looks at one of its checks: it is impaired), ``ssh`` (its SSH server would accept: it refuses)
and ``runcmd`` (cloud-init would run its last commands: it does not).
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
BOOT = "boot"
READY = "ready"
CHECKS = "checks"
SSH = "ssh"
RUNCMD = "runcmd"

# The ways to fail that have a name of their own.
SWITCHES = {"impaired-checks": CHECKS, "die-during-wait": BOOT, "refuse-ssh": SSH, "no-runcmd": RUNCMD}


@dataclass(frozen=True)
class Rule:
    """One rule. Every pattern is a shell's, and an empty one matches anything.

    Attributes:
        service: the endpoint's signing name (``ec2``, ``sts``, ``servicequotas``), or ``instance``.
        action: ``RunInstances`` and so on.
        region: as it was signed for.
        params: patterns for parameters by name, as the query protocol flattens them
            (``Placement.AvailabilityZone``, ``InstanceId.1``).
        skip: how many matching steps pass before it begins.
        times: how many it then strikes; None is all of them.
        error: AWS's error code to answer with, if any.
        message: what the error says.
        status: the HTTP status of the error.
        delay_s: how long to wait before the answer, in seconds; nothing waits longer than the rule is in
            force.
        reset: cut the connection instead of answering.
        after_commit: let the call act first; only its answer is lost or replaced.
        id: given when it is added.
    """

    service: str = ""
    action: str = ""
    region: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0
    times: int | None = None
    error: str = ""
    message: str = ""
    status: int = 400
    delay_s: float = 0.0
    reset: bool = False
    after_commit: bool = False
    id: str = ""

    def matches(self, service: str, action: str, region: str, params: Mapping[str, str]) -> bool:
        """Whether it is about such a step."""
        pairs = [(self.service, service), (self.action, action), (self.region, region)]
        pairs += [(pattern, params.get(name, "")) for name, pattern in self.params.items()]
        return all(not pattern or fnmatchcase(value, pattern) for pattern, value in pairs)


class Rules:
    """The rules in force, in the order in which they were added. Safe to use from many threads."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self._struck: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._fewer = threading.Condition(self._lock)

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force; it gets an id, or replaces the one that has its id."""
        with self._lock:
            named = rule if rule.id else replace(rule, id=f"rule-{next(self._ids)}")
            self._rules[named.id] = named
            return named

    def remove(self, rule_id: str) -> None:
        """Take a rule out of force; one that is not there is no error."""
        with self._lock:
            self._rules.pop(rule_id, None)
            self._fewer.notify_all()

    def clear(self) -> None:
        """Take all rules out of force."""
        with self._lock:
            self._rules.clear()
            self._fewer.notify_all()

    def hold(self, rule: Rule) -> None:
        """Wait as long as a rule says that has struck, or until it is out of force."""
        with self._fewer:
            self._fewer.wait_for(lambda: rule.id not in self._rules, rule.delay_s)

    def shown(self) -> list[dict[str, Any]]:
        """All rules as JSON, with how often each has struck."""
        with self._lock:
            return [asdict(rule) | {"struck": self._struck.get(rule.id, 0)} for rule in self._rules.values()]

    def any_of(self, service: str) -> bool:
        """Whether any rule could strike a step of that service."""
        with self._lock:
            return any(
                not rule.service or fnmatchcase(service, rule.service) for rule in self._rules.values()
            )

    def take(self, service: str, action: str, region: str, params: Mapping[str, str]) -> Rule | None:
        """The first rule that strikes this step; None lets it pass.

        It counts as struck, unless it lets the call act first: then `acted` counts it.
        """
        with self._lock:
            for rule in list(self._rules.values()):
                if rule.matches(service, action, region, params) and self._strikes(rule):
                    return rule
        return None

    def _strikes(self, rule: Rule) -> bool:
        if rule.skip > 0:
            self._rules[rule.id] = replace(rule, skip=rule.skip - 1)
            return False
        if rule.times is not None:
            if rule.times <= 0:
                return False
            self._rules[rule.id] = replace(rule, times=rule.times - 1)
        if not rule.after_commit:
            self._count(rule)
        return True

    def acted(self, rule: Rule) -> None:
        """The call that a rule let act first has acted: whoever sees the rule struck finds what that did."""
        with self._lock:
            self._count(rule)

    def _count(self, rule: Rule) -> None:
        self._struck[rule.id] = self._struck.get(rule.id, 0) + 1

    def switch(self, name: str, on: bool) -> None:
        """Turn one of `SWITCHES` on or off.

        Raises:
            KeyError: no switch of that name.
        """
        action = SWITCHES[name]
        if on:
            self.add(Rule(service=INSTANCE, action=action, error="Server.InternalError", id=name))
        else:
            self.remove(name)


def from_json(document: Mapping[str, Any]) -> Rule:
    """A rule from its JSON form.

    Raises:
        TypeError: a key that no rule has.
    """
    return Rule(**document)

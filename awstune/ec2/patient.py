"""What `awstune doctor` looks at, and what it finds: values that every check of it shares."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from awstune.ec2 import network
from awstune.ec2.session import Cloud
from awstune.ec2.wanted import Wanted

SKEW_S = 120.0


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        check: what was looked at.
        ok: whether it stands in no launch's way.
        found: what was found.
        steps: what mends it, one after the other; empty where nothing needs to be.
    """

    check: str
    ok: bool
    found: str
    steps: tuple[str, ...] = ()

    @property
    def fix(self) -> str:
        """What mends it, in one sentence."""
        return "; then ".join(self.steps)

    def to_json(self) -> dict[str, Any]:
        """The object of ``doctor --json``."""
        return {**asdict(self), "fix": self.fix}


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        cloud: whose account, and which region.
        keys_dir: where private keys lie, once it is known whose account this is.
        wanted: the launch that shall become possible.
        fetch: how the caller's address is asked for.
        seen_from: asks the jump host for the address that it reaches its network from; None where there is
            none to go by way of.
        now: the clock, in seconds since the epoch.
    """

    cloud: Cloud
    keys_dir: Callable[[], Path]
    wanted: Wanted = field(default_factory=Wanted)
    fetch: network.Fetch = network.fetch
    seen_from: Callable[[], str] | None = None
    now: Callable[[], float] = time.time


def fine(name: str, found: str) -> Check:
    """A check that is passed."""
    return Check(name, ok=True, found=found)


def mend(name: str, found: str, *steps: str) -> Check:
    """A check that is not, with what mends it in order."""
    return Check(name, ok=False, found=found, steps=tuple(filter(None, steps)))

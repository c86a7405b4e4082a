"""What happens at AWS while one watches: values that the command line renders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.steps import Step


@dataclass(frozen=True)
class Applied:
    """A step of the plan is done.

    Attributes:
        step: which.
        id: of what it made: ``key-...``, ``sg-...``, ``i-...``; empty where it made nothing.
    """

    step: Step
    id: str = ""


@dataclass(frozen=True)
class Launched:
    """AWS has accepted an instance: it costs money from here on."""

    step: Step
    instance: Instance


@dataclass(frozen=True)
class Retried:
    """A call is made again: AWS asked for patience, or no answer came back.

    Attributes:
        name: of the instance it is about.
        error: AWS's own words.
        wait_s: how long the pause is.
    """

    name: str
    error: str
    wait_s: float


@dataclass(frozen=True)
class NoRoom:
    """A zone has none of that type at the moment; the next one is asked.

    Attributes:
        name: of the instance it is about.
        type: the type that was asked for.
        zone: the zone that was asked; empty where AWS could choose.
        error: AWS's own words.
    """

    name: str
    type: str
    zone: str
    error: str


@dataclass(frozen=True)
class NoBackstop:
    """The account has a backstop, and AWS would not arm it: the instance's own guard is its only end."""

    name: str
    error: str


@dataclass(frozen=True)
class Waiting:
    """Where an instance stands on its way to being ready.

    Attributes:
        id: ``i-...``.
        state: AWS's word.
        checks: those passed of those that apply, such as ``1/2``; ``-`` before there are any.
        ready: whether it runs and all that apply are passed.
    """

    id: str
    state: str
    checks: str
    ready: bool = False


@dataclass(frozen=True)
class Changed:
    """An instance is in another state than before."""

    id: str
    name: str
    state: str


@dataclass(frozen=True)
class Removed:
    """Something is gone: ``kind`` is ``key-pair``, ``security-group``, ``key-file`` or ``schedule``."""

    kind: str
    id: str

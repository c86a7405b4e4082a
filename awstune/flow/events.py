"""What a story tells while it runs. Its result is the generator's return value.

A story yields; whoever runs it decides what is shown. Events of a sweep's journal are passed on as they
are (dictionaries), everything else is one of these.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True)
class _Said:
    """What is told in words."""

    text: str


@dataclass(frozen=True)
class Doing(_Said):
    """What is going on at this moment; the next event replaces it.

    Attributes:
        text: in words.
        step: whether it is one of several steps of something, too small for a line that stays.
    """

    step: bool = False


class Done(_Said):
    """A step that is finished, worth a line that stays."""


class Chapter(_Said):
    """A heading: what the next lines are about."""


class Warned(_Said):
    """Something the user should know and nobody else will say."""


@dataclass(frozen=True)
class Output:
    """Bytes that are the command's result, as they come."""

    data: bytes


Event = Doing | Done | Chapter | Output | Warned | Mapping[str, Any]

T = TypeVar("T")
Story = Generator[Event, None, T]

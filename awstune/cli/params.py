"""Types of options: what cannot be right is refused before any work is done."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import urlsplit

import click

LEAST_GIB = 0.05
_LONGEST_S = 10 * 365 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Span(click.ParamType[float]):
    """A span of time such as ``8h``, ``30m`` or ``1h30m``, as seconds; ``none`` where it may be endless."""

    name = "duration"

    def __init__(self, *, may_be_none: bool = False) -> None:
        self.may_be_none = may_be_none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Seconds; infinity for ``none``, since None means that nothing was typed."""
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value).strip().lower()
        if text == "none" and self.may_be_none:
            return float("inf")
        if not _SPAN.fullmatch(text):
            or_none = ", or none" if self.may_be_none else ""
            self.fail(f"{value!r} is no duration; write 8h, 30m, 1h30m or 90s{or_none}", param, ctx)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        if seconds == 0:
            self.fail(f"{value!r} is no time at all", param, ctx)
        if seconds > _LONGEST_S:
            self.fail(f"{value!r} is longer than ten years", param, ctx)
        return seconds


class Slots(click.ParamType[Any]):
    """A number of trials at a time, or ``auto``."""

    name = "n|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, from 1 to 1000; ``auto`` as it is."""
        if value == "auto":
            return value
        if not str(value).removeprefix("-").isdigit():
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)
        return click.IntRange(1, 1000).convert(value, param, ctx)


class Dollars(click.ParamType[float]):
    """An amount of money above zero."""

    name = "x"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Dollars; neither infinity nor what is no number."""
        try:
            amount = float(value)
        except (TypeError, ValueError):
            amount = math.nan
        if not 0 < amount < math.inf:
            self.fail(f"{value!r} is no amount of dollars above zero", param, ctx)
        return amount


class Memory(click.ParamType[float]):
    """An amount of memory in GiB that a process can live with."""

    name = "gib"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """GiB, finite."""
        try:
            amount = float(value)
        except (TypeError, ValueError):
            amount = math.nan
        if not math.isfinite(amount):
            self.fail(f"{value!r} is no amount of memory; write 8, or 0.5, for so many GiB", param, ctx)
        if amount < LEAST_GIB:
            self.fail(f"{value!r} GiB is less than any Python needs; write 1, or {LEAST_GIB}", param, ctx)
        return amount


class Url(click.ParamType[str]):
    """An address to post to. It may hold a secret, and so is never shown again."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The address as it was typed."""
        text = str(value)
        try:
            parts = urlsplit(text)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known or not text.isascii() or not text.isprintable() or " " in text:
            self.fail("that is no address; write https://HOST/PATH, or http://", param, ctx)
        return text


class Tag(click.ParamType[tuple[str, str]]):
    """``KEY=VALUE``, as a pair."""

    name = "k=v"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(key, value)."""
        key, equals, text = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is no tag; write KEY=VALUE", param, ctx)
        return key, text

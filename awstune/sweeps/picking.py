"""Pick metrics from what a program prints."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from awstune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Also behind what a logger, a launcher, or a progress bar without an end has put before it.
_LINE = re.compile(r"(?:|.*[])|:>-])\s*awstune:\s+(.*)")
# A comma ends a value, but within digits, as in 1,234.5 or 0,31: half of that is no number of anybody's.
_PAIR = re.compile(r"([^\s=,;]+)=((?:[^\s,;]|,(?=\d[^\s,;=]*(?:[\s,;]|$)))+)")
_STEPS = ("epoch", "step")
_LONGEST = 1 << 16  # of a line without an end, such as a progress bar's


class Picker:
    """Turns output, as it comes, into reports.

    Lines ``awstune: val_loss=0.3 epoch=4`` are reports; so is what a pattern finds.

    Args:
        patterns: regular expressions. A named group is a metric of that name (``epoch`` or ``step`` say
            what it is about), the only group of a pattern without names is the sweep's metric.
        metric: the sweep's.

    Raises:
        UsageError: a pattern is none, or none says which group is the number.
    """

    def __init__(self, patterns: Sequence[str] = (), metric: str | None = None) -> None:
        self._patterns = [_compiled(pattern) for pattern in patterns]
        self._metric = metric or "value"
        self._rest = ""
        self._latest: tuple[int, dict[str, float]] = (-1, {})

    def feed(self, text: str, *, end: bool = False) -> list[tuple[int, Mapping[str, float]]]:
        """Take more output; with ``end`` the last line counts though it has no end.

        Returns:
            ``(step, metrics)`` of each report, in order. Of two for one step the later holds both.
        """
        *lines, self._rest = re.split(r"[\r\n]+", self._rest + text)
        if end:
            lines, self._rest = [*lines, self._rest], ""
        self._rest = self._rest[-_LONGEST:]
        return [self.report(found) for line in lines for found in self._found(line) if found]

    def _found(self, line: str) -> Iterator[dict[str, float]]:
        own = _LINE.match(line)
        if own:
            yield numbers(_PAIR.findall(own[1]))
        for pattern in self._patterns:
            for match in pattern.finditer(line):
                yield numbers((match.groupdict() or {self._metric: match[1]}).items())

    def report(self, found: dict[str, float]) -> tuple[int, Mapping[str, float]]:
        """Metrics that were found together, ``epoch`` or ``step`` among them, as a report."""
        given = [int(step) for name in _STEPS if math.isfinite(step := found.pop(name, math.nan))]
        step = given[0] if given else self._latest[0] + 1
        before = self._latest[1] if step == self._latest[0] else {}
        self._latest = (step, {**before, **found})
        return self._latest


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"--metric-regex {pattern!r} is no pattern: {error}", "write it like val_loss=([0-9.eE+-]+)"
        ) from None
    if not compiled.groups:
        raise UsageError(
            f"--metric-regex {pattern!r} has no group", r"put the number in one: val_loss=([0-9.eE+-]+)"
        )
    if compiled.groups > 1 and not compiled.groupindex:
        raise UsageError(
            f"--metric-regex {pattern!r} has {compiled.groups} groups",
            "leave one for the number, and write the others as (?:...)",
        )
    return compiled


def numbers(pairs: object) -> dict[str, float]:
    """Those of some pairs whose value is a number; nothing where none of them is a metric."""
    found = {}
    for name, value in dict(pairs).items():  # type: ignore[call-overload]  # a mapping, or pairs
        try:
            # A number may end a sentence.
            found[str(name)] = float(value.rstrip(".,;") if isinstance(value, str) else value)
        except (TypeError, ValueError):
            continue
    return found if any(name not in _STEPS for name in found) else {}

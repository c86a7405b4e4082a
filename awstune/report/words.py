"""Numbers as people read them. The same words everywhere: plan, tables, progress."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from awstune.money import dollars

if TYPE_CHECKING:
    from awstune.sweeps.outlook import Outlook

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float | None) -> str:
    """``0.4 s``, ``42 s``, ``7 min``, ``2 h 05 min``, ``3 d 04 h``; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 10:  # noqa: PLR2004  # below ten the tenth matters
        return f"{max(seconds, 0):.1f} s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"
    return f"{int(seconds // DAY)} d {int(seconds % DAY // HOUR):02d} h"


def money(usd: float | None) -> str:
    """As `awstune.money.dollars`; a dash where the price is not known."""
    return "-" if usd is None else dollars(usd)


def outlook(ahead: Outlook, now: float) -> str:
    """What the sweep will take, by what its trials took; the hour is this machine's."""
    each = duration(ahead.trial_s) + ("" if ahead.trial_usd is None else f" and {money(ahead.trial_usd)}")
    left = duration(ahead.left_s)
    until = "" if ahead.ends is None else f", until {clock(ahead.ends, now)}"
    cost = "" if ahead.usd is None else f", {money(ahead.usd)} in all"
    return f"a trial takes about {each}: the sweep goes on for about {left}{until}{cost}"


def too_late(seconds: float) -> str:
    """That a sweep will not be done when its instance ends, and the command that moves that end."""
    hours = max(1, math.ceil(seconds / HOUR))
    return (
        f"its instance ends about {duration(seconds)} before the sweep will; "
        f"awstune extend {hours}h moves that end"
    )


def clock(t: float, now: float) -> str:
    """``18:40``, or ``Tue 18:40`` where that is another day."""
    then, today = time.localtime(t), time.localtime(now)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%a %H:%M", then)


def value(number: Any) -> str:
    """A metric or a parameter: four significant digits for floats, everything else as it is."""
    if isinstance(number, bool) or not isinstance(number, float):
        return "-" if number is None else str(number)
    return f"{number:.4g}"


def spread(mean: float | None, sd: float | None) -> str:
    """``0.1782 ± 0.0020``: a mean, and the standard deviation of what it is of, where that says anything."""
    return value(mean) if not sd else f"{value(mean)} ± {sd:.2g}"


def params(values: dict[str, Any]) -> str:
    """``lr=0.001 width=64``."""
    return " ".join(f"{name}={value(number)}" for name, number in values.items())

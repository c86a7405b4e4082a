"""systemd's unit files, as far as timers and the services they start need them.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html, systemd.time(7).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "etc/systemd/system"
_UNITS_S = {
    "": 1.0,
    **dict.fromkeys(("us", "usec", "µs"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]*)")


@dataclass(frozen=True)
class Service:
    """What a service unit runs: commands as lists of words, paths already below the instance's root."""

    commands: tuple[tuple[str, ...], ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Timer:
    """When a timer unit starts its service. Seconds; None where it does not say.

    Attributes:
        unit: the name of the service's unit.
        first_s: after boot, or after the timer is started.
        again_s: after each activation of the service.
    """

    unit: str
    first_s: float | None
    again_s: float | None


def seconds(span: str) -> float:
    """A time span such as ``1min 30s`` or ``90``, in seconds.

    Raises:
        ValueError: it is none.
    """
    if _SPAN.sub("", span).strip() or not span.strip():
        raise ValueError(f"{span!r} is not a time span")
    try:
        return sum(float(number) * _UNITS_S[unit] for number, unit in _SPAN.findall(span))
    except KeyError as error:
        raise ValueError(f"{span!r} has an unknown unit") from error


def path(root: Path, name: str) -> Path:
    """Where a unit's file lies; a name without a suffix is a service's."""
    return root / FOLDER / (name if "." in name else f"{name}.service")


def sections(text: str) -> dict[str, list[tuple[str, str]]]:
    """A unit file's settings, in order, by section. A backslash at the end of a line joins the next one."""
    found: dict[str, list[tuple[str, str]]] = {}
    here: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            here = found.setdefault(stripped.strip("[]"), [])
        elif "=" in stripped and not stripped.startswith(("#", ";")):
            key, _, value = stripped.partition("=")
            here.append((key.strip(), value.strip()))
    return found


def read_service(source: Path, root: Path) -> Service:
    """What the service unit in the file ``source`` runs."""
    return service(source.read_text(), root)


def read_timer(source: Path) -> Timer:
    """When the timer unit in the file ``source`` starts which service."""
    return timer(source.read_text(), source.name)


def service(text: str, root: Path) -> Service:
    """What a service unit runs."""
    settings = sections(text).get("Service", [])
    commands = [_command(value, root) for key, value in settings if key in ("ExecStartPre", "ExecStart")]
    pairs = [word for key, value in settings if key == "Environment" for word in shlex.split(value)]
    environment = dict(word.split("=", 1) for word in pairs if "=" in word)
    return Service(tuple(command for command in commands if command), environment)


def timer(text: str, name: str) -> Timer:
    """When the timer unit ``name`` starts which service."""
    settings = dict(sections(text).get("Timer", []))
    first = settings.get("OnBootSec") or settings.get("OnStartupSec") or settings.get("OnActiveSec")
    again = settings.get("OnUnitActiveSec") or settings.get("OnUnitInactiveSec")
    unit = settings.get("Unit") or name.removesuffix(".timer") + ".service"
    return Timer(unit, seconds(first) if first else None, seconds(again) if again else None)


def below(root: Path, word: str) -> str:
    """``word``, or the file of that absolute path below ``root`` if there is one."""
    inside = root / word.lstrip("/")
    return str(inside) if word.startswith("/") and inside.exists() else word


def _command(value: str, root: Path) -> tuple[str, ...]:
    return tuple(below(root, word) for word in shlex.split(value.lstrip("-@:+!")))

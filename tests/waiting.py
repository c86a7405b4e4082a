"""Waiting for what other processes do: the only place where tests sleep, always with a limit and a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

# Between two looks: what sees a killed process's moment must look often, what asks a cloud must not wear it
# out. So a look that costs more is taken less often, down to twenty a second.
_SHORTEST_S = 0.005
_LONGEST_S = 0.05
_LOOKING = 4
# However slow a machine is: only what never comes is waited for so long, and a test may take twice that.
PATIENCE_S = 150.0


def until(
    condition: Callable, what: str | Callable[[], object], deadline_s: float = PATIENCE_S, *, pause=None
):
    """The first true value of a condition, or a failure that says what was waited for.

    Args:
        condition: called again and again.
        what: what is waited for, in words, or whatever says it best once it has not come: a log, say.
        deadline_s: seconds after which it does not come any more.
        pause: what happens between two looks, given the seconds that the last one took.

    Returns:
        What the condition returned.
    """
    pause = pause or _pause
    give_up = time.monotonic() + deadline_s
    began = time.monotonic()
    while not (found := condition()):
        now = time.monotonic()
        assert now < give_up, f"waited {deadline_s:g} s for {what() if callable(what) else what}"
        pause(now - began)
        began = time.monotonic()
    return found


def hear(
    executor, enough: Callable[[list], object], heard: Iterable = (), *, log=None, deadline_s=PATIENCE_S
):
    """All that an executor says until that is enough.

    Args:
        executor: is polled, which waits by itself.
        enough: of all that was heard so far: whether that will do.
        heard: what was heard before; it counts.
        log: a file of a trial's, quoted where it is never enough.
        deadline_s: seconds.
    """
    said = list(heard)

    def look():
        if enough(said):
            return True
        said.extend(executor.poll(1))
        return False

    def missing():
        return f"more than {said}{log.read_text() if log else ''}"

    until(look, missing, deadline_s, pause=lambda _: None)
    return said


def so_many(kind: type, times: int = 1) -> Callable[[list], bool]:
    """Whether there are so many messages of a kind: enough for `hear`."""
    return lambda heard: sum(isinstance(message, kind) for message in heard) >= times


def briefly(_seconds: float) -> None:
    """Instead of a pause of awstune's own, which counts in seconds: the embedded cloud is faster."""
    time.sleep(0.01)  # what it waits for happens in another process, whose turn this is


def _pause(looked_s: float) -> None:
    # Nothing tells one process what another, which is none of its own, has done; `until` has the limit.
    time.sleep(min(max(_SHORTEST_S, _LOOKING * looked_s), _LONGEST_S))

"""Whether the instance that a sweep runs on is about to go: AWS's spot notice, or its own guard's.

AWS tells two minutes ahead, through the metadata service; the guard writes a file two minutes before the
time to live is over, and at any other end.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from awstune.sweeps.imds import Metadata

EVERY_S = 5.0
SPOT = "spot/instance-action"
REBALANCE = "events/recommendations/rebalance"
AHEAD_S = 120.0  # as AWS promises, and as the guard does


@dataclass(frozen=True)
class Notice:
    """The instance is about to go.

    Attributes:
        why: in words, for the journal.
        ends: seconds since the epoch at which it may be gone.
        final: whether nobody can put it off, as its owner can with the guard's.
    """

    why: str
    ends: float
    final: bool = False


def of_spot(text: str, now: float) -> Notice:
    """AWS's notice, ``{"action": "terminate", "time": "2026-11-23T18:00:00Z"}``, as it says it."""
    try:
        said = json.loads(text)
        ends = datetime.fromisoformat(str(said["time"])).timestamp()
        return Notice(f"spot notice: AWS will {said['action']} this instance at {said['time']}", ends, True)
    except (ValueError, KeyError, TypeError):
        return Notice("spot notice: AWS takes this instance back", now + AHEAD_S, True)


class Watch:
    """Looks every few seconds, in a thread of its own.

    Args:
        metadata: of this instance.
        file: the guard's notice.
        now: seconds since the epoch.
        every_s: how often.
    """

    def __init__(
        self,
        metadata: Metadata,
        file: Path,
        *,
        now: Callable[[], float] = time.time,
        every_s: float = EVERY_S,
    ) -> None:
        self.notice: Notice | None = None
        self.rebalance = False
        self._metadata, self._file, self._now, self._every_s = metadata, file, now, every_s
        self._over = threading.Event()

    def begin(self) -> None:
        """Look from now on, until this process ends or `end` is called."""
        threading.Thread(target=self._run, name="notice", daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(self._every_s)

    def look(self) -> Notice | None:
        """Look once."""
        spot = self._metadata.get(SPOT)
        self.notice = of_spot(spot, self._now()) if spot is not None else self._of_guard()
        self.rebalance = self.rebalance or self._metadata.get(REBALANCE) is not None
        return self.notice

    def _of_guard(self) -> Notice | None:
        try:
            why, since = self._file.read_text().strip(), self._file.stat().st_mtime
        except OSError:
            return None
        if self.notice is not None:  # it is written again and again; the first time counts
            return self.notice
        return Notice(f"the instance ends: {why}", since + AHEAD_S)

"""Whether the kernel has ended processes because the machine had no memory left.

It counts them, for the whole machine and for every container on it. A trial that is killed while the
count grows was one of them, or was killed by somebody at that very moment.

Source: https://docs.kernel.org/admin-guide/mm/concepts.html#oom-killer.
"""

from __future__ import annotations

import re
from pathlib import Path

VMSTAT = Path("/proc/vmstat")
_KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


def kills(file: Path = VMSTAT) -> int | None:
    """How many since the machine booted; None where nobody counts."""
    try:
        found = _KILLS.search(file.read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None

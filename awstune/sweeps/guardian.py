"""``python -m awstune.sweeps.guardian FD MARK``: outlive a sweep's process and end what it leaves.

The other end of FD is the sweep's alone. It closes when the sweep closes its executor, or dies in any
way: then every process with the mark is killed.
"""

from __future__ import annotations

import os
import sys

from awstune.sweeps import marks


def main() -> None:
    """Wait for the end, and end what is left."""
    descriptor, mark = int(sys.argv[1]), sys.argv[2]
    while os.read(descriptor, 1):
        pass
    marks.end(mark)


if __name__ == "__main__":
    main()

"""``python bound.py WORDS``: awstune, bound by the permissions of files also where root runs it."""

from __future__ import annotations

import ctypes
import os
import sys

_DROP_FOR_GOOD = 24  # prctl's PR_CAPBSET_DROP: what is executed next has it no more
_OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: that permissions do not count


def _bind() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _OVERRIDES:
        if libc.prctl(_DROP_FOR_GOOD, capability, 0, 0, 0):
            sys.exit(f"cannot give up capability {capability}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    if os.geteuid() == 0:
        _bind()
    os.execv(sys.executable, [sys.executable, "-m", "awstune", *sys.argv[1:]])  # noqa: S606  # awstune itself

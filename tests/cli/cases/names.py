"""What is said beside a NAME."""

from __future__ import annotations

from tests.cli.cases.case import Case

NAMES = (
    Case("ssh", "embedded cloud is not running", "awstune local start", kind="cloud_not_running"),
    Case("ssh lab nvidia-smi", "'nvidia-smi': a command goes after --", "awstune ssh lab -- nvidia-smi"),
    Case("terminate --all lab", "contradict", "awstune terminate --all"),
    Case("extend", "Missing argument", "awstune extend --help"),
    Case("extend lab", "'lab' is no duration", "awstune extend --help"),
    Case("extend lab 4h 5h", "5h", "awstune extend --help"),
    Case("start --ttl never", "'never' is no duration", "awstune start --help"),
)

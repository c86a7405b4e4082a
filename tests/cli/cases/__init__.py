"""What people mistype, and what their folders, scripts and files come to: a row each, a file a subject."""

from __future__ import annotations

from tests.cli.cases.account import ACCOUNT
from tests.cli.cases.again import AGAIN
from tests.cli.cases.case import ABSENT, Case
from tests.cli.cases.cloud import CLOUD
from tests.cli.cases.commands import COMMANDS
from tests.cli.cases.folders import FOLDERS
from tests.cli.cases.goes_on import GOES_ON
from tests.cli.cases.launch import LAUNCH
from tests.cli.cases.names import NAMES
from tests.cli.cases.spaces import SPACES
from tests.cli.cases.sweep import SWEEP
from tests.cli.cases.targets import TARGETS
from tests.cli.cases.toml import TOML
from tests.cli.cases.trials import TRIALS, Trials

SUBJECTS = {
    "commands": COMMANDS,
    "launch": LAUNCH,
    "names": NAMES,
    "spaces": SPACES,
    "sweep": SWEEP,
    "targets": TARGETS,
    "again": AGAIN,
    "folders": FOLDERS,
    "toml": TOML,
    "cloud": CLOUD,
    "account": ACCOUNT,
}
CASES = tuple(case for cases in SUBJECTS.values() for case in cases)

__all__ = ["ABSENT", "CASES", "GOES_ON", "SUBJECTS", "TRIALS", "Case", "Trials"]

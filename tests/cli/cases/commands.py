"""Commands that are not there, global options, and homes that cannot be."""

from __future__ import annotations

from tests.cli.cases.case import Case

EVERY = (
    "launch",
    "ls",
    "ssh",
    "stop",
    "start",
    "extend",
    "terminate",
    "sweep",
    "run",
    "sweeps",
    "status",
    "attach",
    "logs",
    "resume",
    "cancel",
    "results",
    "types",
    "doctor",
    "iam",
    "local",
    "local start",
    "local stop",
    "local status",
    "demo",
)
COMMANDS = (
    *(Case(f"{command} --nosuch", "--nosuch", f"awstune {command} --help") for command in EVERY),
    Case("lunch", "there is no command 'lunch'", "awstune launch"),
    Case("''", "there is no command ''", "awstune --help"),
    Case("'$(x)'", "there is no command '$(x)'", "awstune --help"),
    Case("'ls\nls'", "there is no command 'ls\\nls'", "awstune --help"),
    Case("--cloud mars ls", "'mars'", "awstune --help"),
    Case("--colour ls", "--colour", "awstune --help"),
    Case("ls --ende", "Did you mean '--ended'?", "awstune ls --help"),
    Case("ls lab", "lab", "awstune ls --help"),
    Case("local begin", "begin", "awstune local --help"),
    Case("ls", "embedded cloud is not running", "awstune local start", kind="cloud_not_running"),
    Case("ls", "there is no cloud 'mars'", "aws or local", env={"AWSTUNE_CLOUD": "mars"}),
    Case("ls", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file/home"}),
    Case("ls", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
    Case(
        "local start", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}
    ),
    Case("demo", "cannot make", "AWSTUNE_HOME", files={"file": ""}, env={"AWSTUNE_HOME": "{cwd}/file"}),
)

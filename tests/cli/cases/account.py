"""Credentials that are not there, not accepted or expired, and a clock that is wrong.

The stub in `tests.cli.stub` stands for AWS: it refuses every call with the code that is the access key's id.
"""

from __future__ import annotations

from tests.cli.cases.case import ABSENT, Case

COMMANDS = (
    "ls",
    "types",
    "ssh lab",
    "stop lab",
    "start lab",
    "extend lab 4h",
    "terminate lab",
    "terminate --all",
    "launch lab --yes",
    "sweep train.py --on lab",
    "sweep train.py --launch --yes",
)
NO_KEYS = {"AWS_ACCESS_KEY_ID": ABSENT, "AWS_SECRET_ACCESS_KEY": ABSENT}
CREDENTIALS = {"kind": "credentials", "status": 1}


def _aws(key: str) -> dict[str, str]:
    return {"AWSTUNE_CLOUD": "aws", "AWS_ACCESS_KEY_ID": key}


ACCOUNT = (
    *(
        Case(
            command,
            "there are no AWS credentials",
            "aws configure",
            env={"AWSTUNE_CLOUD": "aws", **NO_KEYS},
            **CREDENTIALS,
        )
        for command in COMMANDS
    ),
    *(
        Case(command, "ExpiredToken", "sign in again", env=_aws("ExpiredToken"), **CREDENTIALS)
        for command in COMMANDS
    ),
    *(
        Case("ls", f"not accept these credentials: {code}", "sign in again", env=_aws(code), **CREDENTIALS)
        for code in ("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException")
    ),
    *(
        Case(command, code, "clock", env=_aws(code), kind="cloud", status=1)
        for command in ("ls", "launch lab --yes", "terminate lab")
        for code in ("RequestExpired",)
    ),
    Case("ls", "Signature expired", "clock", env=_aws("SignatureDoesNotMatch"), kind="cloud", status=1),
    Case(
        "ls", "Unauthorized", "awstune iam", env=_aws("UnauthorizedOperation"), kind="not_permitted", status=1
    ),
    Case("ls --profile nosuch", "nosuch", "list-profiles", env=_aws("x")),
    Case(
        "ls",
        "no answer from AWS",
        "awstune doctor",
        kind="unreachable",
        status=1,
        env={**_aws("x"), "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
    ),
)

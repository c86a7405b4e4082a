"""Which calls of AWS's API awstune made while the tests ran, compared with its policy when all have run.

Tests of `awstune.ec2` record what botocore's events show (see their conftest); worlds record what their
embedded cloud was asked by awstune itself. The processes of a parallel run hand theirs to the first one.
"""

from __future__ import annotations

import os

import pytest

from awstune.ec2 import iam

RECORDED: set[str] = set()
NO_SKIP = "AWSTUNE_TESTS_NO_SKIP"  # as CI has it: what is left out is a failure
_KEY = "awstune_calls"


def named(service: str, operation: str) -> str:
    """What IAM calls an operation."""
    return f"{service.replace('-', '')}:{iam.OTHERWISE.get(operation, operation)}"


def note(service: str, operation: str) -> str:
    """Remembers a call; its name is IAM's, such as ``ec2:RunInstances``."""
    action = named(service, operation)
    RECORDED.add(action)
    return action


def missing(recorded: set[str]) -> list[str]:
    """Calls that were made and that the policy does not allow."""
    return sorted(recorded - iam.actions())


def unused(recorded: set[str]) -> list[str]:
    """Actions that the policy allows and that nothing calls."""
    return sorted(iam.actions() - recorded)


def findings(recorded: set[str]) -> list[str]:
    """What is wrong with the policy, a line each."""
    return [
        *(f"awstune calls {action}, which `awstune iam` does not allow" for action in missing(recorded)),
        *(f"`awstune iam` allows {action}, which nothing calls" for action in unused(recorded)),
    ]


def take_over(node) -> None:
    """One process of a parallel run has ended: its calls are counted here."""
    RECORDED.update(getattr(node, "workeroutput", {}).get(_KEY, ()))


def finish(session: pytest.Session) -> None:
    """Hands the calls on, or compares them where the whole suite has run."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_KEY] = sorted(RECORDED)
        return
    why = partly(config, failed=session.testsfailed)
    said = [] if why else findings(RECORDED)
    if why and os.environ.get(NO_SKIP):
        said = [f"`awstune iam` was not compared with the calls: {why}"]
    if said:
        config.get_terminal_writer().line("\n" + "\n".join(said), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    elif not why:
        config.get_terminal_writer().line(f"\n`awstune iam` allows the {len(RECORDED)} calls that were made")


def partly(config: pytest.Config, *, failed: int = 0) -> str:
    """Why the calls of this run are not all that there are; empty where they are."""
    option = config.option
    if failed:
        return "tests have failed"
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return "not all tests were asked for"
    chosen = option.keyword or option.markexpr or getattr(option, "lf", False) or option.collectonly
    return "tests were chosen" if chosen else ""

"""What all tests share: no real credentials, a home of their own, and skips that CI does not forgive."""

from __future__ import annotations

import os
import signal
from typing import Any

import hypothesis
import pytest

from tests import calls

# A law holds however long a machine takes over an example of it.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

REAL_SETTINGS = ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWSTUNE_CLOUD")


@pytest.fixture(autouse=True)
def own_world(monkeypatch, tmp_path_factory):
    """Dummy credentials and a fresh AWSTUNE_HOME, so that no test can reach a real account or state."""
    for name in REAL_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    nowhere = tmp_path_factory.mktemp("aws")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWSTUNE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("NO_COLOR", "1")


def pytest_configure() -> None:
    """What commands would inherit from whoever runs the tests, and users' commands do not.

    GNU readline sets a terminal's width in the process that runs tests; a suite that runs in the
    background has SIGINT ignored.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # xdist's: without it all runs in this process
def pytest_testnodedown(node: Any) -> None:
    """One process of a parallel run has ended, and hands on which calls it saw."""
    calls.take_over(node)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The policy is compared with the calls; where AWSTUNE_TESTS_NO_SKIP is set, no test may be skipped."""
    calls.finish(session)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get(calls.NO_SKIP) and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

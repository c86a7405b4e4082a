"""Against a real account only where a flag and the environment both say so; else the embedded cloud."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser):
    """`pytest tests/live --live`, with AWSTUNE_LIVE=yes, spends money."""
    parser.addoption("--live", action="store_true", help="use the real AWS account (AWSTUNE_LIVE=yes, too)")


@pytest.fixture(scope="session")
def is_live(pytestconfig):
    """Whether the real account is used."""
    asked = pytestconfig.getoption("--live", default=False)
    allowed = os.environ.get("AWSTUNE_LIVE") == "yes"
    if asked and not allowed:
        pytest.exit("--live spends money: set AWSTUNE_LIVE=yes as well", returncode=2)
    return bool(asked and allowed)

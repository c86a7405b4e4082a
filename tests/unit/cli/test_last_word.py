"""The last word of a sweep without one success."""

from __future__ import annotations

import pytest

from awstune.cli.sweeping import _nothing

ENDED = "its process ended with status 1"


@pytest.mark.parametrize(
    ("elsewhere", "error", "hint"),
    [
        (
            True,
            f"ModuleNotFoundError: No module named 'timm.layers' ({ENDED})",
            "what provides timm goes into",
        ),
        (False, f"ModuleNotFoundError: No module named 'timm' ({ENDED})", "awstune logs train-1 --trial 0"),
        (True, ENDED, "awstune logs train-1 --trial 0"),
        (
            False,
            "it never reported loss",
            "awstune logs train-1 --trial 0 shows what it printed; awstune sweep --spec sweeps/train-1/",
        ),
    ],
)
def test_what_mends_it(elsewhere, error, hint):
    """A module that an instance lacks is named in the project's requirements, or how output is read."""
    document = {"sweep": "train-1", "metric": "loss", "trials": [{"error": error, "command": "./run"}]}
    refused = _nothing(document, 1, elsewhere=elsewhere)
    assert refused.hint.startswith(hint)
    assert error in refused.message

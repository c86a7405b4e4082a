"""What is suggested for a module that is missing: nobody else's package."""

from __future__ import annotations

import pytest

from awstune.sweeps.distributions import hint_for


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("hydra", "hydra-core"),
        ("sklearn", "scikit-learn"),
        ("skimage", "scikit-image"),
        ("absl", "absl-py"),
        ("torch", "torch"),
        ("pytorch_lightning", "pytorch-lightning"),
    ],
)
def test_a_known_module_is_installed_by_its_packages_name(module, package):
    """The line to paste names the package that has the module."""
    assert hint_for(module, "/venv/bin/python").startswith(f"/venv/bin/python -m pip install {package}, ")


def test_an_unknown_module_is_no_packages_name():
    """What the package index has under the name of somebody's module may be anything."""
    assert "pip install" not in hint_for("our_own_lib", "python")

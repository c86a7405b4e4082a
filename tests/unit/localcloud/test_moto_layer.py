"""The one file that rebinds moto's functions keeps to its rules."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import awstune.localcloud

ROOM = Path(awstune.localcloud.__path__[0])
LAYER = ast.parse((ROOM / "moto_layer.py").read_text())
FUNCTIONS = {node.name: node for node in LAYER.body if isinstance(node, ast.FunctionDef)}
INSTALLED = [node.value.func.id for node in FUNCTIONS["install"].body if isinstance(node.value, ast.Call)]


@pytest.mark.parametrize("name", INSTALLED)
def test_each_rebinding_names_its_promise(name):
    """Whoever reads a rebinding sees beside it what it is for."""
    assert ast.get_docstring(FUNCTIONS[name]).startswith("Promise: ")


def test_nothing_is_rebound_elsewhere():
    """Only this file sets attributes of what it did not define, and only through one function."""
    uses = {path.name: len(re.findall(r"\bsetattr\(", path.read_text())) for path in ROOM.glob("*.py")}
    assert {name: count for name, count in uses.items() if count} == {"moto_layer.py": 1}


def test_moto_is_pinned_to_what_was_rebound():
    """The version that the layer was written for is the one that is installed."""
    project = tomllib.loads((ROOM.parents[1] / "pyproject.toml").read_text())
    pins = [one for one in project["project"]["optional-dependencies"]["local"] if one.startswith("moto")]
    version = pins[0].partition("==")[2]
    assert version
    assert version in ast.get_docstring(LAYER)

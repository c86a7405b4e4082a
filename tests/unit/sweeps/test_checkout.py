"""A project's copy on an instance: what it can be imported from, and its own programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from awstune.sweeps import checkout

PROGRAM = '[project]\nname = "net"\n[project.scripts]\nnet-train = "net.cli:app.main"\n"../up" = "net:x"\n'
CLI = (
    "import sys\nclass app:\n    @staticmethod\n    def main():\n        print(*sys.argv)\n        return 3\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project where projects are on an instance."""
    monkeypatch.setenv("HOME", str(tmp_path))
    made = tmp_path / ".awstune" / "projects" / "train-1"
    made.mkdir(parents=True)
    return made


def write(project, **files):
    """Files by their names, with __ for a slash."""
    for name, text in files.items():
        path = project / name.replace("__", "/").replace("_toml", ".toml").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("table", "folders"),
    [
        ("", ["src"]),
        ('[tool.setuptools]\npackage-dir = {"" = "lib"}', ["lib"]),
        ('[tool.setuptools.packages.find]\nwhere = ["lib", "gone"]', ["lib"]),
        ('[tool.setuptools]\npackages = ["net"]', ["src"]),
        ('[tool.hatch.build.targets.wheel]\npackages = ["lib/net", "lib/more"]', ["lib"]),
        ('[tool.poetry]\npackages = [{include = "net", from = "lib"}]', ["lib"]),
    ],
)
def test_where_its_packages_are(project, table, folders):
    """Where its build says, else in src/, as after an editable installation."""
    write(project, pyproject_toml=table, src__net__a_py="", lib__net__a_py="")
    found = checkout.variables(project, {"PYTHONPATH": "/awstune"})
    assert found == {"PYTHONPATH": os.pathsep.join(["/awstune", *(str(project / one) for one in folders)])}


def test_without_src_it_is_the_project_itself(project):
    """Also for a sweep that runs in a folder below; a folder of scripts alone is not importable."""
    (project / "scripts").mkdir()
    assert checkout.variables(project / "scripts", {}) == {}
    write(project, setup_py="", net__a_py="")
    assert checkout.variables(project / "scripts", {}) == {"PYTHONPATH": str(project)}


def test_nothing_of_pythons_own_is_hidden(project):
    """A module that is called as one of the standard library must not come before it."""
    write(project, setup_py="", json_py="raise SystemExit")
    assert checkout.variables(project, {}) == {}


def test_its_programs(project, monkeypatch):
    """What pyproject.toml names as programs can be called, with arguments and exit status."""
    write(project, pyproject_toml=PROGRAM, src__net__cli_py=CLI)
    (project / "src" / "net" / "__init__.py").touch()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {**os.environ, **checkout.variables(project, {"PATH": path})}
    done = subprocess.run(
        ["net-train", "--lr", "0.1"], env=variables, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("net-train --lr 0.1\n", 3)
    assert [file.name for file in (project / ".awstune" / "bin").iterdir()] == ["net-train"]


def test_elsewhere_nothing_is_given(tmp_path):
    """On a user's own machine the environment is the user's affair."""
    write(tmp_path, pyproject_toml=PROGRAM, src__net__a_py="")
    assert checkout.variables(tmp_path, os.environ) == {}

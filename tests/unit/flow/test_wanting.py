"""What a sweep wants of an instance's Pythons."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from awstune.errors import TargetError
from awstune.flow import wanting
from awstune.remote import project
from awstune.search.space import Float, Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

FUNCTION = Spec(Target("function", file="train.py", function="train"), Space(x=Float(0, 1)))
COMMAND = Spec(Target("command", command=("python", "train.py", "{x}")), Space(x=Float(0, 1)))
COURSE = "Deep Learning AMI (Ubuntu) Version 21.2"


def wants(tmp_path, **files):
    """What is wanted for a project of these files."""
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    return wanting.of_sweep(FUNCTION, project.read(tmp_path), "train-1")


def test_requirements_of_a_file(tmp_path):
    """A requirements.txt is installed as it is; another content is another environment."""
    one = wants(tmp_path, requirements_txt="einops>=0.7\n")
    assert (one.requirements, one.file) == (("einops>=0.7",), "requirements.txt")
    assert one.key != wants(tmp_path, requirements_txt="einops>=0.8\n").key


def test_requirements_of_a_project(tmp_path):
    """Without one, what pyproject.toml depends on is."""
    one = wants(tmp_path, pyproject_toml='[project]\nname = "p"\ndependencies = ["einops", "timm>=1"]\n')
    assert (one.requirements, one.file) == (("einops", "timm>=1"), "")


def test_the_same_wants_have_the_same_key(tmp_path):
    """The second sweep of a project finds the environment of the first, whatever it is called."""
    found = project.read(tmp_path)
    assert wanting.of_sweep(FUNCTION, found, "a").key == wanting.of_sweep(FUNCTION, found, "b").key
    assert wanting.of_sweep(FUNCTION, found, "a").key != wanting.of_sweep(COMMAND, found, "a").key


def test_a_project_that_is_no_toml(tmp_path):
    """What cannot be read is refused with the file to mend."""
    with pytest.raises(TargetError, match="is not TOML") as refused:
        wants(tmp_path, pyproject_toml="[project")
    assert "pyproject.toml" in refused.value.hint


def test_a_function_on_the_course_image(tmp_path):
    """A K80 under the course's driver has no torch for a function; the command form is named, and is free."""
    with pytest.raises(TargetError, match="K80") as refused:
        wanting.refuse(FUNCTION, COURSE, "K80")
    assert "-- python train.py" in refused.value.hint
    wanting.refuse(COMMAND, COURSE, "K80")
    wanting.refuse(
        FUNCTION, "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Ubuntu 24.04) 20260101", "T4"
    )
    wanting.refuse(FUNCTION, "an image of one's own", "T4")


def test_a_plan_for_a_function_on_the_course_image(tmp_path):
    """`sweep --launch` and `resume --launch` refuse it by the plan alone, before an instance is asked for."""
    course = SimpleNamespace(launches=(SimpleNamespace(type="p2.xlarge", image=COURSE),))
    aws, here, found = SimpleNamespace(local=False), SimpleNamespace(local=True), project.read(tmp_path)
    with pytest.raises(TargetError, match=r"torch for Python 3\.11"):
        wanting.refuse_plan(aws, course, FUNCTION, found)
    wanting.refuse_plan(aws, course, COMMAND, found)
    wanting.refuse_plan(here, course, FUNCTION, found)  # it computes on this machine
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(TargetError, match="is not TOML"):
        wanting.refuse_plan(here, course, COMMAND, project.read(tmp_path))


def test_requirements_that_are_the_project_itself(tmp_path):
    """With `.[train]` the extras of pyproject.toml are wanted: another one is another environment."""
    extras = '[project]\nname = "p"\n[project.optional-dependencies]\ntrain = ["{}"]\n'
    for line in (".[train]", "-e .", ".", "--editable=.[train]  # mine"):
        made = {wants(tmp_path, requirements_txt=line, pyproject_toml=extras.format(x)).key for x in "ab"}
        assert len(made) == 2, line
    made = {wants(tmp_path, requirements_txt="./a.whl", pyproject_toml=extras.format(x)).key for x in "ab"}
    assert len(made) == 1


POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
einops = "^0.7.1"
timm = "^1.2"
tqdm = "~4.66.1"
rich = "13.9"
any = "*"
both = ">=1, <3"
either = "^1 || ^2"
hub = {version = "^2", extras = ["cli", "fast"], markers = "sys_platform == 'linux'"}
mine = {git = "https://host/mine.git", tag = "v1"}
beside = {path = "libs/beside"}
left = {version = "1", optional = true}
"""


def test_requirements_of_poetry(tmp_path):
    """Its own table says what [project] would, in words of its own."""
    assert wants(tmp_path, pyproject_toml=POETRY).requirements == (
        "einops>=0.7.1,<0.8",
        "timm>=1.2,<2",
        "tqdm>=4.66.1,<4.67",
        "rich==13.9",
        "any",
        "both>=1,<3",
        "either",
        "hub[cli,fast]>=2,<3 ; sys_platform == 'linux'",
        "mine @ git+https://host/mine.git@v1",
        "./libs/beside",
    )

"""What a sweep wants of an instance's Pythons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from awstune.errors import TargetError
from awstune.flow import wanting
from awstune.flow.required import Line
from awstune.remote import project
from awstune.search.space import Float, Space
from awstune.sweeps.spec import Spec
from awstune.sweeps.target import Target

FUNCTION = Spec(Target("function", file="train.py", function="train"), Space(x=Float(0, 1)))
COMMAND = Spec(Target("command", command=("python", "train.py", "{x}")), Space(x=Float(0, 1)))
COURSE = "Deep Learning AMI (Ubuntu) Version 21.2"
UBUNTU_18 = "Deep Learning AMI (Ubuntu 18.04) Version 40.0"
TODAY = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Ubuntu 24.04) 20260101"


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
    wanting.refuse(FUNCTION, TODAY, "T4")
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


@pytest.mark.parametrize(
    "said",
    [
        {"requirements_txt": "./libs/near\n"},
        {"pyproject_toml": '[tool.poetry.dependencies]\nnear = {path = "libs/near"}'},
    ],
)
def test_requirements_that_travel_with_the_project(tmp_path, said):
    """A package that lies in the project is installed: with other code in it, it is another environment."""
    (tmp_path / "libs" / "near").mkdir(parents=True)
    (tmp_path / "libs" / "near" / "setup.py").touch()
    made = set()
    for code in ("a = 1", "a = 2"):
        (tmp_path / "libs" / "near" / "near.py").write_text(code)
        made.add(wants(tmp_path, **said).key)
    assert len(made) == 2
    (tmp_path / "train.py").write_text("other = True")
    assert wants(tmp_path, **said).key in made


def test_requirements_that_are_the_project_itself(tmp_path):
    """With `.[train]` the extras of pyproject.toml are wanted: another one is another environment."""
    extras = '[project]\nname = "p"\n[project.optional-dependencies]\ntrain = ["{}"]\n'
    for line in (".[train]", "-e .", ".", "--editable=.[train]  # mine"):
        made = {wants(tmp_path, requirements_txt=line, pyproject_toml=extras.format(x)).key for x in "ab"}
        assert len(made) == 2, line
    files = {"requirements_txt": "./a.whl", "a_whl": ""}
    made = {wants(tmp_path, **files, pyproject_toml=extras.format(x)).key for x in "ab"}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("image", "gpu", "spec", "line", "has"),
    [
        (TODAY, "T4", FUNCTION, "torch==1.4", "the torch 2.8 of the image"),
        (TODAY, "T4", COMMAND, "Torch <2.8 ; python_version > '3.8'", "the torch 2.8 of the image"),
        (COURSE, "K80", COMMAND, "torch>=1.4", "the torch 1.0 of the image"),
        (UBUNTU_18, "K80", FUNCTION, "torch~=2.4", "the torch 2.3.1 that is installed for the K80"),
    ],
)
def test_another_torch(image, gpu, spec, line, has):
    """What is against the torch that stays is said before a launch, with the line to change."""
    asked = Line(line, Path("requirements.txt"), 2, line)
    with pytest.raises(TargetError, match=r"requirements\.txt, line 2") as refused:
        wanting.refuse_against(spec, image, gpu, [asked])
    assert f"is against {has}" in refused.value.message
    assert "requirements.txt" in refused.value.hint


@pytest.mark.parametrize(
    ("image", "gpu", "line"),
    [
        (TODAY, "T4", "torch==2.8.0+cu128"),
        (TODAY, "T4", "torch"),
        (TODAY, "T4", "torch==1.4 ; sys_platform == 'darwin'"),
        (TODAY, "T4", "torchvision==0.1"),
        (UBUNTU_18, "K80", "torch==2.3.1+cu118"),
        (COURSE.replace("21.2", "26.0"), "K80", "torch==1.4"),
        ("an image of one's own", "T4", "torch==1.4"),
    ],
)
def test_no_other_torch(image, gpu, line):
    """What the torch there may well be is not refused, nor where it is not known."""
    wanting.refuse_against(FUNCTION, image, gpu, [Line(line, Path("requirements.txt"), 1, line)])


def test_a_plan_with_another_torch(tmp_path):
    """A plan is refused by it; with a typed Python, whose packages are left alone, it is not."""
    (tmp_path / "requirements.txt").write_text("einops\ntorch==1.4\n")
    plan, found = (
        SimpleNamespace(launches=(SimpleNamespace(type="g4dn.xlarge", image=TODAY),)),
        project.read(tmp_path),
    )
    aws = SimpleNamespace(local=False)
    with pytest.raises(TargetError, match=r"requirements\.txt, line 2: 'torch==1\.4'"):
        wanting.refuse_plan(aws, plan, FUNCTION, found)
    wanting.refuse_plan(aws, plan, replace(FUNCTION, python="/opt/mine"), found)

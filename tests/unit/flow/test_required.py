"""What a project requires: Poetry's words as pip has them, and what pip would not take, before a launch."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from awstune.errors import TargetError
from awstune.flow import poetry, required
from awstune.remote import project

POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
einops = "^0.7.1"
any = "*"
hub = {version = "^2", extras = ["cli", "fast"], markers = "sys_platform == 'linux'"}
mine = {git = "https://host/mine.git", tag = "v1", subdirectory = "py"}
near = {git = "git@host:who/near.git"}
beside = {path = "libs/beside"}
left = {version = "1", optional = true}
mac = {version = "1.2", platform = "darwin"}

[[tool.poetry.dependencies.several]]
version = "<=1.9"
python = "<3.8 || 3.9.1"

[[tool.poetry.dependencies.several]]
version = "^2.0"
python = ">=3.10"
markers = "sys_platform == 'linux' or os_name == 'nt'"
"""


def texts(tmp_path, **files):
    """What is asked for by a project of these files; __ for a slash."""
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lines, _ = required.of_project(project.read(tmp_path))
    return [line.text for line in lines]


@pytest.mark.parametrize(
    ("said", "versions"),
    [
        ("*", ""),
        ("13.9", "==13.9"),
        ("= 13.9", "==13.9"),
        ("1.2.*", "==1.2.*"),
        ("^1.2", ">=1.2,<2"),
        ("^0.4.2", ">=0.4.2,<0.5"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^1.2.0rc1", ">=1.2.0rc1,<2"),
        ("~4.66.1", ">=4.66.1,<4.67"),
        ("~2.1.0-beta.1", ">=2.1.0-beta.1,<2.2"),
        ("~1", ">=1,<2"),
        ("~=2.1", "~=2.1"),
        (">=1, <3", ">=1,<3"),
        (">=1.0 <2.0", ">=1.0,<2.0"),
        (">= 1.0 , != 1.5.*", ">=1.0,!=1.5.*"),
        ("^1 || ^2", ">=1,<3"),
        ("^2|^1", ">=1,<3"),
        ("^1 || *", ""),
        ("^1.2 || ^3.1", ">=3.1,<4"),
        ("<2.0 || >=2.5", ">=2.5"),
        ("2.0 || 1.9", "==2.0"),
    ],
)
def test_versions_of_poetry(said, versions):
    """Each of its words is one of pip's, with the very versions; of a gap the newer side is taken."""
    assert poetry.versions(said) == versions
    Requirement(f"x{versions}")


def test_a_table_of_poetry(tmp_path):
    """Extras, places and conditions come along, and one name may stand for several."""
    found = texts(tmp_path, pyproject_toml=POETRY, libs__beside__setup_py="")
    assert found == [
        "einops>=0.7.1,<0.8",
        "any",
        "hub[cli,fast]>=2,<3 ; sys_platform == 'linux'",
        "mine @ git+https://host/mine.git@v1#subdirectory=py",
        "near @ git+ssh://git@host/who/near.git",
        "./libs/beside",
        "mac==1.2 ; sys_platform == 'darwin'",
        "several<=1.9 ; (python_version < '3.8' or python_full_version == '3.9.1')",
        "several>=2.0,<3 ; (sys_platform == 'linux' or os_name == 'nt') and python_version >= '3.10'",
    ]


@pytest.mark.parametrize(
    "table",
    ['[project]\ndependencies = "torch"', 'tool = "x"', "[tool.poetry]\ndependencies = 3", "project = []"],
)
def test_a_table_of_another_shape(tmp_path, table):
    """What is no table of dependencies is refused, rather than taken letter by letter."""
    with pytest.raises(TargetError, match=r"pyproject\.toml has its dependencies in a way"):
        texts(tmp_path, pyproject_toml=table)


def test_lists_that_setuptools_reads(tmp_path):
    """Where a project's dependencies are in files of other names, those files say them."""
    table = (
        '[project]\nname = "p"\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies = {file = ["needs.in"]}\n'
    )
    assert texts(tmp_path, pyproject_toml=table, needs_in="einops  # it\ntimm\n") == ["einops", "timm"]
    (tmp_path / "needs.in").unlink()
    with pytest.raises(TargetError, match=r"pyproject\.toml: 'needs\.in': needs\.in does not travel"):
        texts(tmp_path)


LIST = """\
# what it takes
--extra-index-url https://host/simple
-fhttps://host/wheels
-r requirements/more.txt
torch>=2 ; sys_platform == "linux"  # of the image
einops[all]==0.7 \\
  --hash=sha256:00
thing @ https://host/thing.whl
git+https://host/other.git
./libs/thing-1-py3-none-any.whl
-e .[train]
tqdm==${TQDM}
"""


def test_a_list_as_pip_reads_it(tmp_path):
    """Comments, options, continued lines, other files, places and variables are what they are to pip."""
    wheel = {"libs__thing-1-py3-none-any_whl": ""}
    more = {"requirements__more_txt": "-c limits.txt\ntimm\n", "requirements__limits_txt": "timm<2\n"}
    found = texts(tmp_path, requirements_txt=LIST, pyproject_toml="", **wheel, **more)
    assert found[:2] == ["--extra-index-url https://host/simple", "-fhttps://host/wheels"]
    assert found[2:4] == ["timm<2", "timm"]
    assert found[5] == "einops[all]==0.7   --hash=sha256:00"
    assert found[-2:] == [".[train]", "tqdm==${TQDM}"]


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("einops\ntorch=2.0\n", "requirements.txt, line 2: 'torch=2.0'", "pip would not understand it"),
        ("a \\\n\nb>=1.*\n", "requirements.txt, line 3: 'b>=1.*'", ".* suffix can only"),
        ("-r more.txt\n", "requirements.txt, line 1: '-r more.txt'", "does not travel, or is not there"),
        ("-r base.in\n", "base.in, line 1: 'two words'", "pip would not understand it"),
        ("./libs/gone\n", "requirements.txt, line 1: './libs/gone'", "does not travel"),
        ("-e .\n", "requirements.txt, line 1: '-e .'", "cannot be installed"),
        ("--no-deps\n", "requirements.txt, line 1: '--no-deps'", "no such option"),
    ],
)
def test_what_pip_would_not_take(tmp_path, text, where, why):
    """It is refused with its file, its line and the reason, and the file to mend."""
    with pytest.raises(TargetError) as refused:
        texts(tmp_path, requirements_txt=text, base_in="two words\n")
    assert refused.value.message.startswith(where)
    assert why in refused.value.message
    assert str(tmp_path) in refused.value.hint


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ('[project]\nname = "p"\ndependencies = [\n  "einops",\n  "torch=2",\n]\n', "line 5: '\"torch=2\",'"),
        ('[tool.poetry.dependencies]\neinops = "2 or so"\n', "line 2: 'einops = \"2 or so\"'"),
        ('[tool.poetry.dependencies]\nbeside = {path = "../beside"}\n', "line 2: 'beside ="),
        (
            '[tool.x]\n[tool.poetry.dependencies]\nax = "1"\nx = {version = "1", python = "new"}\n',
            "line 4: 'x =",
        ),
    ],
)
def test_a_table_that_pip_would_not_take(tmp_path, table, where):
    """The same for what pyproject.toml says, in its own words."""
    with pytest.raises(TargetError) as refused:
        texts(tmp_path, pyproject_toml=table)
    assert refused.value.message.startswith(f"pyproject.toml, {where}")

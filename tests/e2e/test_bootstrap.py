"""A sweep on made-up images: which Python it finds, what it installs, and what it says where it cannot."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from awstune.localcloud import lifecycle
from awstune.remote.pythons import NEEDS
from tests.world import World, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("bootstrap")]

TRAIN = """
import sys
from awstune import Float, Space

space = Space(x=Float(0.0, 1.0))
metric, mode = "loss", "min"


def train(trial):
    import os
    print("runs under", sys.executable, "with", os.environ.get("PATH", "").split(":")[0])
    trial.report(loss=trial.params["x"])
"""
# Answers the probe with what is written beside it; runs anything else under a real interpreter.
STUB = """#!/bin/sh
case "$2" in *awstune-python*) printf 'awstune-python '; exec sed "s|PYTHON|$3|" "$0.json" ;; esac
exec {python} "$@"
"""
SMI = "#!/bin/sh\ncase \"$*\" in *compute_cap*) echo '{gpu}' ;; esac\n"


# Makes an environment that is this very one, but without pip, and says what it was asked to install.
UV = """#!/bin/sh
echo "$@" >> "$HOME/uv-asked"
[ "$1" = venv ] || exit 0
mkdir -p "$4/bin"
printf '%s\\n' '#!/bin/sh' 'case "$1$2" in -mpip) exit 1 ;; esac' 'exec {python} "$@"' > "$4/bin/python"
chmod +x "$4/bin/python"
"""
OFFLINE = "#!/bin/sh\necho 'curl: (6) Could not resolve host: github.com' >&2\nexit 6\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One embedded cloud without a package index, and one instance that each test furnishes anew."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PIP_NO_INDEX", "1")
        with running(tmp_path_factory, "images", train=TRAIN) as made:
            made.run("launch", "lab")
            yield made
            made.run("terminate", "--all", "--discard")


class Image:
    """What an image holds, below the folder that stands for an instance."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "root", folder / "bin"
        self.ours = folder / "home" / "ubuntu" / ".awstune"
        self.asked = self.ours.with_name("uv-asked")
        self._shim = (self.bin / "python3").read_text()

    def gpu(self, line):
        """It has that GPU: name, driver, compute capability."""
        self.program(self.bin / "nvidia-smi", SMI.format(gpu=line))

    def python(self, path, version=(3, 12, 1), **facts):
        """It has that Python, by its own words; it is run by this very one."""
        said = {
            "python": "PYTHON",
            "version": list(version),
            "paths": [f"/site/{path}"],
            "dists": {},
            "torch": None,
            "sees": False,
            "arches": [],
            "capability": None,
            "why": "",
            **facts,
        }
        self.program(path, STUB.format(python=shlex.quote(sys.executable)))
        path.with_name(f"{path.name}.json").write_text(json.dumps(said) + "\n")

    def program(self, path, text):
        """An executable there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def clean(self):
        """Bare again."""
        self.program(self.bin / "python3", self._shim)
        for path in (*(self.bin / name for name in ("nvidia-smi", "curl", "uv", "python3.json")), self.asked):
            path.unlink(missing_ok=True)
        for folder in (self.root / "opt", self.ours / "runtimes", self.ours / "envs"):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def image(world):
    """The instance's image, bare again after the test."""
    made = Image(Path(lifecycle.instances(lifecycle.find(world.home))[0]["folder"]))
    yield made
    made.clean()


def sweep(world, name, check=0, *, cwd=None, target="train.py"):
    """A sweep of one trial there; what was said on the way."""
    words = ("--on", "lab", "--trials", "1", "--name", name)
    return (World(world.home, cwd) if cwd else world).run("sweep", target, *words, check=check)


def log(world, name, cwd=None):
    """What the trial said."""
    return ((cwd or world.cwd) / "sweeps" / name / "trials" / "0000" / "log.txt").read_text()


ABLE = {
    "torch": "2.6.0",
    "sees": True,
    "arches": ["sm_75"],
    "capability": [7, 5],
    "dists": dict.fromkeys(NEEDS, "99"),
}


def test_of_two_pythons_the_one_that_computes(world, image):
    """The one whose torch has code for the GPU is taken; the second sweep starts without a look."""
    image.gpu("Tesla T4, 570.86, 7.5")
    image.python(image.root / "opt/conda/envs/a/bin/python", **{**ABLE, "torch": "2.9", "arches": ["sm_90"]})
    image.python(image.root / "opt/pytorch/bin/python", **ABLE)
    said = sweep(world, "two").stderr
    assert "/opt/pytorch/bin/python has torch 2.6.0, which computes on the Tesla T4" in said
    assert "looking which Python" not in sweep(world, "again").stderr


def test_a_torch_for_another_gpu(world, image):
    """Where no torch there computes on the GPU, and no build would, that is said, and nothing is left."""
    image.gpu("Tesla K80, 410.104")
    image.python(image.root / "opt/pytorch/bin/python", **ABLE)
    image.program(image.bin / "python3", "#!/bin/sh\nexit 1\n")
    image.python(image.root / "opt/pytorch/bin/python", **{**ABLE, "capability": [3, 7]})
    refused = sweep(world, "other", check=1).stderr
    assert "computes on the Tesla K80 with driver 410" in refused
    assert "has torch 2.6.0 for sm_75" in refused
    assert "-- python train.py" in refused
    assert not (world.cwd / "sweeps" / "other").exists()


OLD = {"torch": "1.8.1", "sees": True, "arches": ["sm_37"], "capability": [3, 7]}


@pytest.mark.parametrize(
    ("gpu", "version", "has", "torch", "cuda", "why"),
    [
        ("T4, 570.86, 7.5", (3, 12, 3), {}, "torch==2.9.1", "cu128", "no torch here computes on the T4"),
        (
            "K80, 470.57, 3.7",
            (3, 7, 10),
            OLD,
            "torch==2.3.1",
            "cu118",
            "is Python 3.7, and a function needs 3.11",
        ),
    ],
    ids=["T4", "K80"],
)
def test_no_torch(world, image, tmp_path, gpu, version, has, torch, cuda, why):
    """With a GPU and no torch that a function could use uv brings a Python, and the build for that GPU."""
    image.gpu(gpu)
    image.python(image.bin / "python3", version, **has)
    image.program(image.bin / "uv", UV.format(python=shlex.quote(sys.executable)))
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "requirements.txt").write_text("torchvision\n")
    said = sweep(world, f"none-{cuda}", cwd=tmp_path).stderr
    assert f"{why}: {torch} is installed" in said
    made, build, packages, own = image.asked.read_text().splitlines()
    assert made.startswith("venv --python 3.11 ")
    assert build.endswith(f"{torch} --index-url https://download.pytorch.org/whl/{cuda}")
    assert "--only-binary :all:" in packages
    assert f"--extra-index-url https://download.pytorch.org/whl/{cuda}" in own
    constraints = own.split(" -c ")[1].split()[0]
    assert Path(constraints).read_text() == f"{torch}\n"
    assert "runs under" in log(world, f"none-{cuda}", tmp_path)


def test_an_old_python_and_no_network(world, image):
    """Where a Python has to be fetched and cannot be, the line that says why is told."""
    image.python(image.bin / "python3", (3, 6, 9))
    image.program(image.bin / "curl", OFFLINE)
    refused = sweep(world, "old", check=1).stderr
    assert "making an environment on the instance failed" in refused
    assert "uv cannot be fetched" in refused
    assert "Could not resolve host: github.com" in refused
    assert ".awstune/envs/" in refused


def wheel(folder, name, version):
    """A wheel of one module, by hand: no index is needed to install it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    return path.name


NEEDY = TRAIN.replace(
    "    import os\n", "    import os, thing, numpy\n    print('thing', thing.version, numpy.__file__)\n"
)


def test_a_project_with_requirements(world, image, tmp_path):
    """They are installed beside what the image has, which stays; other ones make another environment."""
    (tmp_path / "train.py").write_text(NEEDY)
    (tmp_path / "requirements.txt").write_text(f"numpy\n./{wheel(tmp_path, 'thing', '1.0')}\n")
    said = sweep(world, "needy", cwd=tmp_path).stderr
    assert "installing the project's requirements: Installing collected packages: thing" in said
    assert "thing 1.0" in log(world, "needy", tmp_path)
    assert "/envs/" not in log(world, "needy", tmp_path).split("thing 1.0")[1].split("\n")[0]
    assert "installing" not in sweep(world, "needy-too", cwd=tmp_path).stderr
    (tmp_path / "requirements.txt").write_text(f"./{wheel(tmp_path, 'thing', '2.0')}\n")
    sweep(world, "newer", cwd=tmp_path)
    assert "thing 2.0" in log(world, "newer", tmp_path)


def test_requirements_of_a_command_under_an_old_python(world, image, tmp_path):
    """A command under an image's old Python finds its project's code and what that requires."""
    image.gpu("Tesla K80, 410.104, 3.7")
    able = {**ABLE, "arches": ["sm_37"], "capability": [3, 7], "paths": [sysconfig.get_paths()["purelib"]]}
    image.python(image.root / "opt/conda/bin/python", (3, 6, 5), **able)
    image.python(image.bin / "python3", dists=ABLE["dists"])
    program = (
        "import sys, own, thing\n"
        "print('awstune: loss=' + sys.argv[1], 'thing', thing.version, sys.executable)\n"
    )
    (tmp_path / "one.py").write_text(program)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own.py").touch()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'own'\n")
    (tmp_path / "requirements.txt").write_text(f"./{wheel(tmp_path, 'thing', '1.0')}\n")
    words = ("--on", "lab", "--trials", "1", "--name", "aged", "--metric", "loss", "-p", "x=0..1")
    said = World(world.home, tmp_path).run("sweep", *words, "--", "python", "one.py", "{x}").stderr
    assert "commands run under" in said
    assert "installing the project's requirements" in said
    assert "thing 1.0" in log(world, "aged", tmp_path)
    assert "-programs/bin/python" in log(world, "aged", tmp_path)


def test_a_requirement_against_torch(world, image, tmp_path):
    """One that would change the image's torch is refused by pip, and its words are told."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "requirements.txt").write_text(f"./{wheel(tmp_path, 'torch', '0.1')}\n")
    refused = sweep(world, "against", check=1, cwd=tmp_path).stderr
    assert "installing the project's requirements on the instance failed" in refused
    assert "torch" in refused.split("failed: ")[1]
    assert re.search(r"torch==\S+ stays as it is there: have the requirements allow it", refused)


def test_a_typed_python(world, image):
    """`--python` names the trials' own; one that is not there is refused with those that are."""
    words = ("sweep", "train.py", "--on", "lab", "--trials", "1", "--name", "typed", "--python")
    refused = world.run(*words, "/not/there", check=1).stderr
    assert "there is no Python /not/there on the instance" in refused
    assert "python3 (3." in refused
    world.run(*words, sys.executable)
    assert sys.executable in log(world, "typed")

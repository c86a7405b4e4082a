"""Which Python a sweep is built on, by made-up images."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from awstune.errors import RemoteError
from awstune.remote import bootstrap, listing, pythons, recipe
from awstune.remote.pythons import NEEDS, Python
from awstune.remote.recipe import Build, Machine, Wants

ALL = dict.fromkeys(NEEDS, "99")
T4 = Machine("Tesla T4", 7.5, 570, 2.35)
K80 = Machine("Tesla K80", 0.0, 410, 2.23)
KNOWN = {"K80": 3.7, "T4": 7.5}
BUILDS = (
    Build("torch==2.9.1", "https://new", 7.0, 12.0, 525, 2.28),
    Build("torch==2.3.1", "https://old", 3.7, 9.0, 450, 2.17),
)


def python(name, version=(3, 12, 1), **facts):
    """A made-up Python; with a torch it sees the GPU, unless it is said otherwise."""
    facts = {"sees": "torch" in facts, "capability": (7, 5) if "torch" in facts else None, **facts}
    return Python(name, version, (f"/site/{name}",), **{"dists": {}, **facts})


def decide(found, machine=T4, **wants):
    """The recipe for that image."""
    return recipe.decide(Wants(builds=BUILDS, **wants), found, machine, KNOWN)


def test_the_torch_that_computes_is_taken():
    """Of two Pythons with a torch the one with code for this GPU is taken, not the newer one."""
    other = python("/a/python", torch="2.9.0", arches=("sm_90", "sm_100"))
    right = python("/b/python", torch="2.6.0", arches=("sm_70", "sm_75"), dists={**ALL, "torch": "2.6.0"})
    made = decide([other, right])
    assert (made.base, made.environment) == ("/b/python", False)


def test_an_environment_over_it():
    """What awstune needs is installed over it, and its torch, its libraries and its numpy's major stay."""
    base = python(
        "/opt/python",
        torch="2.8.0+cu128",
        dists={"torch": "2.8.0+cu128", "numpy": "1.26.4", "pip": "24", "nvidia-cudnn-cu12": "9"},
    )
    made = decide([base])
    assert made.joined == base.paths
    assert "scipy>=1.11" in made.packages
    assert "numpy>=1.26" not in made.packages
    assert made.constraints == ("numpy<2", "nvidia-cudnn-cu12==9", "torch==2.8.0+cu128")
    assert made.torch is None


def test_what_a_project_has_already_is_not_installed():
    """Requirements that are certainly met need no environment; one that may not be does."""
    base = python("/opt/python", torch="2.8.0", dists={**ALL, "torch": "2.8.0", "tqdm": "4.66"})
    met = ("torch", "torch>=2,<3", "tqdm >= 4", "# a comment")
    assert not decide([base], requirements=met).environment
    assert decide([base], requirements=("tqdm>=5",)).requirements == ("tqdm>=5",)
    assert decide([base], requirements=("torch", "einops==0.7 ; python_version > '3'")).environment


@pytest.mark.parametrize(
    ("found", "wants", "has"),
    [
        ({"dists": {"torch": "2.8.0+cu128"}}, {}, "torch 2.8.0+cu128 is what /python has"),
        ({"version": (3, 7, 2)}, {"function": False}, "torch 2.8.0 is what /python has"),
        ({"arches": ("sm_37",)}, {}, "torch 2.9.1 is what can be had there"),
    ],
)
def test_a_requirement_against_torch(found, wants, has):
    """What pip would find out at the end is said before anything is installed."""
    image = python("/python", **{"torch": "2.8.0", "arches": ("sm_75",), **found})
    lines = ("tqdm", "torch==1.4 ; python_version < '3.7'", "torch<2  # mine")
    with pytest.raises(RemoteError, match=re.escape(f"the project requires torch<2, and {has}")) as refused:
        decide([image], requirements=lines, **wants)
    assert "stays as it is there" in refused.value.hint


def test_an_old_python_with_the_right_torch():
    """Commands run under it, awstune under one that uv brings; a function gets a torch of its own."""
    old = python("/home/ubuntu/anaconda3/envs/p36/bin/python", (3, 6, 5), torch="1.0.0", arches=("sm_75",))
    made = decide([old], function=False)
    assert (made.base, made.path) == ("", ("/home/ubuntu/anaconda3/envs/p36/bin",))
    assert decide([old]).torch == BUILDS[0]


def test_requirements_of_commands_under_an_old_python():
    """They come into an environment over it, whose torch stays what it is; what it has needs none."""
    old = python("/conda/bin/python", (3, 6, 5), torch="1.0.0", arches=("sm_75",), dists={"numpy": "1.15"})
    made = decide([old], function=False, requirements=("tqdm",), file="requirements.txt")
    assert made.programs is old
    beside = recipe.for_programs(made, old)
    assert (beside.base, beside.joined) == (old.python, old.paths)
    assert beside.constraints == ("numpy<2", "torch==1.0.0")
    assert (beside.requirements, beside.packages) == (("tqdm",), ())
    assert decide([old], function=False, requirements=("numpy",)).programs is None
    typed = decide(
        [old, python("python3", dists=ALL)], function=False, python=old.python, requirements=("x",)
    )
    assert (typed.programs, typed.environment) == (old, False)


def test_a_k80():
    """The K80's capability is known where its driver does not tell; no build runs with that driver."""
    old = python("/conda/python", (3, 6, 5), torch="1.0.0", arches=("sm_37",), capability=(3, 7))
    with pytest.raises(
        RemoteError, match=r"the Tesla K80 with driver 410 and glibc 2.23; .*sm_37"
    ) as refused:
        decide([old], K80)
    assert "-- python train.py" in refused.value.hint
    newer = Machine("Tesla K80", 0.0, 470, 2.27)
    assert decide([old], newer).torch == BUILDS[1]
    assert decide([old], K80, function=False).path == ("/conda",)


def test_no_torch_at_all():
    """With a GPU a build is installed; without one, none is."""
    bare = python("python3", (3, 10, 12))
    assert decide([bare]).torch == BUILDS[0]
    assert decide([bare]).constraints == ("torch==2.9.1",)  # no requirement brings another one
    assert decide([bare], Machine()).torch is None
    assert decide([bare], Machine()).base == ""
    assert decide([python("python3", dists=ALL)], Machine()).environment is False


def test_a_torch_that_fails_to_import():
    """What importing torch said is in the refusal."""
    broken = python("/opt/python", torch="2.8", sees=False, why="ImportError: libcudart.so.12")
    with pytest.raises(RemoteError, match="libcudart"):
        recipe.decide(Wants(), [broken], T4, KNOWN)


def test_a_typed_python():
    """It is the trials' own and left as it is; one that is not there is refused with what is."""
    mine, system = python("/mine/bin/python", torch="2.8"), python("python3", dists=ALL)
    made = decide([mine, system], python="/mine/bin/python")
    assert (made.base, made.path, made.packages) == ("python3", ("/mine/bin",), ())
    with pytest.raises(RemoteError, match="there is no Python /not/there") as refused:
        decide([mine], python="/not/there")
    assert "/mine/bin/python (3.12)" in refused.value.hint
    with pytest.raises(RemoteError, match=r"is Python 3\.8, and a function needs 3\.11"):
        decide([python("/old", (3, 8, 1)), system], python="/old")


@pytest.mark.parametrize(
    ("arches", "capability", "runs"),
    [
        (("sm_75",), (7, 5), True),
        (("sm_80",), (8, 6), True),
        (("sm_86",), (8, 0), False),
        (("sm_80",), (9, 0), False),
        (("sm_80", "compute_80"), (9, 0), True),
        (("sm_37",), (7, 5), False),
        (("sm_120", "sm_90a"), (9, 0), True),
        ((), (9, 0), False),
    ],
)
def test_architectures(arches, capability, runs):
    """Binary code runs within its major version from its minor one on, PTX on anything newer."""
    assert pythons.covers(arches, capability) is runs


def test_this_very_python_is_understood():
    """The probe's one line, by a real interpreter, is read back; one that says nothing is none."""
    done = subprocess.run(
        [sys.executable, "-c", pythons.PROBE, "python3", "none"], capture_output=True, text=True, check=True
    )
    (found,) = pythons.parse(f"Welcome to this image\n{done.stdout}")
    assert (found.python, found.version, found.missing) == ("python3", sys.version_info[:3], [])
    assert not found.sees


def test_the_probe_is_for_any_python():
    """It holds no syntax that Python 3.4 lacks."""
    for program in (pythons.PROBE, listing.LIST, listing.PIECE):
        ast.parse(program, feature_version=(3, 4))


HIDDEN = """
import sys
for name in ("boto3", "botocore", "click", "paramiko", "pathspec", "rich"):
    sys.modules[name] = None
import awstune.sweeps.worker, awstune.sweeps.onsite, awstune.sweeps.pool, awstune.search.bayes, bayes_opt
"""


def test_what_awstune_needs_is_what_its_worker_imports():
    """The worker runs without any other package of pyproject.toml, and the list has that file's versions."""
    text = (Path(bootstrap.PACKAGE).parent / "pyproject.toml").read_text()
    assert [name for name, oldest in NEEDS.items() if f'"{name}>={oldest}' not in text] == []
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


LOG = """\
Collecting einops==99
ERROR: Could not find a version that satisfies the requirement einops==99 (from versions: 0.7)
ERROR: No matching distribution found for einops==99
[notice] A new release of pip is available
"""


UNREACHED = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: Name not known': /einops/
ERROR: No matching distribution found for einops
"""


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (UNREACHED, "'NewConnectionError: Name not known': /einops/"),
        (LOG, "No matching distribution found for einops==99"),
        ("curl: (6) Could not resolve host: github.com\nbye", "curl: (6) Could not resolve host: github.com"),
        (
            "building\nOSError: [Errno 28] No space left on device\n\n",
            "OSError: [Errno 28] No space left on device",
        ),
        ("what\nis this", "is this"),
        ("", "it said nothing"),
    ],
)
def test_the_line_that_matters(log, line):
    """Of an installation's log the line that says why it failed is told."""
    assert bootstrap.telling(log.splitlines()) == line

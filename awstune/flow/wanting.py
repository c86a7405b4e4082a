"""What a sweep wants of an instance's Pythons, from its spec, its project and what is known of GPUs."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from awstune.ec2 import fits, prices
from awstune.ec2.plan import Plan
from awstune.ec2.session import Cloud
from awstune.errors import TargetError
from awstune.flow import declared
from awstune.names import REMOTE_ROOT
from awstune.remote.project import Project
from awstune.remote.recipe import Build, Wants
from awstune.sweeps.spec import Spec

FILE, PROJECT = "requirements.txt", "pyproject.toml"
BUILD = (PROJECT, "setup.py", "setup.cfg")
_ITSELF = re.compile(
    r"\s*(?:(?:-e|--editable)[ =]\s*)?\.(?:/?\s*$|\[|\s*[;#])"
)  # the project, with what it needs
_DEEPEST = 2


def of_sweep(spec: Spec, parcel: Project, name: str) -> Wants:
    """What is wanted for a sweep of that name.

    Raises:
        TargetError: ``pyproject.toml`` or ``requirements.txt`` cannot be read.
    """
    lines, file = _requirements(parcel)
    return Wants(
        function=spec.target.kind == "function",
        python=spec.python,
        requirements=lines,
        file=file,
        content=_content(parcel, lines) if file else "",
        project=f"{REMOTE_ROOT}/projects/{name}",
        builds=tuple(
            Build(one.spec, one.index, one.lowest, one.cuda.highest, one.cuda.first_driver, one.glibc)
            for one in fits.torches()
        ),
    )


def refuse_plan(cloud: Cloud, plan: Plan, spec: Spec, parcel: Project) -> None:
    """Says before anything is launched that a sweep cannot run on what is planned.

    Raises:
        TargetError: a function has no torch there; or what the project requires cannot be read.
    """
    of_sweep(spec, parcel, "")
    known = prices.shipped().types
    for run in () if cloud.local else plan.launches:  # an embedded instance computes on this machine
        facts = known.get(run.type)
        refuse(spec, run.image, facts.gpu if facts else "")


def refuse(spec: Spec, image: str, gpu: str) -> None:
    """Says before anything is launched that a function has no torch on that image with that GPU.

    Args:
        spec: the sweep's.
        image: the image's name.
        gpu: the GPU's; empty where it is not known.

    Raises:
        TargetError: so it is; with the command form that would do.
    """
    known = fits.setup(image, gpu)
    if known is None or known.kind != "command" or spec.target.kind != "function":
        return
    raise TargetError(
        f"a function needs a torch for Python 3.11 or newer: {known.reason}",
        "a command runs under the image's own Python: awstune sweep ... -- python train.py --lr {lr}; "
        "or --type g4dn.xlarge, with an image of today",
    )


def _requirements(parcel: Project) -> tuple[tuple[str, ...], str]:
    """The lines, and the file of the project that has them."""
    if Path(FILE) in parcel.files:
        return tuple(_text(parcel.root / FILE).splitlines()), FILE
    if Path(PROJECT) in parcel.files:
        try:
            table = tomllib.loads(_text(parcel.root / PROJECT))
        except tomllib.TOMLDecodeError as error:
            raise TargetError(f"{PROJECT} is not TOML: {error}", f"mend {parcel.root / PROJECT}") from error
        return declared.dependencies(table), ""
    return (), ""


def _content(parcel: Project, lines: Sequence[str]) -> str:
    itself = any(_ITSELF.match(line) for line in lines)
    digest = hashlib.sha256()
    for file in parcel.files:
        if _says(file) or (itself and str(file) in BUILD):
            digest.update(str(file).encode() + b"\0" + (parcel.root / file).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _says(file: Path) -> bool:
    """Whether a file may be one that requirements name: at the top, or in a folder for them."""
    lists = file.suffix in (".txt", ".in") and ("require" in str(file) or "constraint" in str(file))
    return len(file.parts) <= _DEEPEST and (lists or file.suffix == ".whl")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} cannot be read: {error}", "it is a text file in UTF-8") from error

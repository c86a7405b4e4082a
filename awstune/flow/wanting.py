"""What a sweep wants of an instance's Pythons, from its spec, its project and what is known of GPUs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from awstune.ec2 import fits, prices
from awstune.ec2.plan import Plan
from awstune.ec2.session import Cloud
from awstune.errors import TargetError
from awstune.flow import required
from awstune.flow.required import Line
from awstune.names import REMOTE_ROOT
from awstune.remote.project import Project
from awstune.remote.recipe import Build, Wants
from awstune.remote.requirements import against, place_of
from awstune.sweeps.spec import Spec

_DEEPEST = 2


def of_sweep(spec: Spec, parcel: Project, name: str) -> Wants:
    """What is wanted for a sweep of that name.

    Raises:
        TargetError: ``pyproject.toml`` or ``requirements.txt`` cannot be read, or is none to pip.
    """
    asked, file = required.of_project(parcel)
    lines = tuple(line.text for line in asked)
    return Wants(
        function=spec.target.kind == "function",
        python=spec.python,
        requirements=lines,
        file=file,
        content=_content(parcel, lines, listed=bool(file)),
        project=f"{REMOTE_ROOT}/projects/{name}",
        builds=tuple(
            Build(one.spec, one.index, one.lowest, one.cuda.highest, one.cuda.first_driver, one.glibc)
            for one in fits.torches()
        ),
    )


def refuse_plan(cloud: Cloud, plan: Plan, spec: Spec, parcel: Project) -> None:
    """Says before anything is launched that a sweep cannot run on what is planned.

    Raises:
        TargetError: a function has no torch there; or what the project requires cannot be read, is nothing
            that pip would take, or is against the torch that is there.
    """
    asked, _ = required.of_project(parcel)
    known = prices.shipped().types
    for run in () if cloud.local else plan.launches:  # an embedded instance computes on this machine
        facts = known.get(run.type)
        gpu = facts.gpu if facts else ""
        refuse(spec, run.image, gpu)
        if spec.python is None:
            refuse_against(spec, run.image, gpu, asked)


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


def refuse_against(spec: Spec, image: str, gpu: str, asked: Sequence[Line]) -> None:
    """Says before anything is launched that a project requires another torch than it will find.

    Args:
        spec: the sweep's.
        image: the image's name.
        gpu: the GPU's.
        asked: the project's requirements.

    Raises:
        TargetError: so it is; with the line to change.
    """
    there = fits.torch(image, gpu, function=spec.target.kind == "function")
    if there is None:
        return
    line = next((one for one in asked if against([one.text], "torch", there.version, there.python)), None)
    if line is not None:
        raise TargetError(
            f"{line.where}: {line.said!r} is against the torch {there.version} {there.whose}, which stays",
            f"allow torch {there.version} in {line.file}, or leave torch out; --ami takes another image",
        )


def _content(parcel: Project, lines: Sequence[str], *, listed: bool) -> str:
    """A name for all files that what is wanted depends on; empty where it depends on none."""
    places = [Path(place) for line in lines if (place := place_of(line)) and "://" not in place]
    # Its own code is found where it lies; of the project itself only what it depends on is installed.
    inside = [place for place in places if place != Path()]
    itself = len(inside) < len(places)
    found = [
        file
        for file in parcel.files
        if (listed and _says(file))
        or (itself and str(file) in required.BUILD)
        or any(file.is_relative_to(place) for place in inside)
    ]
    digest = hashlib.sha256()
    for file in found:
        digest.update(str(file).encode() + b"\0" + (parcel.root / file).read_bytes() + b"\0")
    return digest.hexdigest()[:16] if found else ""


def _says(file: Path) -> bool:
    """Whether a file may be one that requirements name: at the top, or in a folder for them."""
    lists = file.suffix in (".txt", ".in") and ("require" in str(file) or "constraint" in str(file))
    return len(file.parts) <= _DEEPEST and (lists or file.suffix == ".whl")

"""Does this image drive that GPU, and with which torch? A pure answer from a table, with its reason.

A K80 needs a driver of branch 470 or older and CUDA 11.8 or older; an image of today has neither. What
no row knows is not judged: the answer is then None.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

_OPEN_DRIVER_FROM = 7.5
_OURS = (3, 11)
_NAMED = re.compile(r"PyTorch (\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Gpu:
    """A GPU model.

    Attributes:
        name: such as ``K80``.
        capability: NVIDIA's compute capability.
        first_driver: the oldest driver branch that drives it.
        last_driver: the newest; 0 where newer ones still do.
    """

    name: str
    capability: float
    first_driver: int
    last_driver: int


@dataclass(frozen=True)
class Cuda:
    """A CUDA toolkit: the driver branch it needs, and the compute capabilities that it has code for."""

    version: str
    first_driver: int
    lowest: float
    highest: float


@dataclass(frozen=True)
class Torch:
    """A build of torch for an environment that is made on the instance."""

    spec: str
    index: str
    cuda: Cuda
    lowest: float
    glibc: float


@dataclass(frozen=True)
class Family:
    """What is known of a family of images.

    Attributes:
        pattern: which names belong to it (as a shell matches file names).
        query: what to give ``--ami`` for one of it.
        driver: the branch of its NVIDIA driver.
        cuda: its CUDA.
        torch: its torch's version; empty where it has none.
        python: its Python's version.
        interpreter: the Python that has that torch.
        user: whom to log in as.
        glibc: its C library's version, which wheels depend on.
        open_driver: whether its driver is NVIDIA's open kernel modules.
        imds_v1_boot: whether its cloud-init is older than IMDSv2 (19.4), so that it could not read its
            user-data where tokens are required.
    """

    pattern: str
    query: str
    driver: int
    cuda: Cuda
    torch: str
    python: str
    interpreter: str
    user: str
    glibc: float
    open_driver: bool = False
    imds_v1_boot: bool = False

    @property
    def runs_awstune(self) -> bool:
        """Whether awstune can be imported by the image's own Python."""
        major, minor = self.python.split(".")
        return (int(major), int(minor)) >= _OURS


@dataclass(frozen=True)
class Fit:
    """Whether an image and a GPU fit.

    Attributes:
        ok: whether they do.
        reason: why, or why not, in one sentence.
        instead: what to give ``--ami`` instead; empty where it fits, or nothing known does.
    """

    ok: bool
    reason: str
    instead: str = ""


@dataclass(frozen=True)
class Setup:
    """How a trial gets a torch that uses the GPU.

    Attributes:
        kind: ``image`` (the image's Python runs awstune and has such a torch), ``own`` (an environment
            of its own with ``torch``), or ``command`` (only commands under the image's Python do).
        interpreter: the image's Python.
        torch: the build to install for ``own``.
        reason: why, in one sentence.
    """

    kind: str
    interpreter: str
    reason: str
    torch: Torch | None = None


@dataclass(frozen=True)
class Present:
    """The torch that a sweep's trials will find.

    Attributes:
        version: as far as it is known: of ``2.8`` any patch may be there.
        python: the Python that has it.
        whose: in words.
    """

    version: str
    python: str
    whose: str


@dataclass(frozen=True)
class _Table:
    as_of: str
    gpus: dict[str, Gpu]
    torches: tuple[Torch, ...]
    families: tuple[Family, ...]


def family(image: str) -> Family | None:
    """The family of an image, by its name; None where no row knows it."""
    return next((row for row in _table().families if fnmatchcase(image, row.pattern)), None)


def boots_by_imds_v1(image: str) -> bool:
    """Whether an image of that name boots only where the metadata service asks for no tokens."""
    row = family(image)
    return row is not None and row.imds_v1_boot


def torches() -> tuple[Torch, ...]:
    """The builds of torch for an environment that is made on an instance, the preferred one first."""
    return _table().torches


def capabilities() -> dict[str, float]:
    """Compute capabilities by GPU."""
    return {name: model.capability for name, model in _table().gpus.items()}


def gpu(name: str) -> Gpu | None:
    """A GPU model by name; None where no row knows it."""
    return _table().gpus.get(name)


def check(image: str, gpu_name: str) -> Fit | None:
    """Whether the image's driver and CUDA work with the GPU.

    Args:
        image: the image's name.
        gpu_name: such as ``K80``.

    Returns:
        None where image or GPU is in no row.
    """
    row, model = family(image), gpu(gpu_name)
    if row is None or model is None:
        return None
    against = _driver_against(row, model) or _cuda_against(row.cuda, model)
    if against is None:
        what = f"driver {row.driver} and CUDA {row.cuda.version} drive the {model.name}"
        return Fit(ok=True, reason=what)
    return Fit(ok=False, reason=against, instead=image_for(model))


def image_for(model: Gpu) -> str:
    """What to give ``--ami`` for that GPU: the newest family that drives it; empty where none does."""
    for row in sorted(_table().families, key=lambda row: (bool(row.torch), row.driver), reverse=True):
        if _driver_against(row, model) is None and _cuda_against(row.cuda, model) is None:
            return row.query
    return ""


def setup(image: str, gpu_name: str) -> Setup | None:
    """How a function target gets a torch that uses the GPU there.

    Returns:
        None where image or GPU is in no row.
    """
    row, model = family(image), gpu(gpu_name)
    if row is None or model is None:
        return None
    if row.runs_awstune and row.torch:
        return Setup("image", row.interpreter, f"the image's Python {row.python} has torch {row.torch}")
    for build in _table().torches:
        if _runs(build, row, model):
            on = f"the {model.name} with driver {row.driver}"
            why = f"{build.spec} for CUDA {build.cuda.version} runs on {on}"
            return Setup("own", row.interpreter, why, build)
    return Setup("command", row.interpreter, _why_no_torch(row, model))


def torch(image: str, gpu_name: str, *, function: bool) -> Present | None:
    """The torch that trials will find there.

    Args:
        image: the image's name.
        gpu_name: such as ``K80``.
        function: whether they are calls of a function; a command runs under the image's own Python.

    Returns:
        None where it is not known: a row may stand for images with several.
    """
    row, made = family(image), setup(image, gpu_name)
    if row is None or made is None:
        return None
    if made.torch is not None and (function or not row.torch):
        return Present(made.torch.spec.partition("==")[2], "3.11", f"that is installed for the {gpu_name}")
    named = _NAMED.search(image)
    version = named[1] if named else (row.torch if image == row.query else "")
    return Present(version, row.python, "of the image") if version else None


def _runs(build: Torch, row: Family, model: Gpu) -> bool:
    newest = max(build.cuda.highest, model.capability) == build.cuda.highest
    return (
        newest
        and build.lowest <= model.capability
        and build.cuda.first_driver <= row.driver
        and build.glibc <= row.glibc
    )


def _why_no_torch(row: Family, model: Gpu) -> str:
    return (
        f"no torch for Python 3.11 runs on the {model.name} with driver {row.driver} "
        f"and glibc {row.glibc:g}; the image's own Python {row.python} has torch {row.torch}"
    )


def _driver_against(row: Family, model: Gpu) -> str | None:
    has = f"this image has {row.driver}"
    if model.last_driver and row.driver > model.last_driver:
        return f"the {model.name} needs a driver of branch {model.last_driver} or older; {has}"
    if row.driver < model.first_driver:
        return f"the {model.name} needs a driver of branch {model.first_driver} or newer; {has}"
    if row.open_driver and model.capability < _OPEN_DRIVER_FROM:
        return (
            f"this image's open driver needs compute capability {_OPEN_DRIVER_FROM}; "
            f"the {model.name} has {model.capability}"
        )
    return None


def _cuda_against(cuda: Cuda, model: Gpu) -> str | None:
    if cuda.lowest <= model.capability <= cuda.highest:
        return None
    return (
        f"CUDA {cuda.version} has code for compute capability {cuda.lowest} to {cuda.highest}; "
        f"the {model.name} has {model.capability}"
    )


@cache
def _table() -> _Table:
    text = resources.files("awstune.ec2").joinpath("fits.toml").read_text(encoding="utf-8")
    raw: dict[str, Any] = tomllib.loads(text)
    cudas = {version: Cuda(version, *row) for version, row in raw["cuda"].items()}
    return _Table(
        as_of=raw["as_of"],
        gpus={name: Gpu(name, *row) for name, row in raw["gpus"].items()},
        torches=tuple(Torch(**{**row, "cuda": cudas[row["cuda"]]}) for row in raw["torch"]),
        families=tuple(Family(**{**row, "cuda": cudas[row["cuda"]]}) for row in raw["images"]),
    )

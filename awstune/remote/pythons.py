"""The Pythons of an instance: which there are, and which of them a sweep is built on.

An image has several, and only one of them may have a torch with code for the GPU. Each is asked by a
program that any Python since 2.7 understands; what to do with the answers is decided here, purely.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OURS = (3, 11)  # the oldest Python that awstune itself runs on

# What awstune's worker imports, with the oldest version that does; pyproject.toml says why each.
NEEDS = {
    "bayesian-optimization": "3.4",
    "cloudpickle": "3.1",
    "filelock": "3.16",
    "numpy": "1.26",
    "psutil": "6",
    "scipy": "1.11",
    "threadpoolctl": "3.1",
    "tomlkit": "0.13",
}

# Where images keep their Pythons, as a shell expands it, below what stands for "/".
PLACES = (
    '"$R"/opt/pytorch/bin/python "$R"/opt/conda/envs/*/bin/python "$R"/opt/conda/bin/python '
    '"$HOME"/anaconda3/envs/*/bin/python "$HOME"/miniconda3/envs/*/bin/python '
    '"$R"/usr/local/bin/python3 "$R"/opt/python*/bin/python3 python3'
)

# Prints one line of JSON. Torch is imported only where there is a GPU to see: it takes seconds.
PROBE = r"""
import json, os, sys
said = {"python": sys.argv[1], "version": list(sys.version_info[:3]), "paths": [], "dists": {}, "torch": None,
        "sees": False, "arches": [], "capability": None, "why": ""}
try:
    import sysconfig
    said["paths"] = sorted(set(sysconfig.get_paths()[k] for k in ("purelib", "platlib")))
except Exception:  # an image's Python may be of any kind, and half of one: what it cannot say is left out
    pass
try:
    from importlib import metadata
    for dist in metadata.distributions():
        name = (dist.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-")
        said["dists"].setdefault(name, dist.version)
except Exception:  # before 3.8 it was another module's
    try:
        import pkg_resources
        for dist in pkg_resources.working_set:
            name = dist.project_name.lower().replace("_", "-").replace(".", "-")
            said["dists"].setdefault(name, dist.version)
    except Exception:  # as above
        pass
said["torch"] = said["dists"].get("torch")
if sys.argv[2] == "gpu":
    try:
        import torch
        said["torch"] = str(torch.__version__)
        said["sees"] = bool(torch.cuda.is_available())
        if said["sees"]:
            said["capability"] = list(torch.cuda.get_device_capability(0))
            said["arches"] = list(torch.cuda.get_arch_list()) if hasattr(torch.cuda, "get_arch_list") else []
    except Exception as error:  # whatever importing torch meets there
        said["why"] = "%s: %s" % (type(error).__name__, error)
print("awstune-python " + json.dumps(said))
"""


@dataclass(frozen=True)
class Python:
    """One Python of an instance.

    Attributes:
        python: how it is called.
        version: such as (3, 11, 7).
        paths: where its packages lie.
        dists: the versions of its packages, by their names in small letters with dashes.
        torch: its torch's version; None where it has none.
        sees: whether that torch sees a GPU.
        arches: what that torch has code for (``sm_75``, ``compute_90``); empty where it cannot say.
        capability: the GPU's, as torch says it.
        why: what importing torch said, where it failed.
    """

    python: str
    version: tuple[int, ...]
    paths: tuple[str, ...] = ()
    dists: Mapping[str, str] = field(default_factory=dict)
    torch: str | None = None
    sees: bool = False
    arches: tuple[str, ...] = ()
    capability: tuple[int, int] | None = None
    why: str = ""

    @property
    def runs_awstune(self) -> bool:
        """Whether awstune itself runs under it."""
        return self.version[:2] >= OURS

    @property
    def computes(self) -> bool:
        """Whether its torch has code for the GPU that it sees."""
        return self.sees and (
            not self.arches or self.capability is None or covers(self.arches, self.capability)
        )

    @property
    def missing(self) -> list[str]:
        """What awstune needs and it has not, or not new enough, as pip takes it."""
        return [
            f"{name}>={oldest}"
            for name, oldest in NEEDS.items()
            if name not in self.dists or numbers(self.dists[name]) < numbers(oldest)
        ]

    @property
    def constraints(self) -> list[str]:
        """What must stay as it is, or torch would be another one, or break."""
        known = self.dists if self.torch is None else {"torch": self.torch, **self.dists}
        kept = [f"{name}=={version}" for name, version in known.items() if _is_torchs(name)]
        old_numpy = numbers(self.dists.get("numpy", "2")) < (2,)
        return sorted([*kept, "numpy<2"] if old_numpy else kept)


def covers(arches: Sequence[str], capability: tuple[int, int]) -> bool:
    """Whether code for these architectures runs on a GPU of that compute capability.

    Binary code (``sm_75``) runs on the same major version from its own minor one on; PTX (``compute_70``)
    is compiled for anything newer.

    Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#binary-compatibility.
    """
    major, minor = capability
    for arch in arches:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", arch)
        if match is None:
            continue
        of = (int(match[2]), int(match[3]))
        if of <= (major, minor) and (match[1] == "compute" or of[0] == major):
            return True
    return False


def parse(said: str) -> list[Python]:
    """What the probes printed; a Python that printed nothing of the kind is none."""
    found: dict[tuple[Any, ...], Python] = {}
    for line in said.splitlines():
        mark, _, text = line.partition(" ")
        if mark != "awstune-python":
            continue
        plain = json.loads(text)
        one = Python(
            **{
                **plain,
                "version": tuple(plain["version"]),
                "paths": tuple(plain["paths"]),
                "arches": tuple(plain["arches"]),
                "capability": None if plain["capability"] is None else tuple(plain["capability"]),
            }
        )
        found.setdefault((one.version, one.paths), one)
    return list(found.values())


def best(found: Sequence[Python], *, gpu: bool) -> Python | None:
    """The one whose torch a trial should use; None where no torch here will do.

    Args:
        found: all that there are.
        gpu: whether there is a GPU that it has to compute on.
    """
    able = [one for one in found if (one.computes if gpu else one.torch)]
    return max(able, key=lambda one: (one.runs_awstune, numbers(one.torch or "0")), default=None)


def worker(found: Sequence[Python]) -> Python | None:
    """The one that awstune's own process takes least to run under; None where all are too old."""
    able = [one for one in found if one.runs_awstune]
    return min(able, key=lambda one: len(one.missing), default=None)


def numbers(version: str) -> tuple[int, ...]:
    """``2.8.0+cu128`` as (2, 8, 0)."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version.partition("+")[0]))


def _is_torchs(name: str) -> bool:
    return name.startswith(("torch", "nvidia-", "triton", "pytorch"))

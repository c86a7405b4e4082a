"""How a sweep gets its Pythons on an instance: decided from what was found there; nothing is run here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from awstune.errors import RemoteError
from awstune.remote import pythons
from awstune.remote.pythons import NEEDS, Python
from awstune.remote.requirements import against, lacking


@dataclass(frozen=True)
class Build:
    """Wheels of torch that could be installed.

    Attributes:
        spec: for pip, with its exact version: a newer one may have dropped the GPU.
        index: where they are.
        lowest: the oldest compute capability that they have code for.
        highest: the newest.
        driver: the oldest branch of NVIDIA's driver that they run with.
        glibc: the oldest C library that they run with.
    """

    spec: str
    index: str
    lowest: float
    highest: float
    driver: int
    glibc: float


@dataclass(frozen=True)
class Wants:
    """What a sweep asks of an instance.

    Attributes:
        function: whether its target is a function, which runs in awstune's own environment; a command
            finds its Python in PATH.
        python: the interpreter that was typed for its trials; None leaves it to what is found.
        requirements: the lines of the user's ``requirements.txt``, else what ``pyproject.toml`` depends on.
        file: the project's file that has them and may name others; empty where there is none.
        content: of all files of that kind: with another content it is another environment.
        project: the project's folder there, relative to the login's home.
        builds: torch for where the image's own will not do, the preferred one first.
    """

    function: bool = True
    python: str | None = None
    requirements: tuple[str, ...] = ()
    file: str = ""
    content: str = ""
    project: str = "."
    builds: tuple[Build, ...] = ()

    @property
    def key(self) -> str:
        """A name for what is wanted: another sweep that wants the same finds it made."""
        plain = {**asdict(self), "project": "", "needs": NEEDS}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Machine:
    """What an instance is.

    Attributes:
        gpu: its GPU's name; empty where it has none.
        capability: the GPU's compute capability; 0 where nobody can say.
        driver: the branch of NVIDIA's driver.
        glibc: the version of its C library; 0 where nobody can say.
    """

    gpu: str = ""
    capability: float = 0.0
    driver: int = 0
    glibc: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What is to be made.

    Attributes:
        why: in a sentence, for the user.
        base: the Python that the environment is made over; empty has uv bring one of its own.
        joined: folders of packages that the environment sees beside its own.
        packages: what awstune needs that is not there.
        torch: the build to install; None where there is one, or none is needed.
        requirements: the user's.
        constraints: what must stay as it is.
        path: folders that programs are looked for in first.
        programs: the Python that programs run under, where an environment with the user's requirements is
            made over it and comes before ``path``; None where programs take what there is.
        environment: whether there is anything to be made; else ``base`` itself is used.
    """

    why: str
    base: str = ""
    joined: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    torch: Build | None = None
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    path: tuple[str, ...] = field(default=())
    programs: Python | None = None

    @property
    def environment(self) -> bool:
        """Whether an environment has to be made."""
        own = () if self.programs else self.requirements
        return not self.base or bool(self.packages or own or self.torch)


def decide(wants: Wants, found: Sequence[Python], machine: Machine, known: Mapping[str, float]) -> Recipe:
    """The recipe for an instance.

    Args:
        wants: what the sweep asks for.
        found: the instance's Pythons.
        machine: what it is.
        known: compute capabilities by GPU, for drivers that do not tell.

    Raises:
        RemoteError: nothing that is known would run there; with what would.
    """
    if wants.python is not None:
        return _typed(wants, found)
    usable = pythons.best(found, gpu=bool(machine.gpu))
    if usable is not None and usable.runs_awstune:
        return _over(wants, usable, f"{usable.python} has torch {usable.torch}{_on(machine)}")
    if usable is not None and not wants.function:
        why = f"commands run under {usable.python} (Python {_short(usable)}, torch {usable.torch})"
        return _apart(wants, found, why, usable)
    if machine.gpu:
        return _with_torch(wants, found, machine, known, usable)
    plain = pythons.worker(found)
    if plain is None:
        return Recipe(
            "no Python here runs awstune: uv brings one", packages=_all(), requirements=wants.requirements
        )
    return _over(wants, plain, f"{plain.python} (Python {_short(plain)})")


def _over(wants: Wants, base: Python, why: str) -> Recipe:
    lacks = lacking(wants.requirements, base.dists)
    if lacks:
        _refuse_against(lacks, base.constraints, base)
    return Recipe(
        why,
        base=base.python,
        joined=base.paths,
        packages=tuple(base.missing),
        requirements=wants.requirements if lacks else (),
        constraints=tuple(base.constraints),
    )


def _refuse_against(lines: Sequence[str], constraints: Sequence[str], base: Python | None = None) -> None:
    """Says, before anything is installed, what pip would find out at the end.

    Raises:
        RemoteError: a requirement is against what has to stay, such as a torch that computes on the GPU.
    """
    for name, version in (kept.split("==") for kept in constraints if "==" in kept):
        line = against(lines, name, version, _word(base.version if base else pythons.OURS))
        if line is not None:
            where = f"{base.python} has" if base else "can be had there"
            raise RemoteError(
                f"the project requires {line}, and {name} {version} is what {where}",
                f"{name}=={version} stays as it is there: allow it, or leave {name} out of the requirements",
            )


def _typed(wants: Wants, found: Sequence[Python]) -> Recipe:
    """The trials have their Python; awstune's own process takes what suits it."""
    one = next((python for python in found if python.python == wants.python), None)
    if one is None:
        there = ", ".join(f"{python.python} ({_short(python)})" for python in found) or "none"
        raise RemoteError(f"there is no Python {wants.python} on the instance", f"what there is: {there}")
    if wants.function and not one.runs_awstune:
        raise RemoteError(
            f"{wants.python} is Python {_short(one)}, and a function needs {_word(pythons.OURS)}",
            f"a command runs under any Python: awstune sweep ... -- {wants.python} train.py --lr {{lr}}",
        )
    return _apart(wants, found, f"trials run under {wants.python}", one)


def _apart(wants: Wants, found: Sequence[Python], why: str, trials: Python) -> Recipe:
    """Awstune's process in a Python of its own; the trials in another one.

    What the user's requirements lack there comes into an environment over it, for commands; a function runs
    under the very Python that was typed, which nobody changes.
    """
    path, lacks = (str(PurePosixPath(trials.python).parent),), lacking(wants.requirements, trials.dists)
    programs = trials if lacks and not wants.function else None
    if programs:
        _refuse_against(lacks, trials.constraints, trials)
    if lacks and programs is None:
        why += "; its packages are left as they are"
    requirements = wants.requirements if programs else ()
    base = pythons.worker(found)
    if base is None:
        why += "; uv brings one for awstune"
        return Recipe(why, packages=_all(), requirements=requirements, path=path, programs=programs)
    return Recipe(
        why,
        base=base.python,
        joined=base.paths,
        packages=tuple(base.missing),
        requirements=requirements,
        constraints=tuple(base.constraints),
        path=path,
        programs=programs,
    )


def for_programs(chosen: Recipe, programs: Python) -> Recipe:
    """The environment that a recipe's programs run in: the user's requirements, over their Python."""
    return Recipe(
        chosen.why,
        base=programs.python,
        joined=programs.paths,
        requirements=chosen.requirements,
        constraints=tuple(programs.constraints),
    )


def _with_torch(
    wants: Wants,
    found: Sequence[Python],
    machine: Machine,
    known: Mapping[str, float],
    too_old: Python | None,
) -> Recipe:
    """An environment with a torch of its own, under a Python that uv brings."""
    capability = machine.capability or next((c for name, c in known.items() if name in machine.gpu), 0.0)
    for build in wants.builds:
        if (
            build.lowest <= capability <= build.highest
            and build.driver <= machine.driver
            and (not machine.glibc or build.glibc <= machine.glibc)
        ):
            _refuse_against(wants.requirements, (build.spec,))
            return Recipe(
                f"{_why_another(machine, too_old)}: {build.spec} is installed",
                packages=_all(),
                torch=build,
                requirements=wants.requirements,
                constraints=(build.spec,),
            )
    on = f"the {machine.gpu} with driver {machine.driver}"
    on += f" and glibc {machine.glibc:g}" if machine.glibc else ""
    raise RemoteError(
        f"no torch for Python {_word(pythons.OURS)} computes on {on}; {_seen(found)}",
        "a command runs under the image's own Python: awstune sweep ... -- python train.py --lr {lr}",
    )


def _why_another(machine: Machine, too_old: Python | None) -> str:
    if too_old is None:
        return f"no torch here computes on the {machine.gpu}"
    return f"{too_old.python} is Python {_short(too_old)}, and a function needs {_word(pythons.OURS)}"


def _seen(found: Sequence[Python]) -> str:
    def one(python: Python) -> str:
        if python.why:
            return f"{python.python}: {python.why}"
        if not python.torch:
            return f"{python.python} has none"
        code = " ".join(python.arches) or "other GPUs"
        return f"{python.python} has torch {python.torch} for {code}"

    return "; ".join(map(one, found)) or "there is no Python at all"


def _all() -> tuple[str, ...]:
    return tuple(f"{name}>={oldest}" for name, oldest in NEEDS.items())


def _on(machine: Machine) -> str:
    return f", which computes on the {machine.gpu}" if machine.gpu else ""


def _short(python: Python) -> str:
    return _word(python.version[:2])


def _word(version: Sequence[int]) -> str:
    return ".".join(map(str, version))

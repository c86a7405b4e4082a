"""What an instance needs before it can run a sweep: this very awstune, and the Pythons to run it.

The package travels as it is installed here, once per content: its folder there is named after its hash.
So is an environment, after what was wanted of it: a second sweep that wants the same finds it made.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from awstune.errors import RemoteError
from awstune.names import REMOTE_ROOT, ROOT_VARIABLE
from awstune.remote import pythons, recipe, sync
from awstune.remote.recipe import Machine, Recipe, Wants
from awstune.remote.ssh import Connection

PACKAGE = Path(__file__).resolve().parents[1]
MAKER = PACKAGE / "remote" / "environment.sh"
REHOME = PACKAGE / "remote" / "rehome.py"
# A Python whose torch takes longer to import is passed over. A fresh disk is read from a snapshot elsewhere,
# so that the first import of gigabytes takes minutes.
PROBE_S = 300
_ENDED = "awstune-status"
# What says why an installation failed, the most telling kind first.
_TELLING = (
    re.compile(r"connection broken by"),  # pip goes on, to say that it knows no such package
    re.compile(
        r"^(?:ERROR: )?(?:Could not find a version|No matching distribution|Cannot install|.*No solution)"
    ),
    re.compile(r"^\s*(?:ERROR|error|E):"),
    re.compile(r"(?i)could not resolve|no space left|connection|timed out|not found|denied|no such file"),
)


@dataclass(frozen=True)
class Runtime:
    """How awstune is called on an instance.

    Attributes:
        python: the interpreter there.
        path: the folder there that holds the package, relative to the login's home.
        programs: folders that programs are looked for in first.
    """

    python: str
    path: str
    programs: tuple[str, ...] = ()

    def command(self, module: str, *arguments: str) -> str:
        """A shell command that runs one of awstune's modules in the folder that the shell is in.

        With ``-P`` that folder, the user's, leads no import of awstune's own: it may hold a ``json.py``.

        Args:
            module: such as ``awstune.sweeps.detached``.
            arguments: paths relative to the login's home.
        """
        words = " ".join(f'"$HOME"/{shlex.quote(word)}' for word in arguments)
        first = "".join(f"{shlex.quote(folder)}:" for folder in self.programs)
        found = f'PATH={first}"$PATH" ' if first else ""
        path = f'PYTHONPATH="$HOME/{self.path}${{PYTHONPATH:+:$PYTHONPATH}}"'
        return f"{found}{path} {shlex.quote(self.python)} -P -m {module} {words}"


def package_parcels(package: Path = PACKAGE) -> list[sync.Parcel]:
    """The files of the installed package, under the name that they are imported by."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [sync.Parcel(path, f"awstune/{path.relative_to(package)}") for path in files]


def content_key(parcels: list[sync.Parcel]) -> str:
    """A name for exactly these files: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for parcel in parcels:
        digest.update(parcel.name.encode() + b"\0" + parcel.source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def install(
    connection: Connection, sweep: str, wants: Wants, known: Mapping[str, float]
) -> Generator[str, None, Runtime]:
    """Sees to it that awstune, and an environment for what a sweep wants, are on the instance.

    Args:
        connection: an open connection; the project is there by now.
        sweep: the sweep's name.
        wants: what the sweep asks for.
        known: compute capabilities by GPU.

    Yields:
        What goes on, in words.

    Returns:
        How awstune is called there.

    Raises:
        RemoteError: the connection broke; nothing that is known would run there; or something could not
            be installed, with the line of the log that says why.
    """
    package = _send_package(connection)
    made = _made(connection, wants)
    if made is None:
        made = yield from _make(connection, wants, known)
    remembered = shlex.quote(_remembered(sweep))
    connection.run(f"mkdir -p {REMOTE_ROOT}/origins && cp {REMOTE_ROOT}/runtimes/{wants.key} {remembered}")
    return _runtime(package, made)


def of_sweep(connection: Connection, sweep: str) -> Runtime:
    """How this very awstune is called for a sweep that has begun there, with the Pythons that it began with.

    Raises:
        RemoteError: the connection broke.
    """
    answer = connection.run(f"cat {shlex.quote(_remembered(sweep))}", check=False)
    made = answer.text.split("\n")[:-1] if answer.status == 0 else ["python3"]
    return _runtime(_send_package(connection), made)


def _remembered(sweep: str) -> str:
    return f"{REMOTE_ROOT}/origins/{sweep}.runtime"


def _runtime(package: str, made: list[str]) -> Runtime:
    python, *programs = made
    return Runtime(python, package, tuple(programs))


def _send_package(connection: Connection) -> str:
    """Sent aside and renamed, so that two who send it at once never run what is half there."""
    parcels = package_parcels()
    folder = f"{REMOTE_ROOT}/packages/{content_key(parcels)}"
    if connection.run(f"test -e {folder}", check=False).status != 0:
        aside = f"{folder}.{uuid.uuid4().hex[:8]}"
        sync.push(connection, parcels, aside)
        # Whoever was quicker has a folder there, and mv would move into it.
        connection.run(f"test -e {folder} || mv {aside} {folder}; rm -rf {aside} {folder}/{Path(aside).name}")
    return folder


def _made(connection: Connection, wants: Wants) -> list[str] | None:
    """An environment that an earlier sweep made, if it is still there."""
    file = f"{REMOTE_ROOT}/runtimes/{wants.key}"
    answer = connection.run(f'cat {file} && command -v "$(head -n 1 {file})" > /dev/null', check=False)
    return answer.text.split("\n")[:-1] if answer.status == 0 else None


def _make(
    connection: Connection, wants: Wants, known: Mapping[str, float]
) -> Generator[str, None, list[str]]:
    yield "looking which Python there can use the GPU" if wants.python is None else "looking for its Python"
    machine = look(connection)
    found = pythons.parse(_probe(connection, wants, machine))
    chosen = recipe.decide(wants, found, machine, known)
    yield chosen.why
    folder = f"{REMOTE_ROOT}/envs/{wants.key}"
    home = connection.run('printf %s "$HOME"').text
    runtime = [chosen.base, *(chosen.path or _beside(chosen.base))]
    if chosen.environment:
        yield from _build(connection, wants, chosen, folder)
        own = [f"{home}/{folder}/bin", *_beside(chosen.base)]
        runtime = [f"{own[0]}/python", *(chosen.path or own)]
    if chosen.programs is not None:
        beside = f"{folder}-programs"
        yield from _build(connection, wants, recipe.for_programs(chosen, chosen.programs), beside)
        runtime.insert(1, f"{home}/{beside}/bin")
    text = "".join(f"{line}\n" for line in runtime).encode()
    file = f"{REMOTE_ROOT}/runtimes/{wants.key}"
    connection.run(f"mkdir -p {REMOTE_ROOT}/runtimes && cat > {file}.new && mv {file}.new {file}", stdin=text)
    return runtime


def _beside(python: str) -> list[str]:
    """The folder of a Python's programs, such as torchrun; none for one that is found in PATH anyway."""
    folder = str(PurePosixPath(python).parent)
    return [folder] if "/" in python else []


def look(connection: Connection) -> Machine:
    """What the instance is: its GPU, its driver, its C library.

    Raises:
        RemoteError: the connection broke.
    """
    ask = "nvidia-smi --format=csv,noheader,nounits --query-gpu=name,driver_version"
    said = connection.run(
        f"{{ {ask},compute_cap 2>/dev/null || {ask} 2>/dev/null || echo; }} | head -n 1; "
        "getconf GNU_LIBC_VERSION 2>/dev/null || true"
    ).text.split("\n")
    name, driver, capability = ([word.strip() for word in said[0].split(",")] + ["", "", ""])[:3]
    glibc = said[1].rpartition(" ")[2] if len(said) > 1 else ""
    return Machine(name, _number(capability), int(_number(driver)), _number(glibc))


def _number(text: str) -> float:
    match = re.match(r"\d+(\.\d+)?", text)
    return float(match[0]) if match else 0.0


def _probe(connection: Connection, wants: Wants, machine: Machine) -> str:
    typed = shlex.quote(wants.python) if wants.python else ""
    gpu = "gpu" if machine.gpu else "none"
    limit = f"$(command -v timeout > /dev/null && echo timeout {PROBE_S})"
    ask = f'{limit} "$p" -c {shlex.quote(pythons.PROBE)} "$p" {gpu} 2> /dev/null'
    # All at once: an image may have twenty, and each takes seconds to import its torch.
    each = f'command -v "$p" > /dev/null 2>&1 && {{ {ask} > "$d/$i" & }}'
    return connection.run(
        f'R="${{{ROOT_VARIABLE}:-}}"; d=$(mktemp -d); i=100; for p in {typed} {pythons.PLACES}; do '
        f'i=$((i + 1)); {each}; done; wait; cat "$d"/*; rm -rf "$d"'
    ).text


def _build(connection: Connection, wants: Wants, chosen: Recipe, folder: str) -> Generator[str, None, None]:
    """Makes the environment, a step at a time, each told and its output logged."""
    log = f"{folder}.log"
    connection.run(
        f"mkdir -p {REMOTE_ROOT}/envs && rm -rf {folder} && cat > {folder}.sh", stdin=MAKER.read_bytes()
    )
    for name, lines in (
        ("constraints", chosen.constraints),
        ("packages", chosen.packages),
        ("requirements", chosen.requirements),
        ("joined", chosen.joined),
    ):
        connection.run(f"cat > {folder}.{name}", stdin="".join(f"{line}\n" for line in lines).encode())
    connection.run(f"cat > {folder}.rehome", stdin=REHOME.read_bytes())
    torch = [chosen.torch.spec, chosen.torch.index] if chosen.torch else []
    steps = [("making an environment", ["make", chosen.base])]
    steps += [(f"installing {torch[0]}", ["torch", *torch])] if torch else []
    steps += [("installing awstune's packages", ["packages"])] if chosen.packages else []
    steps += (
        [("installing the project's requirements", ["requirements", wants.project, wants.file, *torch[1:]])]
        if wants.requirements and not chosen.programs
        else []
    )
    for what, words in steps:
        yield what
        yield from _step(connection, what, folder, words, log)


def _step(
    connection: Connection, what: str, folder: str, words: list[str], log: str
) -> Generator[str, None, None]:
    said: list[str] = []
    command = " ".join(map(shlex.quote, ["sh", f"{folder}.sh", folder, *words]))
    with connection.reading(f"{{ {command} 2>&1; echo {_ENDED} $?; }} | tee -a {log}") as output:
        for raw in output:
            line = raw.decode(errors="replace").rstrip()
            said.append(line)
            if re.match(r"(Collecting|Downloading|Installing|Building|Resolved|Prepared|Installed) ?", line):
                yield f"{what}: {line}"
    status = said.pop() if said else ""
    if status != f"{_ENDED} 0":
        raise RemoteError(
            f"{what} on the instance failed: {telling(said)}",
            f"{_mended(said)}~/{log} there has all of it; the same command tries again",
        )


def _mended(lines: list[str]) -> str:
    """What mends a conflict with what must stay, a torch that computes on the GPU there; else nothing."""
    kept = [match[1] for line in lines if (match := re.search(r"\(constraint\) (\S+)", line))]
    kept += [match[1] for line in lines if (match := re.search(r"you require (torch==\S+)", line))]
    if not kept:
        return ""
    return f"{kept[0]} stays as it is there: have the requirements allow it, or leave theirs out; "


def telling(lines: list[str]) -> str:
    """The line of an installation's log that says why it failed."""
    said = [line.strip() for line in lines if line.strip()]
    for pattern in _TELLING:
        for line in reversed(said):
            if pattern.search(line):
                why = line.rpartition(" after connection broken by ")[2]
                return why.removeprefix("ERROR: ").removeprefix("error: ")
    return said[-1] if said else "it said nothing"

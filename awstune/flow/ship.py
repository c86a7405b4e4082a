"""A sweep on an instance: the same program as here, sent there, started detached, and mirrored back."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from awstune.amounts import count, size
from awstune.config import Config
from awstune.ec2 import prices, unfetched
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import Interrupted, NameTaken, RemoteError, UsageError
from awstune.flow import login, luggage
from awstune.flow.events import Doing, Done, Story, Warned
from awstune.flow.sending import Ahead
from awstune.flow.spec import relative_to_root
from awstune.names import AT_END_VARIABLE, GOING_VARIABLE, NOTIFY_VARIABLE, REMOTE_ROOT, SPEC_FILE
from awstune.remote import bootstrap, going, mirror, project, sync
from awstune.remote.holding import HOLD
from awstune.remote.ssh import Connection
from awstune.remote.where import Where
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec

# What an earlier hand-over has brought stays.
_MERGE = (
    "import json, os, sys; file = sys.argv[1]; "
    "known = json.load(open(file)) if os.path.exists(file) else {}; "
    "known.update(json.load(sys.stdin)); json.dump(known, open(file, 'w'))"
)
ASKED_ABOVE = 200_000_000  # bytes of a project that travel without a question


def travels(config: Config, spec: Spec) -> project.Project:
    """What of the project would go along.

    Raises:
        UsageError: the target itself would not, or its project is the home folder.
    """
    script = config.cwd / spec.target.file if spec.target.file else config.cwd
    found = project.read(project.find_root(script, Path.home()), config.home)
    found = luggage.without(found, config, spec)
    if script.is_file() and script.resolve().relative_to(found.root) not in found.files:
        raise UsageError(
            f"{script} does not travel: git ignores it, or it lies in a virtual environment",
            f"move it to where {found.root} keeps its code",
        )
    return found


def to_instance(
    config: Config,
    cloud: Cloud,
    one: Instance,
    spec: Spec,
    name: str | None,
    parcel: project.Project,
    *,
    at_end: str | None = None,
    notify: str | None = None,
    ahead: Ahead | None = None,
    followed: bool = True,
    opened: Callable[[], Connection | None] = lambda: None,
) -> Story[Folder]:
    """Sends the project, the spec and awstune to an instance and starts the sweep there.

    Args:
        config: says which folder one is in; the mirror is made below it.
        cloud: where the instance is.
        one: a running instance.
        spec: as seen from the folder one is in.
        name: the sweep's; None numbers it after the target.
        parcel: what `travels` found.
        at_end: what becomes of the instance when the sweep has ended and all of it is here: ``stop`` or
            ``terminate``; None leaves it alone.
        notify: an address that the worker there tells of the end.
        ahead: sends to the instance already.
        followed: whether the caller attaches next, so that the instance's end waits for that.
        opened: gives a connection to it, where one is open already.

    Returns:
        The sweep's folder here, which knows where the sweep runs.

    Raises:
        RemoteError: the connection broke, or the worker did not start.
        UsageError: an instance's image is not known, the name is taken, or its end is not to be had there.
        NameTaken: the instance has a sweep of that name.
        Interrupted: by Ctrl-C; says what goes on.
    """
    _refuse_end(one, at_end)
    yield Doing(f"{one.name}: opening a verified SSH connection")
    began: list[str] = []
    try:
        with (yield from login.enter(config, cloud, one, opened=opened())) as connection:
            weight = f"{count(len(parcel.files), 'file')}, {size(parcel.size)}"
            yield Doing(f"{one.name}: sending {parcel.root.name} ({weight})")
            goods = yield from ahead.pack() if ahead else luggage.pack(config, spec, parcel)
            sent = spec if goods is None else replace(spec, options=goods.options(spec.options))
            folder = _prepare(config, one, sent, parcel, name, connection)
            with _all_or_nothing(connection, folder, began):
                place = place_of(config, cloud, one, spec, parcel, folder.name, owned=at_end == "terminate")
                replace(place, stops=at_end == "stop").write(folder)
                sent_before = ahead or Ahead(config, cloud, spec, parcel, folder.name)
                runtime = yield from sent_before.finish(connection, one)
                send_state(connection, folder)
                if goods is not None:
                    yield from luggage.send(connection, runtime, folder, goods, sent_before.delivered)
                hand_over(connection, folder, spec.options.get("env", ()), notify)
                # Noted before it is true: whoever ends the instance meanwhile looks once too often.
                begun = sent.created if at_end == "terminate" else None
                unfetched.add(cloud, one, folder.name, begun=begun)
                began.append(folder.name)
                end = at_end and at_end_of(one)
                yield from start_worker(connection, runtime, folder, at_end=end, followed=followed)
        yield Done(f"{folder.name} runs on {one.name}, and goes on without this terminal")
    except KeyboardInterrupt:
        raise _interrupted(cloud, one, began) from None
    return folder


def _refuse_end(one: Instance, at_end: str | None) -> None:
    if at_end == "stop" and at_end_of(one) != "stop":
        raise UsageError(
            f"{one.name} cannot stop with the sweep: what shuts it down terminates it",
            "--at-end terminate ends it when all of it is here; without --at-end it goes on",
        )


def _interrupted(cloud: Cloud, one: Instance, began: Sequence[str]) -> Interrupted:
    goes_on = f"{one.name} goes on{'' if cloud.local else ', and costs'}"
    end = f"awstune terminate {one.name} ends {one.name}"
    if began:
        return Interrupted(
            f"{began[0]} may have begun on {one.name}; {goes_on}",
            f"awstune attach {began[0]} shows it; {end}",
        )
    return Interrupted(
        f"no sweep has begun: stopped while sending; {goes_on}", f"the same command starts again; {end}"
    )


@contextmanager
def _all_or_nothing(connection: Connection, folder: Folder, began: Sequence[str]) -> Iterator[None]:
    """Before the sweep's process is started there is no sweep, there or here, if something goes wrong."""
    try:
        yield
    except BaseException:  # an interrupt, too, leaves no half of a sweep
        if not began:
            with suppress(RemoteError):
                name = shlex.quote(folder.name)
                there = f"sweeps/{name} projects/{name} env/{name} going/{name} origins/{name}.json"
                connection.run(f"cd {REMOTE_ROOT} && rm -rf {there}", check=False)
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _prepare(
    config: Config,
    one: Instance,
    spec: Spec,
    parcel: project.Project,
    name: str | None,
    connection: Connection,
) -> Folder:
    rate = one.usd_per_hour(prices.shipped())
    priced = spec.options if rate is None else {**spec.options, "usd_per_hour": rate}
    there = relative_to_root(spec.target, config.cwd, parcel.root)
    with _named(config, one, spec, name, connection).newborn() as folder:
        replace(spec, target=there, options=priced).write(folder.spec_file)
    return folder


def place_of(
    config: Config,
    cloud: Cloud,
    one: Instance,
    spec: Spec,
    parcel: project.Project,
    name: str,
    *,
    owned: bool,
) -> Where:
    """Where a sweep is to run.

    Args:
        config: says which folder one is in.
        cloud: the instance's.
        one: the instance.
        spec: as seen from the folder one is in.
        parcel: the project.
        name: the sweep's.
        owned: whether the instance ends with the sweep.
    """
    return Where(
        cloud=config.cloud,
        region=cloud.region,
        account=cloud.account,
        instance=one.id,
        name=one.name,
        path=mirror.remote_path(name),
        workdir=_workdir(spec, config.cwd, parcel.root),
        usd_per_hour=one.usd_per_hour(prices.shipped()),
        owned=owned,
        root=os.path.relpath(parcel.root, config.cwd.resolve()),
        bucket=one.bucket,
        owner=one.owner,
    )


def _named(config: Config, one: Instance, spec: Spec, name: str | None, connection: Connection) -> Folder:
    """A new folder here, of a name that is free on the instance too and is now taken there."""
    taken = set(mirror.sweeps_on(connection))
    while True:
        free = name or free_name(config, spec, taken)
        taken.add(free)
        try:
            made = Folder.create(config.cwd, free, spec.target.stem)
        except NameTaken:
            if name:
                raise
            continue  # another process was as quick
        with made.newborn() as folder:
            if mirror.take_name(connection, free):
                return folder
            folder.path.rmdir()
        if name:
            raise NameTaken(
                f"{one.name} has a sweep {name} already, which is none of this folder's",
                f"--name takes another name; awstune terminate {one.name} fetches it",
            )


def at_end_of(one: Instance) -> str:
    """What becomes of an instance that shuts itself down: ``stop`` or ``terminate``."""
    return one.at_end or ("terminate" if one.market == "spot" else "stop")


def _workdir(spec: Spec, cwd: Path, root: Path) -> str:
    # A file is named from the project's root; a module, or a command, from the folder that one is in.
    inside = cwd.resolve().is_relative_to(root)
    return "." if spec.target.file or not inside else str(cwd.resolve().relative_to(root))


@contextmanager
def reserved(config: Config, spec: Spec, name: str | None) -> Iterator[str]:
    """A name for a sweep whose instance is yet to be launched, which no other sweep here takes meanwhile.

    Args:
        config: says which folder one is in.
        spec: the sweep's.
        name: as typed; None numbers it after the target.

    Raises:
        NameTaken: the typed one is about to begin elsewhere.
    """
    with ExitStack() as until_then:
        taken: set[str] = set()
        while True:
            free = name or free_name(config, spec, taken)
            taken.add(free)
            try:
                until_then.enter_context(Folder.reserve(config.cwd, free))
            except NameTaken:
                if name:
                    raise
                continue  # another process was as quick
            yield free
            return


def free_name(config: Config, spec: Spec, elsewhere: Collection[str] = ()) -> str:
    """The next number after the target's stem, here and in the places where names are taken already."""
    stem = spec.target.stem
    taken = {*elsewhere, *(folder.name for folder in Folder.all(config.cwd))}
    numbers = [int(match[1]) for name in taken if (match := re.fullmatch(rf"{re.escape(stem)}-(\d+)", name))]
    return f"{stem}-{max(numbers, default=0) + 1}"


def send_state(connection: Connection, folder: Folder) -> None:
    """Sends a sweep's spec, and the word of where it runs.

    Raises:
        RemoteError: the connection broke, or the other end could not write.
    """
    spec = sync.Parcel(folder.spec_file, f"sweeps/{folder.name}/{SPEC_FILE}")
    origin = sync.Parcel(folder.where_file, mirror.origin_path(folder.name))
    sync.push(connection, [spec, origin], REMOTE_ROOT)


def hand_over(
    connection: Connection, folder: Folder, names: Sequence[str], notify: str | None = None
) -> None:
    """Hands variables over through standard input into a file of mode 600: they are in no argument list.

    Args:
        connection: an open connection.
        folder: the sweep's here.
        names: of this process's environment.
        notify: an address for the worker alone.

    Raises:
        RemoteError: the connection broke.
    """
    told = {name: os.environ[name] for name in names} | ({NOTIFY_VARIABLE: notify} if notify else {})
    if not told:
        return
    there = shlex.quote(env_file(folder))
    merge = f"umask 077; mkdir -p {REMOTE_ROOT}/env; python3 -c {shlex.quote(_MERGE)} {there}"
    connection.run(merge, stdin=json.dumps(told).encode())


def env_file(folder: Folder) -> str:
    """Where the variables of a sweep are on its instance; outside of the folder that is fetched."""
    return f"{REMOTE_ROOT}/env/{folder.name}"


def start_worker(
    connection: Connection,
    runtime: bootstrap.Runtime,
    folder: Folder,
    *,
    at_end: str | None = None,
    followed: bool = True,
) -> Story[None]:
    """Starts the sweep's process there; it belongs to no terminal, and goes on after a reboot.

    Args:
        connection: an open connection.
        runtime: how awstune is called there.
        folder: the sweep's here, which knows where it runs.
        at_end: what the instance does when the sweep has ended (``stop`` or ``terminate``); None: nothing.
        followed: whether somebody is about to attach; a sweep may be over before he is there.

    Raises:
        RemoteError: it did not start; with what it said.
    """
    if followed and at_end:
        connection.run(HOLD, check=False)
    where = Where.read(folder)
    workdir = shlex.quote(f"{REMOTE_ROOT}/projects/{folder.name}/{where.workdir if where else '.'}")
    run = runtime.command("awstune.sweeps.detached", f"{REMOTE_ROOT}/sweeps/{folder.name}", env_file(folder))
    marks = (
        f'{GOING_VARIABLE}="$HOME"/{shlex.quote(going.file_of(folder.name))} {AT_END_VARIABLE}={at_end or ""}'
    )
    script = f'cd "$HOME" && mkdir -p {workdir} && cd {workdir} && {marks} {run}'
    why_not = going.start(connection, folder.name, script)
    if why_not is not None:
        yield Warned(f"{folder.name} runs, but does not go on by itself after a reboot: {why_not}")

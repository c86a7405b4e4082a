"""A sweep on an instance: the same program as here, sent there, started detached, and mirrored back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from awstune.config import Config
from awstune.ec2 import prices
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import UsageError
from awstune.flow import access
from awstune.flow.events import Doing, Done, Story
from awstune.flow.spec import relative_to_root
from awstune.names import REMOTE_ROOT, SPEC_FILE
from awstune.remote import bootstrap, mirror, project, sync
from awstune.remote.mirror import Where
from awstune.remote.ssh import Connection
from awstune.sweeps.folder import Folder
from awstune.sweeps.spec import Spec


def refuse_real_image(cloud: Cloud) -> None:
    """Says what is not there yet, before anything is launched or shipped.

    Raises:
        UsageError: the instance is one of AWS's.
    """
    if not cloud.local:
        raise UsageError(
            "sweeps on AWS's own instances are not there yet: awstune does not know their Python",
            "awstune --cloud local sweep --on NAME, or awstune sweep without --on",
        )


def to_instance(config: Config, cloud: Cloud, one: Instance, spec: Spec, name: str | None) -> Story[Folder]:
    """Sends the project, the spec and awstune to an instance and starts the sweep there.

    Args:
        config: says which folder one is in; the mirror is made below it.
        cloud: where the instance is.
        one: a running instance.
        spec: as seen from the folder one is in.
        name: the sweep's; None numbers it after the target.

    Returns:
        The sweep's folder here, which knows where the sweep runs.

    Raises:
        RemoteError: the connection broke, or the worker did not start.
        UsageError: an instance's image is not known, or the name is taken.
    """
    refuse_real_image(cloud)
    script = config.cwd / spec.target.file if spec.target.file else config.cwd
    travels = project.read(project.find_root(script, Path.home()))
    _refuse_unshipped(script, travels)
    yield Doing(f"{one.name}: opening a verified SSH connection")
    with access.connect(access.address_of(config, cloud, one)) as connection:
        folder = Folder.create(config.cwd, name or _free_name(config, connection, spec), spec.target.stem)
        there = replace(spec, target=relative_to_root(spec.target, config.cwd, travels.root))
        there.write(folder.spec_file)
        rate = prices.shipped().usd_per_hour(one.type, one.market)
        path = mirror.remote_path(folder.name)
        Where(config.cloud, cloud.region, one.id, one.name, path, usd_per_hour=rate).write(folder)
        weight = f"{len(travels.files)} files, {travels.size / 1e6:.1f} MB"
        yield Doing(f"{one.name}: sending {travels.root.name} ({weight})")
        runtime = _send(connection, travels, folder)
        start_worker(connection, runtime, folder.name)
    yield Done(f"{folder.name} runs on {one.name}, and goes on without this terminal")
    return folder


def _refuse_unshipped(script: Path, travels: project.Project) -> None:
    if script.is_file() and script.resolve().relative_to(travels.root) not in travels.files:
        raise UsageError(
            f"{script} does not travel: git ignores it, or it lies in a virtual environment",
            f"move it to where {travels.root} keeps its code",
        )


def _free_name(config: Config, connection: Connection, spec: Spec) -> str:
    stem = spec.target.stem
    taken = {*mirror.sweeps_on(connection), *(folder.name for folder in Folder.all(config.cwd))}
    numbers = [int(match[1]) for name in taken if (match := re.fullmatch(rf"{re.escape(stem)}-(\d+)", name))]
    return f"{stem}-{max(numbers, default=0) + 1}"


def _send(connection: Connection, travels: project.Project, folder: Folder) -> bootstrap.Runtime:
    runtime, package = bootstrap.install(connection)
    parcels = [
        *package,
        *(sync.Parcel(travels.root / file, f"projects/{folder.name}/{file}") for file in travels.files),
        sync.Parcel(folder.spec_file, f"sweeps/{folder.name}/{SPEC_FILE}"),
    ]
    sync.push(connection, parcels, REMOTE_ROOT)
    return runtime


def start_worker(connection: Connection, runtime: bootstrap.Runtime, name: str) -> None:
    """Starts the sweep's process there; it belongs to no terminal.

    Raises:
        RemoteError: it did not start; with what it said.
    """
    run = runtime.command("awstune.sweeps.detached", f"../../sweeps/{name}")
    connection.run(f"mkdir -p {REMOTE_ROOT}/projects/{name} && cd {REMOTE_ROOT}/projects/{name} && {run}")

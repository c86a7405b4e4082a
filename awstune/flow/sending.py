"""Sending a project and awstune to an instance: also while the instance's status checks still run.

SSH answers minutes before the checks have passed. What takes long, the project, an environment for it and
its data, is there by then, and the sweep starts as soon as the instance is ready.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Generator, Sequence

from awstune import amounts
from awstune.config import Config
from awstune.ec2 import fits, instances
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError
from awstune.flow import access, luggage, wanting
from awstune.flow.events import Doing, Story
from awstune.flow.luggage import Luggage
from awstune.names import REMOTE_ROOT, STANDBY_DIR
from awstune.remote import bootstrap, delivery, project, sync
from awstune.remote.bootstrap import Runtime
from awstune.remote.delivery import Delivered
from awstune.remote.ssh import Connection
from awstune.sweeps import recruiting, warm
from awstune.sweeps.spec import Spec

Words = Generator[str, None, Runtime]

PATIENCE_S = 300.0  # from running to where SSH answers


def send(
    connection: Connection, spec: Spec, parcel: project.Project, sweep: str, more: Sequence[sync.Parcel] = ()
) -> Words:
    """Sends the project, awstune and what is more, and sees to what they need there.

    Args:
        connection: an open connection.
        spec: the sweep's.
        parcel: the project.
        sweep: its name.
        more: files beside them.

    Yields:
        What goes on, in words.

    Returns:
        How awstune is called there.

    Raises:
        RemoteError: the connection broke, the other end could not write, or nothing known runs there.
        TargetError: what the project requires cannot be read, or is nothing that pip takes.
    """
    wants = wanting.of_sweep(spec, parcel, sweep)
    files = (sync.Parcel(parcel.root / file, f"projects/{sweep}/{file}") for file in parcel.files)
    sync.push(connection, [*files, *more], REMOTE_ROOT)
    return (yield from bootstrap.install(connection, sweep, wants, fits.capabilities()))


class Ahead:
    """Sends in a thread of its own, once an instance runs.

    What goes wrong is not told: it is done again when it is asked for, and then has its words.

    Args:
        config: the options.
        cloud: the instance's.
        spec: the sweep's.
        parcel: the project.
        sweep: its name.

    Attributes:
        delivered: what was sent of the sweep's data; None where none was.
    """

    def __init__(self, config: Config, cloud: Cloud, spec: Spec, parcel: project.Project, sweep: str) -> None:
        self._config, self._cloud = config, cloud
        self._goods = (spec, parcel, sweep)
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._runtime: Runtime | None = None
        self._looked = threading.Event()
        self._luggage: Luggage | None = None
        self.delivered: Delivered | None = None

    def begin(self, name: str) -> None:
        """The instance of that NAME runs; saying so twice changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(name,), name="ahead", daemon=True)
            self._thread.start()

    def pack(self) -> Story[Luggage | None]:
        """What the sweep takes along beside its project, read once; see `luggage.pack`."""
        if self._thread is not None:
            self._looked.wait()
        if self._luggage is None:
            spec, parcel, _ = self._goods
            self._luggage = yield from luggage.pack(self._config, spec, parcel)
        return self._luggage

    def finish(
        self, connection: Connection, one: Instance, more: Sequence[sync.Parcel] = ()
    ) -> Story[Runtime]:
        """Waits until all has been sent, or sends it now; see `send`."""
        if self._thread is not None:
            while (said := self._said.get()) is not None:
                yield Doing(f"{one.name}: {said}")
        if self._runtime is None:
            return (yield from _named(one.name, send(connection, *self._goods, more)))
        if more:
            sync.push(connection, more, REMOTE_ROOT)
        return self._runtime

    def _run(self, name: str) -> None:
        try:
            try:
                self._pack()
            finally:
                self._looked.set()
            one = next(one for one in instances.named(self._cloud, [name]) if one.live)
            with access.enter(self._config, self._cloud, one, patience_s=PATIENCE_S) as connection:
                self._runtime = self._heard(send(connection, *self._goods))
                self._prepare(connection, self._runtime)
                self._deliver(connection, self._runtime)
        except (AwstuneError, OSError, StopIteration):
            return
        finally:
            self._said.put(None)

    def _pack(self) -> None:
        spec, parcel, _ = self._goods
        found = luggage.of_spec(self._config, spec)
        if found is not None:
            self._luggage = luggage.packed(self._config, spec, parcel, found)

    def _deliver(self, connection: Connection, runtime: Runtime) -> None:
        if self._luggage is not None:
            name, size = self._luggage.data.path.name, self._luggage.data.size
            self._said.put(f"sending {name} ({amounts.size(size)})")
            found, manifest = self._luggage.data, self._luggage.manifest
            self.delivered = delivery.deliver(connection, runtime, found, manifest)

    def _prepare(self, connection: Connection, runtime: Runtime) -> None:
        """Has torch imported there while the status checks go on."""
        spec = self._goods[0]
        if spec.python is None and warm.mentions_torch(spec.target.to_json(self._config.cwd)):
            command = runtime.command("awstune.sweeps.recruiting", f"{REMOTE_ROOT}/{STANDBY_DIR}")
            given = {name: os.environ[name] for name in spec.options.get("env", ()) if name in os.environ}
            told = json.dumps(recruiting.mattering(given)).encode()
            connection.run(command, stdin=told, check=False)

    def _heard(self, words: Words) -> Runtime:
        while True:
            try:
                self._said.put(next(words))
            except StopIteration as end:
                runtime: Runtime = end.value
                return runtime


def _named(name: str, words: Words) -> Story[Runtime]:
    while True:
        try:
            yield Doing(f"{name}: {next(words)}")
        except StopIteration as end:
            runtime: Runtime = end.value
            return runtime

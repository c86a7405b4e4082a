"""Getting into an instance while its sweep's target is still being looked into.

Finding the instance and the first handshake take a second, which importing torch here takes as well. What
goes wrong meanwhile is kept until somebody asks, so that it is told when it would have been, in its words.
Nothing is sent before that, and nothing changes there.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from awstune.config import Config
from awstune.errors import AwstuneError

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud
    from awstune.remote.ssh import Connection

Found = tuple["Cloud", "Instance"]


class Entry:
    """The way into an instance, gone in a thread of its own.

    Args:
        config: the options.
        name: the instance's NAME; None where none is meant, and nothing is to be done.
        warn: told what opening the cloud has to say, by whoever asks for it.
        log_in: whether a connection is opened as well.
    """

    def __init__(
        self, config: Config, name: str | None, warn: Callable[[object], object], *, log_in: bool
    ) -> None:
        self._config, self._name, self._warn, self._log_in = config, name, warn, log_in
        self._warnings: list[object] = []
        self._found: queue.SimpleQueue[Found | BaseException | None] = queue.SimpleQueue()
        self._opened: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        self._left, self._imported = False, threading.Event()
        if name is None:
            self._imported.set()
        else:
            threading.Thread(target=self._run, name="entry", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # An interpreter must not end while another thread imports what is written in Rust.
        self._imported.wait()
        self._left = True
        self._tell()
        self._close()

    def found(self) -> Found:
        """The cloud, and the instance as it is described there; once.

        Raises:
            AwstuneError: what looking for it has met.
        """
        found = self._found.get() or self._look()
        self._tell()
        if isinstance(found, BaseException):
            raise found
        return found

    def opened(self) -> Connection | None:
        """The connection, once; None where it could not be opened, which whoever tries again hears about."""
        return self._opened.get()

    def _tell(self) -> None:
        while self._warnings:
            self._warn(self._warnings.pop(0))

    def _close(self) -> None:
        # Both threads may do so at one moment: none waits for what the other has taken.
        with suppress(queue.Empty):
            while True:
                connection = self._opened.get_nowait()
                if connection is not None:
                    connection.close()

    def _run(self) -> None:
        try:
            try:
                from awstune.ec2 import session
                from awstune.flow import clouds, follow, ship  # noqa: F401  # all that is needed soon
            finally:
                self._imported.set()
            if self._config.cloud != "local" and session.asks_for_a_code(self._config.profile):
                self._opened.put(None)
                self._found.put(None)  # a terminal is asked where nothing else is written to it
                return
            cloud, one = self._look()
        except BaseException as error:  # noqa: BLE001  raised where it is asked for, whatever it is
            self._found.put(error)
            return
        self._found.put((cloud, one))
        opened = None
        try:
            opened = self._enter(cloud, one) if self._log_in else None
        except (AwstuneError, OSError):
            return
        finally:
            self._opened.put(opened)
            if self._left:
                self._close()

    def _look(self) -> Found:
        from awstune.ec2 import instances
        from awstune.flow import clouds

        cloud = clouds.open_for(self._config, warn=self._warnings.append)
        return cloud, instances.find(cloud, self._name or "")

    def _enter(self, cloud: Cloud, one: Instance) -> Connection | None:
        from awstune.flow import access
        from awstune.remote import ssh

        address = access.address_of(self._config, cloud, one)
        # A way by other hosts may have questions, and a port that is shut has to be opened first.
        return None if address.jump or not ssh.answers(address) else ssh.connect(address)

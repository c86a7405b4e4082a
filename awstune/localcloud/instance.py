"""One instance's own process: ``python -m awstune.localcloud.instance``.

Its first line of input is the `machine.Spec`, as JSON; later lines change it. It tells what happens as
lines of JSON: ``{"event": "listening", "port": N}`` when its SSH server is up, ``{"event": "ready"}``
when cloud-init is done, ``{"event": "shutdown"}`` when it is asked from inside to end. The end of its
input ends it, with every process that bears its mark.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.localcloud import cloudinit, machine, metadata, processes, sshd, surroundings
from awstune.localcloud.children import Children
from awstune.localcloud.init import Init

if TYPE_CHECKING:
    import asyncssh

_CONSOLE = 2
_MAX_LINE = 1024 * 1024
_BOOTED = "var/lib/cloud/instance/boot-finished"


class Instance:
    """A booted instance.

    Args:
        spec: what the cloud says it is.
        tell: hands one event to the cloud.
    """

    def __init__(self, spec: machine.Spec, tell: Any) -> None:
        self.spec = spec
        self._tell = tell
        self._children = Children(surroundings.environment(spec, os.environ), str(spec.home))
        self._metadata = metadata.Metadata(spec.metadata)
        self._init = Init(spec.root, self._children, tell, self._reload)
        self._acceptors: list[asyncssh.SSHAcceptor] = []
        self._port = spec.port

    async def boot(self) -> None:
        """Come up as cloud-init brings an instance up; SSH answers before it is done."""
        self._children.adopt()
        surroundings.furnish(self.spec)
        await self._init.listen(Path(self.spec.folder))
        await self._serve_metadata()
        config = cloudinit.read(self.spec.user_data)
        first = not (self.spec.root / _BOOTED).exists()
        await self._prepare(config, first=first)
        await self._open(accept=self.spec.accept_ssh)
        self._tell({"event": machine.LISTENING, "port": self._port})
        await self._finish(config, first=first)
        self._tell({"event": machine.READY})

    async def obey(self, order: dict[str, Any]) -> None:
        """Change something, as the cloud says.

        ``{"accept_ssh": false}`` lets the SSH port refuse; ``{"metadata": {PATH: TEXT or null}}`` changes
        what the metadata service answers.
        """
        self._metadata.change(order.get("metadata", {}))
        if "accept_ssh" in order:
            await self._close()
            await self._open(accept=order["accept_ssh"])

    async def _serve_metadata(self) -> None:
        server = await asyncio.start_server(self._metadata.serve, self.spec.address, 0)
        address, port = server.sockets[0].getsockname()[:2]
        self._children.environment[metadata.VARIABLE] = f"http://{address}:{port}"

    def end(self) -> None:
        """End what is left of this instance's processes."""
        self._children.end()

    async def _prepare(self, config: cloudinit.CloudConfig, *, first: bool) -> None:
        for problem in config.problems:
            _say(problem)
        for command in config.bootcmd:
            await self._run("bootcmd", command)
        if first:
            cloudinit.write_host_keys(config.host_keys, self.spec.root)
            self._write(config)

    def _write(self, config: cloudinit.CloudConfig) -> None:
        for file in config.write_files:
            try:
                cloudinit.write(file, self.spec.root)
            except (OSError, ValueError) as error:
                _say(f"write_files: {error}")

    async def _finish(self, config: cloudinit.CloudConfig, *, first: bool) -> None:
        await self._init.start_enabled()
        for command in config.runcmd if first and self.spec.runcmd else ():
            await self._run("runcmd", command)
        finished = self.spec.root / _BOOTED
        finished.parent.mkdir(parents=True, exist_ok=True)
        finished.touch()
        self._init.finished.set()

    async def _run(self, what: str, command: tuple[str, ...]) -> None:
        try:
            status = await self._children.run(command, _CONSOLE)
        except OSError as error:
            _say(f"{what}: {error}")
        else:
            if status:
                _say(f"{what}: {command!r:.120} ended with status {status}")

    async def _open(self, *, accept: bool) -> None:
        try:
            self._acceptors = await sshd.listen(self.spec, self._children, self._port)
        except OSError:  # somebody else has taken that port meanwhile
            self._acceptors = await sshd.listen(self.spec, self._children)
        self._port = self._acceptors[0].get_port()
        if not accept:
            await self._close()

    async def _close(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
            await acceptor.wait_closed()
        self._acceptors = []

    def _reload(self) -> None:
        """Take new host keys from the disk, as ``systemctl reload ssh`` does."""
        for acceptor in self._acceptors:
            acceptor.update(server_host_keys=sshd.host_keys(self.spec))


def _say(words: str) -> None:
    sys.stderr.write(f"cloud-init: {words}\n")
    sys.stderr.flush()


def _tell(event: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return  # the cloud is gone; the end of our input says so too


async def _main() -> None:
    lines = asyncio.StreamReader(limit=_MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    spec = machine.Spec(**json.loads(await lines.readline()))
    instance = Instance(spec, _tell)
    booting = asyncio.create_task(instance.boot())
    booting.add_done_callback(_fail_if_not_booted)
    while line := await lines.readline():
        await instance.obey(json.loads(line))
    processes.end(Path(spec.folder))
    instance.end()


def _fail_if_not_booted(booting: asyncio.Task[None]) -> None:
    if not booting.cancelled() and booting.exception() is not None:
        booting.print_stack(file=sys.stderr)
        os._exit(1)


if __name__ == "__main__":
    # Where the cloud was started under nohup or in the background, these are ignored, and whatever an
    # instance starts would ignore them too: a shell that hangs up would leave its programs behind.
    for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(_number, signal.SIG_DFL)
    asyncio.run(_main())

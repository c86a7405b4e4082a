"""The instance's first process, as its shims see it: ``systemctl``, ``shutdown``, ``cloud-init``.

Timers and services of units below the instance's root truly run. Units that are not there stand for
the image's own (``ssh``, ``apt-daily.timer``): stopping or enabling them succeeds and does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from awstune.localcloud import machine, surroundings, units

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from awstune.localcloud.children import Children

_WANTED = "timers.target.wants"
_CONSOLE = 2
_INACTIVE = 3  # systemctl's status for a unit that is not active
_RESTARTS = ("restart", "try-restart", "reload", "reload-or-restart")
_SSH_UNITS = ("ssh", "sshd", "ssh.service", "sshd.service")


class Refused(Exception):
    """A command that ends with another status than 0."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


class Init:
    """Answers the shims.

    Args:
        root: the instance's ``/``.
        children: starts processes.
        tell: hands an event to the cloud.
        reload_ssh: called for ``systemctl reload ssh``.
    """

    def __init__(
        self,
        root: Path,
        children: Children,
        tell: Callable[[dict[str, Any]], None],
        reload_ssh: Callable[[], None],
    ) -> None:
        self.finished = asyncio.Event()
        self._root = root
        self._children = children
        self._tell = tell
        self._reload_ssh = reload_ssh
        self._running: dict[str, asyncio.Task[None]] = {}
        self._shutdown: asyncio.TimerHandle | None = None

    async def listen(self, folder: Path) -> asyncio.Server:
        """Answer the shims, on a socket in ``folder``, which becomes the working folder."""
        (folder / surroundings.SOCKET).unlink(missing_ok=True)
        os.chdir(folder)  # a socket's path may have about 100 characters only; from here it is short
        return await asyncio.start_unix_server(self._serve, surroundings.SOCKET)

    async def start_enabled(self) -> None:
        """Start what an earlier boot enabled."""
        wanted = self._root / units.FOLDER / _WANTED
        for name in sorted(p.name for p in wanted.glob("*.timer")) if wanted.exists() else []:
            self._start(name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            words = json.loads(await reader.readline())["words"]
            answer = await self._answer(words)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, words: list[str]) -> dict[str, Any]:
        try:
            return {"status": 0, "out": await self._do(words[0], words[1:]), "err": ""}
        except Refused as refused:
            said = f"{words[0]}: {refused}\n" if str(refused) else ""
            return {"status": refused.status, "out": "", "err": said}

    async def _do(self, name: str, words: list[str]) -> str:
        match name:
            case "systemctl":
                return self._systemctl(words)
            case "cloud-init":
                return await self._cloud_init(words)
            case _:
                return self._shut_down(name, words)

    async def _cloud_init(self, words: list[str]) -> str:
        if words[:1] == ["status"] and ("--wait" in words or "-w" in words):
            await self.finished.wait()
        return f"status: {'done' if self.finished.is_set() else 'running'}\n"

    def _shut_down(self, name: str, words: list[str]) -> str:
        if self._shutdown is not None:
            self._shutdown.cancel()
            self._shutdown = None
        if "-c" in words:
            return ""
        reboot = name == "reboot" or "-r" in words or "--reboot" in words
        event = {"event": machine.SHUTDOWN, "reboot": reboot}
        delay = _delay_s(words) if name == "shutdown" else 0.0
        self._shutdown = asyncio.get_running_loop().call_later(delay, self._tell, event)
        return ""

    def _systemctl(self, words: list[str]) -> str:
        flags = [word for word in words if word.startswith("-")]
        verb, *names = [word for word in words if not word.startswith("-")] or ["list-timers"]
        if verb in ("poweroff", "halt", "reboot"):
            return self._shut_down(verb, [])
        said = [self._to_unit(verb, name, now="--now" in flags) for name in names]
        return "" if "-q" in flags or "--quiet" in flags else "".join(said)

    def _to_unit(self, verb: str, name: str, *, now: bool) -> str:
        if verb == "enable":
            self._want(name)
            return self._start(name) if now else ""
        if verb in ("disable", "mask"):
            (self._root / units.FOLDER / _WANTED / name).unlink(missing_ok=True)
            return self._stop(name) if now else ""
        verbs: dict[str, Callable[[str], str]] = {
            "start": self._start,
            "stop": self._stop,
            "is-active": self._is_active,
            "status": self._is_active,
            "is-enabled": self._is_enabled,
            **dict.fromkeys(_RESTARTS, self._restart),
        }
        return verbs[verb](name) if verb in verbs else ""

    def _want(self, name: str) -> None:
        source = units.path(self._root, name)
        wanted = self._root / units.FOLDER / _WANTED / source.name
        if source.exists() and not wanted.is_symlink():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            wanted.symlink_to(source)

    def _start(self, name: str) -> str:
        source = units.path(self._root, name)
        if source.exists() and not self._active(source.name):
            task = self._keep_time(source) if source.suffix == ".timer" else self._run(source)
            self._running[source.name] = asyncio.create_task(task)
        return ""

    def _stop(self, name: str) -> str:
        task = self._running.pop(units.path(self._root, name).name, None)
        if task is not None:
            task.cancel()
        return ""

    def _restart(self, name: str) -> str:
        if name in _SSH_UNITS:
            self._reload_ssh()
            return ""
        self._stop(name)
        return self._start(name)

    def _is_active(self, name: str) -> str:
        if name in _SSH_UNITS or self._active(units.path(self._root, name).name):
            return "active\n"
        raise Refused(_INACTIVE, f"{name} is inactive")

    def _is_enabled(self, name: str) -> str:
        if (self._root / units.FOLDER / _WANTED / name).exists():
            return "enabled\n"
        raise Refused(1, f"{name} is disabled")

    def _active(self, name: str) -> bool:
        task = self._running.get(name)
        return task is not None and not task.done()

    async def _keep_time(self, source: Path) -> None:
        timer = units.read_timer(source)
        service = units.path(self._root, timer.unit)
        await asyncio.sleep(timer.first_s or 0.0)  # OnBootSec: a timer waits
        await self._run(service)
        while timer.again_s is not None:
            await asyncio.sleep(timer.again_s)  # OnUnitActiveSec
            await self._run(service)

    async def _run(self, source: Path) -> None:
        service = units.read_service(source, self._root)
        for command in service.commands:
            await self._children.run(command, _CONSOLE, service.environment)


def _delay_s(words: list[str]) -> float:
    for word in words:
        if word.startswith("+") and word[1:].isdigit():
            return int(word[1:]) * 60.0
    return 0.0

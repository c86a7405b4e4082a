"""One instance's process, as the cloud sees it: started with a spec, ended by closing its input.

The process tells what happens to it as JSON lines; the cloud's states follow these, never a timer.
Its input stays open as long as the cloud lives, so that it ends itself when the cloud is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from awstune import names
from awstune.localcloud import processes

if TYPE_CHECKING:
    from collections.abc import Callable

END_TIMEOUT_S = 10.0
LISTENING = "listening"
READY = "ready"
SHUTDOWN = "shutdown"
GONE = "gone"


@dataclass(frozen=True)
class Spec:
    """What an instance is started with; it crosses to the process as one line of JSON.

    Attributes:
        id: the instance's id.
        folder: all that is its own: its disk (``root``), its login's home, its shims.
        address: the loopback address to listen on.
        hostname: what ``hostname`` says there.
        public_key: of the key pair it was launched with, in OpenSSH's form; None lets nobody in.
        user_data: base64, as it was given at launch; None if none was.
        accept_ssh: False for one whose SSH port refuses.
        runcmd: False for one whose cloud-init leaves ``runcmd`` out, as some images' does.
        metadata: what its metadata service answers, by path.
        port: where its SSH server listened before a reboot; 0 for any.
        inside: its private address, where its SSH server listens as well; empty for none.
    """

    id: str
    folder: str
    address: str
    hostname: str
    public_key: str | None
    user_data: str | None
    accept_ssh: bool = True
    metadata: dict[str, str] = field(default_factory=dict)
    port: int = 0
    inside: str = ""
    runcmd: bool = True

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its SSH server listens, the public address first."""
        return tuple(dict.fromkeys(one for one in (self.address, self.inside) if one))

    @property
    def root(self) -> Path:
        """The folder that stands for the instance's ``/``."""
        return Path(self.folder) / "root"

    @property
    def home(self) -> Path:
        """The login's home."""
        return Path(self.folder) / "home" / names.SSH_USER


class Machine:
    """A started instance process.

    Args:
        spec: what it is started with.
        tell: called with each event, a dict with the key ``event``, from a thread of this machine's
            own; the last is `GONE`.
    """

    def __init__(self, spec: Spec, tell: Callable[[Machine, dict[str, Any]], None]) -> None:
        self.spec = spec
        self._tell = tell
        folder = Path(spec.folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "awstune.localcloud.instance"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                env=_environment(spec),
                cwd=folder,
                start_new_session=True,
                text=True,
            )
        self._order = threading.Lock()
        self._say(asdict(spec))
        threading.Thread(target=self._listen, name=spec.id, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the instance's process."""
        return self._process.pid

    def order(self, **order: Any) -> None:
        """Tell the process to change something about itself; one that is gone does not mind."""
        self._say(order)

    def end(self) -> None:
        """End the instance with every process of its own; returns when they are gone."""
        with self._order:
            _close(self._process.stdin)
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        processes.end(Path(self.spec.folder))

    def _say(self, line: dict[str, Any]) -> None:
        with self._order:
            pipe = self._process.stdin
            if pipe is None or pipe.closed:
                return
            try:
                pipe.write(json.dumps(line) + "\n")
                pipe.flush()
            except BrokenPipeError:
                return

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (it was asked for)
        with self._process.stdout as lines:
            for line in lines:
                self._tell(self, json.loads(line))
        self._process.wait()
        self._tell(self, {"event": GONE})


def _environment(spec: Spec) -> dict[str, str]:
    marks = {names.INSTANCE_MARK: spec.id, names.ROOT_VARIABLE: str(spec.root)}
    return {**os.environ, **marks}


def _close(pipe: IO[str] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:
        return

"""A host that SSH goes by way of, for instances without a public address: ``--ssh-jump [USER@]HOST[:PORT]``.

The rule: the jump host is the user's own, and reached as the user's own ``ssh`` reaches it, with
ssh_config, keys and known_hosts of theirs. Its host key has to be in known_hosts already: an unknown or
changed one is refused, without a question. Nothing of the connection behind it is its business: that is
encrypted and verified from end to end, with the instance's own pinned key, and no agent is forwarded to
either.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from typing import IO

from awstune.errors import ConnectionLost, HostKeyError, RemoteError, UsageError

TIMEOUT_S = 20.0
_OPTIONS = {
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "VerifyHostKeyDNS": "no",
    "ForwardAgent": "no",
    "ClearAllForwardings": "yes",
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "15",
}


def words(jump: str, *options: str) -> list[str]:
    """The ``ssh`` command that reaches a jump host; what it shall do there is still to be added.

    Args:
        jump: ``[USER@]HOST[:PORT]``.
        options: further options.
    """
    flags = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    host, _, port = jump.rpartition(":") if not jump.endswith("]") else (jump, "", "")
    host, port = (host, port) if host else (jump, "")
    user, at, name = host.rpartition("@")
    return ["ssh", *flags, *options, *(["-p", port] if port else []), f"{user}{at}{name.strip('[]')}"]


def proxy_command(jump: str) -> str:
    """What an ``ssh`` to an instance takes as its ProxyCommand: for a shell, with ``%`` to be filled in."""
    command = words(jump, "-W", "[%h]:%p")
    return shlex.join(command)


def source_address(jump: str) -> str:
    """The address that a jump host reaches its network from, asked over a verified connection to it.

    Raises:
        UsageError: this machine has no ``ssh``.
        HostKeyError: its host key is unknown, or not the known one.
        RemoteError: nobody answers there, or it lets nobody in.
    """
    _refuse_missing_ssh()
    try:
        # "client port server port": the server's address is the one of its own interface.
        asked = subprocess.run(
            [*words(jump), "echo $SSH_CONNECTION"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ConnectionLost(f"the jump host {jump} does not answer", f"ssh {jump}") from error
    found = asked.stdout.split()
    if asked.returncode or len(found) != 4:  # noqa: PLR2004  # two addresses with their ports
        raise refusal(jump, asked.stderr or f"it answered {asked.stdout.strip()[:80]!r}")
    return found[2]


def refusal(jump: str, said: str) -> RemoteError:
    """The error for a jump host that ``ssh`` could not get past.

    Args:
        jump: the host.
        said: what ``ssh`` wrote.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1].rstrip(".") if lines else "it said nothing"
    if "host key" in said.lower():
        return HostKeyError(
            f"the host key of the jump host {jump} is not in your known_hosts, or is another one: {last}",
            f"compare it with what its owner says, then take it in: ssh {jump}",
        )
    return ConnectionLost(f"no way by the jump host {jump}: {last}", f"see that this works: ssh {jump} true")


class Way:
    """An open way through a jump host to one port behind it.

    Args:
        jump: the host.
        host: the address behind it.
        port: the port there.

    Attributes:
        sock: this end of it.
    """

    def __init__(self, jump: str, host: str, port: int) -> None:
        _refuse_missing_ssh()
        self._jump = jump
        self.sock, theirs = socket.socketpair()
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                words(jump, "-W", f"[{host}]:{port}"),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us to handle, over this very way
            )

    def close(self) -> None:
        """Ends it; closing it twice is harmless."""
        self.sock.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._errors().close()

    def refusal(self) -> RemoteError | None:
        """Why it does not lead there, where ``ssh`` has given up; ends it."""
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return None
        said = self._errors().read().decode(errors="replace")
        return refusal(self._jump, said)

    def _errors(self) -> IO[bytes]:
        assert self._process.stderr is not None  # noqa: S101  # it was asked for
        return self._process.stderr


def _refuse_missing_ssh() -> None:
    if shutil.which("ssh") is None:
        raise UsageError(
            "there is no ssh on this machine, which --ssh-jump needs", "install OpenSSH's client"
        )

"""One instance's SSH server: the login ``ubuntu`` with the launched key pair, and nobody else."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING

import asyncssh

from awstune import names
from awstune.localcloud import session

if TYPE_CHECKING:
    from pathlib import Path

    from awstune.localcloud.children import Children
    from awstune.localcloud.machine import Spec

HOST_KEY = "etc/ssh/ssh_host_{kind}_key"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Door(asyncssh.SSHServer):
    """Lets in whoever has the private half of the launched key pair, as `names.SSH_USER`."""

    def __init__(self, public_key: asyncssh.SSHKey | None) -> None:
        self._public_key = public_key

    def begin_auth(self, _username: str) -> bool:
        """Everybody has to show a key."""
        return True

    def public_key_auth_supported(self) -> bool:
        """A key is the only way in."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Only the launched one, and only for the image's login."""
        return username == names.SSH_USER and key == self._public_key

    def connection_requested(self, _host: str, _port: int, _from_host: str, _from_port: int) -> bool:
        """Ports of the instance may be forwarded (``ssh -L``)."""
        return True

    def server_requested(self, listen_host: str, _listen_port: int) -> bool:
        """Ports may be forwarded back (``ssh -R``), but listened to on loopback only."""
        return listen_host in _LOOPBACK


class Files(asyncssh.SFTPServer):
    """SFTP as on any host: absolute paths are absolute, relative ones start in the login's home."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        """Where ``path`` lies."""
        return os.path.join(self._home, path)  # noqa: PTH118  # pathlib takes no bytes

    def exit(self) -> None:
        """End the session with status 0, as sftp-server does: scp fails without one."""
        with contextlib.suppress(OSError):
            self.channel.exit(0)


async def listen(spec: Spec, children: Children, port: int = 0) -> list[asyncssh.SSHAcceptor]:
    """Listen on the instance's addresses, at one port, with the host keys on its disk."""
    acceptors: list[asyncssh.SSHAcceptor] = []
    try:
        for address in spec.addresses:
            acceptors.append(await _listen(spec, children, address, port))  # closed below
            port = acceptors[0].get_port()
    except OSError:
        for acceptor in acceptors:
            acceptor.close()
        raise
    return acceptors


async def _listen(spec: Spec, children: Children, address: str, port: int) -> asyncssh.SSHAcceptor:
    public_key = asyncssh.import_public_key(spec.public_key) if spec.public_key else None
    return await asyncssh.listen(
        address,
        port,
        server_factory=functools.partial(Door, public_key),
        server_host_keys=host_keys(spec),
        process_factory=functools.partial(session.serve, children=children),
        sftp_factory=functools.partial(Files, home=spec.home),
        encoding=None,
        allow_scp=False,
        agent_forwarding=False,
        x11_forwarding=False,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        reuse_address=True,
    )


def host_keys(spec: Spec) -> list[asyncssh.SSHKey]:
    """The instance's private host keys, from its disk; one is made where user-data brought none.

    Public halves beside them do not matter, as they do not to sshd: a rotation may have left old ones.
    """
    folder = spec.root / "etc" / "ssh"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = sorted(folder.glob("ssh_host_*_key"))
    if not found:
        path = spec.root / HOST_KEY.format(kind="ed25519")
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
        path.chmod(0o600)
        found = [path]
    return [asyncssh.read_private_key(path) for path in found]

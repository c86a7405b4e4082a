"""The system's own ssh, with everything verified: for a person at a terminal, and to print."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from awstune.names import SSH_PORT
from awstune.remote import jump
from awstune.remote.ssh import Address


def arguments(address: Address, known_hosts: Path, command: Sequence[str] = ()) -> list[str]:
    """The words of an ``ssh`` command that lets in nobody but the pinned host.

    Args:
        address: whom to reach.
        known_hosts: awstune's file of pinned keys.
        command: words for the other end, joined by blanks there as ``ssh`` does; none for a shell.
    """
    port = [] if address.port == SSH_PORT else ["-p", str(address.port)]
    options = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ForwardAgent": "no",
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": address.alias,
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        # The user's own ssh_config still applies, and these could go around the pin.
        "ControlPath": "none",
        "KnownHostsCommand": "none",
        "VerifyHostKeyDNS": "no",
        "ServerAliveInterval": "15",
        **({"ProxyCommand": jump.proxy_command(address.jump)} if address.jump else {}),
    }
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    destination = f"{address.user}@{address.host}"
    return ["ssh", "-i", str(address.key_file), *flags, *port, destination, *_after_dashes(command)]


def line(address: Address, known_hosts: Path) -> str:
    """The shortest line to paste into a shell that still checks the host key: ``ssh -i … ubuntu@IP``."""
    port = "" if address.port == SSH_PORT else f"-p {address.port} "
    hosts = shlex.quote(f'"{known_hosts}"' if " " in str(known_hosts) else str(known_hosts))
    pins = f"-o IdentitiesOnly=yes -o HostKeyAlias={address.alias} -o UserKnownHostsFile={hosts}"
    if address.jump:
        pins += f" -o {shlex.quote(f'ProxyCommand={jump.proxy_command(address.jump)}')}"
    return f"ssh -i {shlex.quote(str(address.key_file))} {pins} {port}{address.user}@{address.host}"


def _after_dashes(command: Sequence[str]) -> list[str]:
    return ["--", *command] if command else []

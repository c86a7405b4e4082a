"""Key pairs: made here, so that the private half never crosses the wire.

A file is born with mode 600 in one step: there is no moment in which others could read it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from awstune import errors, names
from awstune.ec2.guard import openssh_pair
from awstune.sweeps.aside import named

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PRIVATE_MODE = 0o600


@dataclass(frozen=True)
class KeyPair:
    """A key pair as AWS knows it.

    Attributes:
        name: its name at AWS.
        public: ``ssh-ed25519 AAAA...`` without a comment; empty where AWS does not say.
        owner: its owner tag; empty where it has none.
    """

    name: str
    public: str = ""
    owner: str = ""


def pair_name(name: str) -> str:
    """The key pair's name at AWS for instances called ``name``."""
    return names.KEY_PAIR_NAME.format(name=name)


def key_path(keys_dir: Path, pair: str, region: str) -> Path:
    """Where the private half of ``pair`` lies: one file per pair and region."""
    return keys_dir / f"{pair}-{region}.pem"


def generate(path: Path, *, key_type: str = "ed25519") -> str:
    """Writes a new private key to ``path`` and returns its public half.

    Args:
        path: must not exist; its folder is made with mode 700.
        key_type: ``ed25519``, or ``rsa`` (3072 bits) for images whose sshd is older than OpenSSH 6.5.

    Raises:
        KeyFileError: the file is there already, or cannot be written.
    """
    private, public = _new_pair(key_type)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    except OSError as error:
        raise errors.KeyFileError(f"cannot write the key {path}: {error.strerror}") from error
    try:
        with named(path), os.fdopen(descriptor, "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:  # whatever it is: half a key would stop the next launch
        path.unlink(missing_ok=True)
        raise
    return public


def read_public(path: Path) -> str:
    """The public half of the private key at ``path``: ``ssh-ed25519 AAAA...``, without a comment.

    Raises:
        KeyFileError: no such file, others can read it, or it is no private key without a passphrase.
    """
    check_mode(path)
    try:
        key = _load(path.read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise errors.KeyFileError(
            f"{path} is not a private key that can be read without a passphrase",
            "name another with --key, or leave --key out and one is made",
        ) from error
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode()


def check_mode(path: Path) -> None:
    """Refuses a private key that others can read, as ssh would.

    Raises:
        KeyFileError: with the ``chmod 600`` that mends it, or that the file is missing.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise errors.KeyFileError(
            f"there is no private key at {path}", "name the right file with --key"
        ) from error
    if mode & 0o077:
        raise errors.KeyFileError(
            f"others can read the private key {path} (mode {mode:03o})", f"chmod 600 {path}"
        )


def refuse_lost(pair: str, path: Path | str, name: str) -> errors.KeyFileError:
    """The error for a key pair that AWS knows and this disk does not, with the ways out."""
    return errors.KeyFileError(
        f"AWS has the key pair {pair}, but its private key is not on this machine ({path})",
        f"copy the file here from the machine that made it; or name a key of your own with --key PATH; "
        f"or give it up: `awstune terminate {name}`, then launch again",
    )


def refuse_other(pair: str, path: Path | str, name: str) -> errors.KeyFileError:
    """The error for a file here that is not the private half of the pair at AWS."""
    return errors.KeyFileError(
        f"the key pair {pair} at AWS is not the one in {path}",
        f"move {path} away and bring the right one; or launch under another name than {name}",
    )


def same(one: str, other: str) -> bool:
    """Whether two public keys are the same, whatever their comments say."""
    return one.split()[:2] == other.split()[:2]


def _new_pair(key_type: str) -> tuple[bytes, str]:
    if key_type == "ed25519":
        return openssh_pair(Ed25519PrivateKey.generate())
    return openssh_pair(rsa.generate_private_key(public_exponent=65537, key_size=3072))


def _load(data: bytes) -> PrivateKeyTypes:
    if b"BEGIN OPENSSH PRIVATE KEY" in data:
        return serialization.load_ssh_private_key(data, password=None)
    return serialization.load_pem_private_key(data, password=None)

"""Replaces the host key that came with user-data, which whoever may describe the instance can read.

In four steps, and a crash between any two locks nobody out:

1. `prepare` over the first verified connection makes a new key beside the old one (the same one if it is
   called again) and prints its public half;
2. `announce` writes both to the tag, so that every laptop accepts either from here on;
3. `SWITCH` puts the new key in place and reloads sshd; the caller connects anew and sees it;
4. `settle` writes the new one alone, and which one it has replaced, so that a laptop that knows only that
   one may follow.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune import errors, names
from awstune.ec2.extend import write_host_keys
from awstune.ec2.network import tag_list

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

TAG_ROTATED = f"{names.TAG_PREFIX}host-key-rotated"
_HASH = "SHA256:"
_KEY = f'k="${{{names.ROOT_VARIABLE}:-}}/etc/ssh/ssh_host_ed25519_key"'

# Made aside and linked into place: of two who make one at a time, both get the first. What a failing of
# the power has left of one is no key, and is made again.
_NEW_KEY = (
    'sudo rm -f "$k.$$" && sudo ssh-keygen -q -t ed25519 -N "" -C "" -f "$k.$$" < /dev/null; '
    'sudo ln "$k.$$" "$k.new" 2> /dev/null; sudo rm -f "$k.$$" "$k.$$.pub"'
)
# sshd is told in any case: an earlier try may have ended between the two.
SWITCH = (
    f"{_KEY}; "
    'if sudo test -e "$k.new"; then '
    'sudo mv -f "$k.new" "$k" && sudo ssh-keygen -y -f "$k" | sudo tee "$k.pub" > /dev/null; fi && '
    "{ sudo systemctl reload ssh 2> /dev/null || sudo systemctl reload sshd; }"
)


def prepare(instance: Instance) -> str:
    """The shell command that prints the public half of the key that shall be shown.

    A key is made only where none waits and the first one is still in place: an instance whose key was
    switched already, by a launch that got no further, prints that one.
    """
    first = instance.host_keys[-1].split()[1] if instance.host_keys else "none"
    return (
        f"{_KEY}; "
        'if sudo test -e "$k.new" && ! sudo ssh-keygen -y -f "$k.new" > /dev/null 2>&1; '
        'then sudo rm -f "$k.new"; fi; '
        f'if ! sudo test -e "$k.new" && sudo ssh-keygen -y -f "$k" | grep -qF {first}; then {_NEW_KEY}; fi; '
        'if sudo test -e "$k.new"; then k="$k.new"; fi; sudo ssh-keygen -y -f "$k"'
    )


@dataclass(frozen=True)
class Rotation:
    """A rotation under way.

    Attributes:
        instance: whose key.
        new: the public half that it will show.
    """

    instance: Instance
    new: str

    @property
    def accepted(self) -> tuple[str, ...]:
        """What may be shown until the new one has been seen: pin these."""
        return (self.new, *(key for key in self.instance.host_keys if key != self.new))[:2]


def due(instance: Instance) -> bool:
    """Whether the key that came with user-data is still in use, or may be."""
    return not instance.tags.get(TAG_ROTATED, "").startswith(_HASH)


def has_replaced(instance: Instance, key: str) -> bool:
    """Whether the tags say that the key which is shown now has come in that one's place."""
    try:
        return instance.tags.get(TAG_ROTATED) == fingerprint(key)
    except (ValueError, IndexError):
        return False  # what is pinned is no key at all


def fingerprint(key: str) -> str:
    """A public key's fingerprint as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return _HASH + base64.b64encode(digest).decode().rstrip("=")


def announce(cloud: Cloud, instance: Instance, prepared: str) -> Rotation:
    """Writes both keys to the tag.

    Args:
        cloud: where it is.
        instance: as AWS describes it now.
        prepared: what `prepare` made it print.

    Raises:
        RemoteError: that is no key.
        CloudError: AWS refused; nothing has changed on the instance.
    """
    words = prepared.split()[:2]
    if len(words) != 2 or words[0] != "ssh-ed25519":  # noqa: PLR2004  # a type and a key
        raise errors.RemoteError(
            f"{instance.name} made no host key, but said: {prepared.strip()[:200]!r}",
            "the first key stays in use; the next connection tries again",
        )
    rotation = Rotation(instance, " ".join(words))
    write_host_keys(cloud, instance, rotation.accepted)
    return rotation


def settle(cloud: Cloud, rotation: Rotation) -> None:
    """Writes the new key alone: it has been seen on a connection.

    Raises:
        CloudError: AWS refused; both stay accepted, and the next connection repeats it.
    """
    # In one call: between two, a laptop that knows only the first key would know neither.
    tags = {names.TAG_HOST_KEY: rotation.new, TAG_ROTATED: fingerprint(rotation.accepted[-1])}
    cloud.ec2.create_tags(Resources=[rotation.instance.id], Tags=tag_list(tags))

"""A moto instance as the cloud's `Lives` see and change it. Nothing is rebound here."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.ec2.models.instances import Instance, InstanceState, StateReason

from awstune import names
from awstune.localcloud import lives as states
from awstune.localcloud import profile
from awstune.localcloud.lives import Reason
from awstune.localcloud.machine import Spec

CODES = {
    states.PENDING: 0,
    states.RUNNING: 16,
    states.SHUTTING_DOWN: 32,
    states.TERMINATED: 48,
    states.STOPPING: 64,
    states.STOPPED: 80,
}


@dataclass(frozen=True)
class MotoBody:
    """A moto instance, as `Lives` changes it."""

    instance: Any

    @property
    def id(self) -> str:
        """The instance's id."""
        return str(self.instance.id)

    @property
    def region(self) -> str:
        """Where it was launched."""
        return str(self.instance.region_name)

    @property
    def state(self) -> str:
        """Its state's name."""
        return str(self.instance._state.name)  # noqa: SLF001  # moto keeps an instance's state there

    @property
    def shutdown_terminates(self) -> bool:
        """What was wished for at its launch."""
        return bool(self.instance.instance_initiated_shutdown_behavior == "terminate")

    def spec(self, folder: Path, *, accept_ssh: bool) -> Spec:
        """What to start its process with."""
        instance = self.instance
        user_data = instance.user_data
        return Spec(
            id=self.id,
            folder=str(folder),
            address=instance.public_ip or _inside(instance),
            inside=_inside(instance),
            hostname=instance.private_dns_name.partition(".")[0],
            public_key=_public_key(instance),
            user_data=str(user_data) if user_data else None,
            accept_ssh=accept_ssh,
            metadata=_metadata(instance),
        )

    def facts(self) -> dict[str, str]:
        """By what fault rules tell instances apart."""
        instance = self.instance
        tags = {f"tag:{tag['key']}": tag["value"] for tag in instance.get_tags()}
        zone = instance.availability_zone or ""
        return {"InstanceId": self.id, "InstanceType": instance.instance_type, "Zone": zone, **tags}

    def enter(self, state: str, reason: Reason | None = None) -> None:
        """Show this state from now on."""
        said = StateReason(reason.message, reason.code) if reason else None
        self.instance.state_reason = said
        self.instance._reason = reason.message if reason else ""  # noqa: SLF001  # moto keeps an instance's state there
        self.instance._state = InstanceState(state, CODES[state])  # noqa: SLF001  # moto keeps an instance's state there

    def connect(self) -> None:
        """Get a public address: another one than before, as at AWS."""
        for nic in self.instance.nics.values():
            nic.start()

    def disconnect(self) -> None:
        """Give the public address back."""
        for nic in self.instance.nics.values():
            nic.stop()

    def release(self) -> None:
        """Let moto itself delete network interfaces and volumes; what stays is free again, as at AWS."""
        _moto_terminate(self.instance)
        others = [nic for place, nic in self.instance.nics.items() if place]
        for nic in others:
            if not nic.delete_on_termination:
                self.instance.detach_eni(nic)

    def listen_at(self, port: int) -> None:
        """Say in a tag where its SSH server listens: port 22 needs root here."""
        self.instance.add_tag(names.TAG_SSH_PORT, str(port))

    def forget(self) -> None:
        """Take it out of moto's records."""
        for reservation in list(self.instance.ec2_backend.reservations.values()):
            if self.instance in reservation.instances:
                reservation.instances = [i for i in reservation.instances if i is not self.instance]
            if not reservation.instances:
                self.instance.ec2_backend.reservations.pop(reservation.id, None)


def _inside(instance: Any) -> str:
    """Its private address, where that is one of this machine's."""
    private = str(instance.private_ip or "")
    return private if private.startswith("127.") else loopback_address()


_moto_terminate: Any = Instance.terminate
_given: set[str] = set()


def loopback_address() -> str:
    """An address for one instance: all of 127/8 is bound on Linux, only 127.0.0.1 elsewhere."""
    if sys.platform != "linux":
        return "127.0.0.1"
    while True:
        parts = [secrets.randbelow(254) + 1 for _ in range(3)]
        address = ".".join(["127", *map(str, parts)])
        if address not in _given:
            _given.add(address)
            return address


def _metadata(instance: Any) -> dict[str, str]:
    zone = instance.availability_zone or ""
    values = {
        "ami-id": instance.image_id,
        "hostname": instance.private_dns_name,
        "instance-id": instance.id,
        "instance-life-cycle": instance.lifecycle or "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": instance.private_ip,
        "placement/availability-zone": zone,
        "placement/region": instance.region_name,
        "public-ipv4": instance.public_ip,
    }
    named = getattr(instance, "awstune_profile", None)
    known = {path: str(value) for path, value in values.items() if value}
    return {**known, **profile.info(named)} if named else known


def _public_key(instance: Any) -> str | None:
    if not instance.key_name:
        return None
    pair = instance.ec2_backend.describe_key_pairs(key_names=[instance.key_name])[0]
    return str(pair.material_public.decode())

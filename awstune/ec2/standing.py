"""What `awstune doctor` looks at of what stands already: instances, their keys, doors and disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune import errors, names
from awstune.amounts import count
from awstune.ec2 import hostkeys, instances, keys, metadata, network, orphans
from awstune.ec2.patient import SKEW_S, Check, Patient, fine, mend

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud


def key_files(patient: Patient) -> Check:
    """Each private key readable by its owner only, and on this machine."""
    bad = []
    keys_dir = patient.keys_dir()
    for path in sorted(keys_dir.glob("*.pem")):
        try:
            keys.check_mode(path)
        except errors.KeyFileError as error:
            bad.append(error)
    if bad:
        found = "; ".join(error.message for error in bad)
        return mend("key files", found, *(error.hint for error in bad))
    pairs = {instance.key_name for instance in instances.own(patient.cloud)}
    lost = [pair for pair in pairs if not keys.key_path(keys_dir, pair, patient.cloud.region).exists()]
    if lost:
        fix = f"copy them to {keys_dir} from the machine that launched"
        return mend("key files", f"not on this machine: {', '.join(sorted(lost))}", fix)
    return fine("key files", f"{len(pairs)} in use, readable by their owner only")


def host_keys(patient: Patient) -> Check:
    """Each running instance with a host key to pin, which is none that user-data has shown."""
    running = _running(patient)
    bare = [one.name for one in running if not one.host_keys]
    if bare:
        found = f"no host key to tell it by: {', '.join(bare)}"
        return mend("host keys", found, f"awstune terminate {' '.join(bare)}, and launch again")
    first = [one.name for one in running if hostkeys.due(one)]
    if first:
        found = f"still the first host key, which user-data holds: {', '.join(first)}"
        return mend("host keys", found, *(f"awstune ssh {name} -- true" for name in first))
    return fine("host keys", f"{len(running)} pinned, each made on its instance")


def tokens(patient: Patient) -> Check:
    """IMDSv2: each running instance's metadata for whoever has a token only."""
    running = _running(patient)
    open_ = [one for one in running if metadata.due(one)]
    if open_:
        found = f"metadata without a token: {', '.join(one.name for one in open_)}"
        return mend("metadata", found, *(_require_tokens(patient.cloud, one) for one in open_))
    return fine("metadata", f"{len(running)} running, metadata for a token only")


def _require_tokens(cloud: Cloud, one: Instance) -> str:
    if metadata.boots_without_tokens(one):
        return f"awstune ssh {one.name} -- true"
    asked = f"--instance-id {one.id} --http-tokens required --http-put-response-hop-limit 1"
    return cloud.aws(f"ec2 modify-instance-metadata-options {asked}")


def doors(patient: Patient) -> Check:
    """Port 22 of one's own groups, for addresses and not for everybody."""
    groups = network.owned(patient.cloud, [instances.made_by(patient.cloud.owner)])
    wide = [(one, range_) for one in groups for range_ in sorted(one.ssh_from) if range_.endswith("/0")]
    if wide:
        found = f"port 22 is open to EVERYBODY: {', '.join(one.name for one, _ in wide)}"
        return mend("doors", found, *(_shut(patient.cloud, one, range_) for one, range_ in wide))
    ranges = sorted({range_ for one in groups for range_ in one.ssh_from})
    found = f"{count(len(groups), 'security group')}, port 22 from {', '.join(ranges) or 'nowhere'}"
    return fine("doors", found)


def _shut(cloud: Cloud, group: network.Group, range_: str) -> str:
    what = "Ipv6Ranges=[{CidrIpv6=" if ":" in range_ else "IpRanges=[{CidrIp="
    rule = f"IpProtocol=tcp,FromPort={names.SSH_PORT},ToPort={names.SSH_PORT},{what}{range_}}}]"
    return cloud.aws(f"ec2 revoke-security-group-ingress --group-id {group.id} --ip-permissions '{rule}'")


def disks(patient: Patient) -> Check:
    """Each disk of one's own encrypted."""
    mine = instances.made_by(patient.cloud.owner)
    volumes = patient.cloud.ec2.describe_volumes(Filters=[mine])["Volumes"]
    plain = [one["VolumeId"] for one in volumes if not one.get("Encrypted")]
    if plain:
        fix = "the disks of a new launch are encrypted: move what is on them to a new instance"
        return mend("disks", f"not encrypted: {', '.join(plain)}", fix)
    return fine("disks", f"{len(volumes)}, all encrypted")


def ends(patient: Patient) -> Check:
    """No instance past its end."""
    now = patient.now()
    late = [one.name for one in _running(patient) if one.ends is not None and one.ends < now - SKEW_S]
    if late:
        found = f"past its end and still running: {', '.join(late)}"
        return mend("ends", found, f"awstune terminate {' '.join(late)}")
    return fine("ends", "no instance runs past its end")


def leftovers(patient: Patient) -> Check:
    """Nothing that no instance uses."""
    left = orphans.find(patient.cloud)
    if not left:
        return fine("leftovers", f"nothing in {patient.cloud.region} that no instance uses")
    found = ", ".join(f"{one.kind} {one.id}" for one in left)
    again = " ".join(sorted({one.base for one in left if one.kind in orphans.REMOVED and one.base}))
    kept = [orphans.deletion(patient.cloud, one.kind, one.id) for one in left if one.kind in orphans.KEPT]
    return mend("leftovers", found, again and f"awstune terminate {again}", *kept)


def _running(patient: Patient) -> list[Instance]:
    return [one for one in instances.own(patient.cloud) if one.state == "running"]

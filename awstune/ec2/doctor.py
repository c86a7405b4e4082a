"""`awstune doctor`: every condition of a launch, looked at without spending anything.

Each check says what it found and what mends it; a check that AWS refuses is a finding, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from awstune import errors
from awstune.ec2 import fits, images, instances, keys, network, offers, orphans, prices, quotas
from awstune.ec2.faults import QUOTAS_PAGE, Refused
from awstune.ec2.session import Cloud
from awstune.ec2.wanted import Wanted

_SKEW_S = 120.0
_DRY = "DryRunOperation"


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        check: what was looked at.
        ok: whether it stands in no launch's way.
        found: what was found.
        fix: what mends it; empty where nothing needs to be.
    """

    check: str
    ok: bool
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object of ``doctor --json``."""
        return asdict(self)


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        cloud: whose account, and which region.
        keys_dir: where private keys lie.
        wanted: the launch that shall become possible.
        fetch: how the caller's address is asked for.
        now: the clock, in seconds since the epoch.
    """

    cloud: Cloud
    keys_dir: Path
    wanted: Wanted = field(default_factory=Wanted)
    fetch: network.Fetch = network.fetch
    now: Callable[[], float] = time.time


def examine(patient: Patient) -> Iterator[Check]:
    """All checks, one after the other; without credentials there is only the first.

    Yields:
        A `Check` each, passing ones too.
    """
    first = _run("credentials", _credentials, patient)
    yield first
    if first.ok:
        for name, look in _CHECKS:
            yield _run(name, look, patient)


def request_quota(cloud: Cloud, wanted: Wanted) -> str:
    """Asks AWS for as many vCPUs as the wanted launch needs beside what runs already.

    Returns:
        What was asked and how the request stands, in one sentence.

    Raises:
        UsageError: nothing is known of the type.
        CloudError: AWS refused.
    """
    facts, counted = prices.shipped().types.get(wanted.type), quotas.family(wanted.type)
    if facts is None or counted is None:
        raise errors.UsageError(f"nobody knows which quota counts {wanted.type}", f"look at {QUOTAS_PAGE}")
    busy = quotas.used(cloud).get((counted, wanted.market), 0.0)
    needed = busy + facts.vcpus * wanted.count
    state = quotas.request_increase(cloud, counted, wanted.market, needed)
    name = quotas.CODES[counted, wanted.market][1]
    return f"asked for {needed:g} vCPUs of {name!r} in {cloud.region}: {state}; AWS answers by e-mail"


def _run(name: str, look: Callable[[Patient], Check], patient: Patient) -> Check:
    try:
        return look(patient)
    except errors.AwstuneError as error:
        return Check(name, ok=False, found=error.message, fix=error.hint)


def _credentials(patient: Patient) -> Check:
    return Check("credentials", ok=True, found=f"{patient.cloud.owner} in account {patient.cloud.account}")


def _clock(patient: Patient) -> Check:
    answer = patient.cloud.client("sts").get_caller_identity()
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not said:
        return Check("clock", ok=True, found="the endpoint tells no time")
    off = abs(patient.now() - parsedate_to_datetime(said).timestamp())
    fix = "" if off < _SKEW_S else "set this machine's clock: AWS refuses requests that are five minutes off"
    return Check("clock", ok=off < _SKEW_S, found=f"{off:.0f} s beside AWS's", fix=fix)


def _type(patient: Patient) -> Check:
    cloud, type_ = patient.cloud, patient.wanted.type
    if offers.offered(cloud, [type_]):
        return Check("type", ok=True, found=f"{cloud.region} offers {type_}")
    nearest = ", ".join(str(facts) for facts in offers.stand_ins(cloud, type_)[:3])
    found = f"{cloud.region} does not offer {type_}" + (f"; nearest: {nearest}" if nearest else "")
    return Check("type", ok=False, found=found, fix="launch with --or-similar, or another --type or --region")


def _image(patient: Patient) -> Check:
    wanted = patient.wanted
    image = images.find_image(patient.cloud, wanted.image, wanted.type)
    facts = prices.shipped().types.get(wanted.type)
    fit = fits.check(image.name, facts.gpu) if facts else None
    found = f"{image.name} ({image.id})"
    if fit is None:
        return Check("image", ok=True, found=f"{found}; nothing is known of it on {wanted.type}")
    fix = "" if fit.ok else f"--ami {fit.instead!r}"
    return Check("image", ok=fit.ok, found=f"{found}: {fit.reason}", fix=fix)


def _quota(patient: Patient) -> Check:
    wanted = patient.wanted
    quota = quotas.find(patient.cloud, wanted.type, wanted.market)
    facts = prices.shipped().types.get(wanted.type)
    if quota is None or facts is None:
        fix = f"allow servicequotas:GetServiceQuota, or look at {QUOTAS_PAGE}"
        return Check("quota", ok=False, found=f"nobody may say the quota of {wanted.type}", fix=fix)
    over = quotas.refusal(quota, f"{wanted.count} x {wanted.type}", facts.vcpus * wanted.count)
    if over:
        return Check("quota", ok=False, found=over.message, fix=over.hint)
    found = f"{quota.name}: {quota.used:g} of {quota.vcpus:g} vCPUs in use"
    return Check("quota", ok=True, found=found)


def _network(patient: Patient) -> Check:
    there = network.network_of(patient.cloud, patient.wanted.subnet)
    return Check("network", ok=True, found=f"instances go to {there.vpc_id}")


def _address(patient: Patient) -> Check:
    ssh_from = network.caller_cidr(patient.cloud, patient.wanted.ssh_from, fetch=patient.fetch)
    return Check("address", ok=True, found=f"port 22 is opened for {ssh_from} only")


def _permissions(patient: Patient) -> Check:
    """What a launch calls, with AWS's DryRun: it answers whether the call would be allowed."""
    cloud, wanted = patient.cloud, patient.wanted
    tags = network.tag_list(instances.tags_for(cloud, wanted.name))
    vpc = network.network_of(cloud, wanted.subnet).vpc_id
    image = images.find_image(cloud, wanted.image, wanted.type)
    kinds = ("instance", "volume", "network-interface")
    calls: dict[str, dict[str, Any]] = {
        "create_security_group": {
            "GroupName": network.group_name(wanted.name),
            "Description": "awstune",
            "VpcId": vpc,
            "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}],
        },
        "run_instances": {
            "ImageId": image.id,
            "InstanceType": wanted.type,
            "MinCount": 1,
            "MaxCount": 1,
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in kinds],
        },
    }
    refused = [name for name, asked in calls.items() if not _may(cloud, name, asked)]
    if refused:
        fix = "give this caller the policy that `awstune iam` prints"
        return Check("permissions", ok=False, found=f"not allowed: {', '.join(refused)}", fix=fix)
    return Check("permissions", ok=True, found="may create security groups and run instances")


def _may(cloud: Cloud, call: str, asked: dict[str, Any]) -> bool:
    try:
        getattr(cloud.launcher, call)(**asked, DryRun=True)
    except Refused as error:
        if error.kind == "not_permitted":
            return False
        if error.code not in (_DRY, "InvalidGroup.Duplicate", "Unsupported"):
            raise
    return True


def _key_files(patient: Patient) -> Check:
    bad = []
    for path in sorted(patient.keys_dir.glob("*.pem")):
        try:
            keys.check_mode(path)
        except errors.KeyFileError as error:
            bad.append(error)
    if bad:
        found = "; ".join(error.message for error in bad)
        return Check("key files", ok=False, found=found, fix="; ".join(error.hint for error in bad))
    pairs = {instance.key_name for instance in instances.own(patient.cloud)}
    lost = [
        pair for pair in pairs if not keys.key_path(patient.keys_dir, pair, patient.cloud.region).exists()
    ]
    if lost:
        fix = f"copy them to {patient.keys_dir} from the machine that launched"
        return Check("key files", ok=False, found=f"not on this machine: {', '.join(sorted(lost))}", fix=fix)
    return Check("key files", ok=True, found=f"{len(pairs)} in use, readable by their owner only")


def _leftovers(patient: Patient) -> Check:
    left = orphans.find(patient.cloud)
    if not left:
        return Check("leftovers", ok=True, found="nothing that no instance uses")
    found = ", ".join(f"{one['kind']} {one['id']}" for one in left)
    again = " ".join(sorted({one["name"] for one in left if one["name"]}))
    return Check("leftovers", ok=False, found=found, fix=f"awstune terminate {again}".strip())


def _ends(patient: Patient) -> Check:
    now = patient.now()
    late = [
        one.name
        for one in instances.own(patient.cloud)
        if one.state == "running" and one.ends is not None and one.ends < now - _SKEW_S
    ]
    if late:
        found = f"past its end and still running: {', '.join(late)}"
        return Check("ends", ok=False, found=found, fix=f"awstune terminate {' '.join(late)}")
    return Check("ends", ok=True, found="no instance runs past its end")


_CHECKS: tuple[tuple[str, Callable[[Patient], Check]], ...] = (
    ("clock", _clock),
    ("type", _type),
    ("image", _image),
    ("quota", _quota),
    ("network", _network),
    ("address", _address),
    ("permissions", _permissions),
    ("key files", _key_files),
    ("leftovers", _leftovers),
    ("ends", _ends),
)

"""`awstune doctor`: every condition of a launch, looked at without spending anything.

Each check says what it found and what mends it; a check that AWS refuses is a finding, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from awstune import errors
from awstune.ec2 import (
    fits,
    images,
    instances,
    keys,
    network,
    offers,
    orphans,
    permissions,
    prices,
    quotas,
    regions,
)
from awstune.ec2.faults import QUOTAS_PAGE
from awstune.ec2.session import Cloud
from awstune.ec2.wanted import Wanted

_SKEW_S = 120.0
_BEGIN = (
    "make an account, if there is none, at https://portal.aws.amazon.com/billing/signup",
    "there (IAM > Users) make a user with the policy that `awstune iam` prints, and an access key for it",
    "`aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "`awstune doctor`; or, to try everything without an account, `awstune --cloud local demo`",
)


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        check: what was looked at.
        ok: whether it stands in no launch's way.
        found: what was found.
        steps: what mends it, one after the other; empty where nothing needs to be.
    """

    check: str
    ok: bool
    found: str
    steps: tuple[str, ...] = ()

    @property
    def fix(self) -> str:
        """What mends it, in one sentence."""
        return "; then ".join(self.steps)

    def to_json(self) -> dict[str, Any]:
        """The object of ``doctor --json``."""
        return {**asdict(self), "fix": self.fix}


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        cloud: whose account, and which region.
        keys_dir: where private keys lie, once it is known whose account this is.
        wanted: the launch that shall become possible.
        fetch: how the caller's address is asked for.
        now: the clock, in seconds since the epoch.
    """

    cloud: Cloud
    keys_dir: Callable[[], Path]
    wanted: Wanted = field(default_factory=Wanted)
    fetch: network.Fetch = network.fetch
    now: Callable[[], float] = time.time


def examine(patient: Patient) -> Iterator[Check]:
    """All checks, one after the other; without credentials nothing after them can be asked.

    Where the region does not offer the wanted type, what follows is about the nearest one.

    Yields:
        A `Check` each, passing ones too.
    """
    for name, look in _FIRST:
        check = _run(name, look, patient)
        yield check
        if not check.ok:
            return
    for name, look in _CHECKS:
        yield _run(name, look, patient)
        if name == "type":
            patient = _as_launched(patient)


def request_quota(cloud: Cloud, wanted: Wanted) -> str:
    """Asks AWS for as many vCPUs as the wanted launch needs beside what runs already.

    Returns:
        What was asked and how the request stands, in one sentence.

    Raises:
        UsageError: nothing is known of the type.
        CloudError: AWS refused.
    """
    type_ = _nearest(cloud, wanted.type)
    facts, counted = prices.shipped().types.get(type_), quotas.family(type_)
    if facts is None or counted is None:
        raise errors.UsageError(f"nobody knows which quota counts {type_}", f"look at {QUOTAS_PAGE}")
    name = quotas.CODES[counted, wanted.market][1]
    quota = quotas.limit(cloud, counted, wanted.market)
    if quota is not None and not quotas.refusal(quota, wanted.count, type_, facts.vcpus):
        return f"nothing was asked: {name!r} in {cloud.region} allows {quota.left:g} more vCPUs already"
    busy = quota.used if quota else quotas.used(cloud).get((counted, wanted.market), 0.0)
    needed = busy + facts.vcpus * wanted.count
    state = quotas.request_increase(cloud, counted, wanted.market, needed)
    return f"asked for {needed:g} vCPUs of {name!r} in {cloud.region}: {state}; AWS answers by e-mail"


def _mend(name: str, found: str, *steps: str) -> Check:
    return Check(name, ok=False, found=found, steps=tuple(filter(None, steps)))


def _run(name: str, look: Callable[[Patient], Check], patient: Patient) -> Check:
    try:
        return look(patient)
    except errors.AwstuneError as error:
        return _mend(name, error.message, error.hint)


def _as_launched(patient: Patient) -> Patient:
    """The patient, wanting what ``--or-similar`` would launch."""
    with suppress(errors.AwstuneError):
        near = _nearest(patient.cloud, patient.wanted.type)
        return replace(patient, wanted=replace(patient.wanted, type=near))
    return patient


def _nearest(cloud: Cloud, type_: str) -> str:
    if offers.offered(cloud, [type_]):
        return type_
    near = offers.stand_ins(cloud, type_)
    return near[0].type if near else type_


def _region(patient: Patient) -> Check:
    """AWS's newest regions are in no list of ours; a misspelled one is near to one that is."""
    region, known = patient.cloud.region, patient.cloud.session.get_available_regions("ec2")
    near = [] if region in known else regions.nearest(region, known)
    if near:
        return _mend("region", f"there is no region {region!r}", f"--region {' or '.join(near)}")
    return Check("region", ok=True, found=region)


def _credentials(patient: Patient) -> Check:
    try:
        _ = patient.cloud.owner
    except errors.CredentialsError as error:
        none = "no AWS credentials" in error.message
        return _mend("credentials", error.message, *(_BEGIN if none else (error.hint,)))
    return Check("credentials", ok=True, found=f"{patient.cloud.owner} in account {patient.cloud.account}")


def _clock(patient: Patient) -> Check:
    answer = patient.cloud.client("sts").get_caller_identity()
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not said:
        return Check("clock", ok=True, found="the endpoint tells no time")
    off = abs(patient.now() - parsedate_to_datetime(said).timestamp())
    found = f"{off:.0f} s beside AWS's"
    if off < _SKEW_S:
        return Check("clock", ok=True, found=found)
    return _mend("clock", found, "set this machine's clock: AWS refuses requests that are five minutes off")


def _type(patient: Patient) -> Check:
    cloud, type_ = patient.cloud, patient.wanted.type
    if offers.offered(cloud, [type_]):
        return Check("type", ok=True, found=f"{cloud.region} offers {type_}")
    near = offers.stand_ins(cloud, type_)
    found = offers.not_offered(cloud.region, type_, near, {})
    fix = (
        f"launch with --or-similar, or `awstune doctor --type {near[0].type}`" if near else "another --region"
    )
    return _mend("type", found, fix)


def _image(patient: Patient) -> Check:
    wanted = patient.wanted
    image = images.find_image(patient.cloud, wanted.image, wanted.type)
    facts = prices.shipped().types.get(wanted.type)
    fit = fits.check(image.name, facts.gpu) if facts else None
    found = f"{image.name} ({image.id}) on {wanted.type}"
    if fit is None:
        return Check("image", ok=True, found=f"{found}: nothing is known of the two together")
    if not fit.ok:
        return _mend("image", f"{found}: {fit.reason}", f"--ami {fit.instead!r}")
    torch = fits.setup(image.name, facts.gpu) if facts else None
    return Check("image", ok=True, found=f"{found}: {fit.reason}" + (f"; {torch.reason}" if torch else ""))


def _quota(patient: Patient) -> Check:
    wanted = patient.wanted
    quota = quotas.find(patient.cloud, wanted.type, wanted.market)
    facts = prices.shipped().types.get(wanted.type)
    if quota is None or facts is None:
        fix = f"allow servicequotas:GetServiceQuota, or look at {QUOTAS_PAGE}"
        return _mend("quota", f"nobody may say the quota of {wanted.type}", fix)
    over = quotas.refusal(quota, wanted.count, wanted.type, facts.vcpus)
    if over:
        return _mend("quota", over.message, over.hint)
    found = f"{quota.name}: {quota.used:g} of {quota.vcpus:g} vCPUs in use, {quota.left:g} left"
    return Check("quota", ok=True, found=found)


def _network(patient: Patient) -> Check:
    there = network.network_of(patient.cloud, patient.wanted.subnet)
    return Check("network", ok=True, found=f"instances go to {there.vpc_id}")


def _address(patient: Patient) -> Check:
    ssh_from = network.caller_cidr(patient.cloud, patient.wanted.ssh_from, fetch=patient.fetch)
    return Check("address", ok=True, found=f"port 22 is opened for {ssh_from} only")


def _permissions(patient: Patient) -> Check:
    """Every EC2 call that awstune makes, with AWS's DryRun: it answers whether the call would be allowed."""
    asked, refused = permissions.ask(patient.cloud, _launchable(patient))
    stop = [call for call in refused if not call.optional]
    lacks = ", ".join(f"{call.action} ({call.why})" for call in refused)
    if refused:
        fix = ("give this caller the policy that `awstune iam` prints",)
        return Check("permissions", ok=not stop, found=f"not allowed: {lacks}", steps=fix)
    own = any(call.action == "ec2:TerminateInstances" for call in asked)
    rest = "" if own else "; stop, start and terminate are asked about once there is an instance"
    found = f"all of {len(asked)} calls to EC2 are allowed, by dry run{rest}"
    return Check("permissions", ok=True, found=found)


def _launchable(patient: Patient) -> permissions.Launchable:
    """As much of a launch as there is: what is missing has a check of its own."""
    cloud, wanted, image_id, vpc_id = patient.cloud, patient.wanted, "", ""
    with suppress(errors.AwstuneError):
        image_id = images.find_image(cloud, wanted.image, wanted.type).id
    with suppress(errors.AwstuneError):
        vpc_id = network.network_of(cloud, wanted.subnet).vpc_id
    return permissions.Launchable(wanted.type, image_id, vpc_id)


def _key_files(patient: Patient) -> Check:
    bad = []
    keys_dir = patient.keys_dir()
    for path in sorted(keys_dir.glob("*.pem")):
        try:
            keys.check_mode(path)
        except errors.KeyFileError as error:
            bad.append(error)
    if bad:
        found = "; ".join(error.message for error in bad)
        return _mend("key files", found, *(error.hint for error in bad))
    pairs = {instance.key_name for instance in instances.own(patient.cloud)}
    lost = [pair for pair in pairs if not keys.key_path(keys_dir, pair, patient.cloud.region).exists()]
    if lost:
        fix = f"copy them to {keys_dir} from the machine that launched"
        return _mend("key files", f"not on this machine: {', '.join(sorted(lost))}", fix)
    return Check("key files", ok=True, found=f"{len(pairs)} in use, readable by their owner only")


def _leftovers(patient: Patient) -> Check:
    left = orphans.find(patient.cloud)
    if not left:
        return Check("leftovers", ok=True, found="nothing that no instance uses")
    found = ", ".join(f"{one['kind']} {one['id']}" for one in left)
    again = " ".join(sorted({one["name"] for one in left if one["name"]}))
    return _mend("leftovers", found, f"awstune terminate {again}".strip())


def _ends(patient: Patient) -> Check:
    now = patient.now()
    late = [
        one.name
        for one in instances.own(patient.cloud)
        if one.state == "running" and one.ends is not None and one.ends < now - _SKEW_S
    ]
    if late:
        found = f"past its end and still running: {', '.join(late)}"
        return _mend("ends", found, f"awstune terminate {' '.join(late)}")
    return Check("ends", ok=True, found="no instance runs past its end")


def _backstop(patient: Patient) -> Check:
    """It is optional: without it nothing stands in a launch's way."""
    if patient.cloud.has_backstop:
        return Check("backstop", ok=True, found="each instance gets a second end, from outside")
    found = "instances end themselves; infra/ttl-backstop.yaml would add a second end, from outside"
    return Check("backstop", ok=True, found=found)


_FIRST: tuple[tuple[str, Callable[[Patient], Check]], ...] = (
    ("region", _region),
    ("credentials", _credentials),
)
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
    ("backstop", _backstop),
)

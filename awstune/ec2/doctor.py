"""`awstune doctor`: every condition of a launch, looked at without spending anything.

Each check says what it found and what mends it; a check that AWS refuses is a finding, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime

from awstune import errors
from awstune.ec2 import (
    fits,
    guard,
    images,
    network,
    offers,
    permissions,
    pricelist,
    prices,
    quotas,
    regions,
    standing,
    writing,
)
from awstune.ec2.faults import QUOTAS_PAGE
from awstune.ec2.patient import SKEW_S, Check, Patient, fine, mend
from awstune.ec2.session import Cloud
from awstune.ec2.wanted import Wanted
from awstune.money import dollars

_BEGIN = (
    "make an account, if there is none, at https://portal.aws.amazon.com/billing/signup",
    "there (IAM > Users) make a user with the policy that `awstune iam` prints, and an access key for it",
    "`aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "`awstune doctor`; or, to try everything without an account, `awstune --cloud local demo`",
)


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


def _run(name: str, look: Callable[[Patient], Check], patient: Patient) -> Check:
    try:
        return look(patient)
    except errors.AwstuneError as error:
        return mend(name, error.message, error.hint)


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
        return mend("region", f"there is no region {region!r}", f"--region {' or '.join(near)}")
    return fine("region", region)


def _credentials(patient: Patient) -> Check:
    try:
        _ = patient.cloud.owner
    except errors.CredentialsError as error:
        none = "no AWS credentials" in error.message
        return mend("credentials", error.message, *(_BEGIN if none else (error.hint,)))
    return fine("credentials", f"{patient.cloud.owner} in account {patient.cloud.account}")


def _clock(patient: Patient) -> Check:
    answer = patient.cloud.client("sts").get_caller_identity()
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not said:
        return fine("clock", "the endpoint tells no time")
    off = abs(patient.now() - parsedate_to_datetime(said).timestamp())
    found = f"{off:.0f} s beside AWS's"
    if off < SKEW_S:
        return fine("clock", found)
    return mend("clock", found, "set this machine's clock: AWS refuses requests that are five minutes off")


def _type(patient: Patient) -> Check:
    cloud, type_ = patient.cloud, patient.wanted.type
    if offers.offered(cloud, [type_]):
        return fine("type", f"{cloud.region} offers {type_}")
    near = offers.stand_ins(cloud, type_)
    found = offers.not_offered(cloud.region, type_, near, {})
    fix = (
        f"launch with --or-similar, or `awstune doctor --type {near[0].type}`" if near else "another --region"
    )
    return mend("type", found, fix)


def _prices(patient: Patient) -> Check:
    """What it costs, as AWS says it today, or as the package's table has it."""
    wanted = patient.wanted
    table = pricelist.live(patient.cloud, [wanted.type])
    if wanted.market == "spot":
        table = pricelist.with_spot(patient.cloud, table, [wanted.type])
    usd = table.usd_per_hour(wanted.type, wanted.market)
    if usd is None:
        fix = "allow pricing:GetProducts (`awstune iam`), or launch without --max-usd"
        return mend("prices", f"nobody knows the price of {wanted.type}", fix)
    return fine(
        "prices",
        f"{wanted.type} costs {dollars(usd)} an hour {wanted.market} ({table.source([wanted.type])})",
    )


def _image(patient: Patient) -> Check:
    wanted = patient.wanted
    image = images.find_image(patient.cloud, wanted.image, wanted.type)
    facts = prices.shipped().types.get(wanted.type)
    fit = fits.check(image.name, facts.gpu) if facts else None
    found = f"{image.name} ({image.id}) on {wanted.type}"
    if fit is None:
        return fine("image", f"{found}: nothing is known of the two together")
    if not fit.ok:
        return mend("image", f"{found}: {fit.reason}", f"--ami {fit.instead!r}")
    torch = fits.setup(image.name, facts.gpu) if facts else None
    return fine("image", f"{found}: {fit.reason}" + (f"; {torch.reason}" if torch else ""))


def _quota(patient: Patient) -> Check:
    wanted = patient.wanted
    quota = quotas.find(patient.cloud, wanted.type, wanted.market)
    facts = prices.shipped().types.get(wanted.type)
    if quota is None or facts is None:
        fix = f"allow servicequotas:GetServiceQuota, or look at {QUOTAS_PAGE}"
        return mend("quota", f"nobody may say the quota of {wanted.type}", fix)
    over = quotas.refusal(quota, wanted.count, wanted.type, facts.vcpus)
    if over:
        return mend("quota", over.message, over.hint)
    found = f"{quota.name}: {quota.used:g} of {quota.vcpus:g} vCPUs in use, {quota.left:g} left"
    return fine("quota", found)


def _network(patient: Patient) -> Check:
    there = network.network_of(patient.cloud, patient.wanted.subnet)
    if patient.wanted.security_group:
        network.check_group(patient.cloud, patient.wanted.security_group, there.vpc_id)
    found = f"instances go to {there.vpc_id}"
    if there.public or there.ipv6 or patient.wanted.ssh_jump:
        return fine("network", found)
    reached = "without a public address: a VPN reaches them, or --ssh-jump HOST"
    return fine("network", f"{found}, {reached}")


def _address(patient: Patient) -> Check:
    """As a launch finds it: a jump host is asked first, and then it alone is let in."""
    wanted = patient.wanted
    seen_from = patient.seen_from() if patient.seen_from else None
    if wanted.security_group:
        return fine("address", f"{wanted.security_group} stays as it is: nothing is opened in it")
    subnet = network.network_of(patient.cloud, wanted.subnet) if wanted.subnet else None
    by_ipv6 = subnet is not None and subnet.ipv6 and not subnet.public
    typed = wanted.ssh_from or seen_from
    ssh_from = network.caller_cidr(patient.cloud, typed, ipv6=by_ipv6, fetch=patient.fetch)
    way = f"; SSH goes by way of {wanted.ssh_jump}" if wanted.ssh_jump else ""
    return fine("address", f"port 22 is opened for {ssh_from} only{way}")


def _user_data(patient: Patient) -> Check:
    """What an instance would carry, made as a launch makes it: too long a one is refused there."""
    wanted = patient.wanted
    limits = guard.Limits(wanted.idle_s, wanted.max_usd)
    host_key, stamp = guard.HostKey.generate(), f"awstune-{uuid.uuid4()}"
    bucket = wanted.results_bucket or ""
    text = guard.user_data(host_key, ends=patient.now(), stamp=stamp, limits=limits, bucket=bucket)
    size = f"{len(text.encode()):,} of {guard.MAX_BYTES:,} bytes"
    return fine("user-data", f"{size}; the guard that ends an instance comes first in it")


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
    return fine("permissions", found)


def _launchable(patient: Patient) -> permissions.Launchable:
    """As much of a launch as there is: what is missing has a check of its own."""
    cloud, wanted, image_id, vpc_id = patient.cloud, patient.wanted, "", ""
    with suppress(errors.AwstuneError):
        image_id = images.find_image(cloud, wanted.image, wanted.type).id
    with suppress(errors.AwstuneError):
        vpc_id = network.network_of(cloud, wanted.subnet).vpc_id
    return permissions.Launchable(wanted.type, image_id, vpc_id, spot=wanted.market == "spot")


def _results(patient: Patient) -> Check:
    """A bucket is optional: without it results come home by SSH."""
    found = writing.look(patient.cloud, patient.wanted.results_bucket or "")
    missing = writing.refusal(found) if found.bucket else None
    if missing:
        return mend("results", missing.message, missing.hint)
    if found.has_profile is None:
        return fine("results", "they come home by SSH; whether a bucket may take them too, nobody may say")
    if found.bucket:
        return fine("results", f"they come home by SSH, and instances may write them to {found.bucket}")
    may = "instances may write them to a bucket, too (--results-bucket)"
    none = "infra/results-bucket.yaml would make a bucket that instances may write them to"
    return fine("results", f"they come home by SSH; {may if found.has_profile else none}")


def _backstop(patient: Patient) -> Check:
    """It is optional: without it nothing stands in a launch's way."""
    if patient.cloud.has_backstop:
        return fine("backstop", "each instance gets a second end, from outside")
    found = "instances end themselves; infra/ttl-backstop.yaml would add a second end, from outside"
    return fine("backstop", found)


_FIRST: tuple[tuple[str, Callable[[Patient], Check]], ...] = (
    ("region", _region),
    ("credentials", _credentials),
)
_CHECKS: tuple[tuple[str, Callable[[Patient], Check]], ...] = (
    ("clock", _clock),
    ("type", _type),
    ("prices", _prices),
    ("image", _image),
    ("quota", _quota),
    ("network", _network),
    ("address", _address),
    ("user-data", _user_data),
    ("permissions", _permissions),
    ("results", _results),
    ("backstop", _backstop),
    ("key files", standing.key_files),
    ("host keys", standing.host_keys),
    ("metadata", standing.tokens),
    ("doors", standing.doors),
    ("disks", standing.disks),
    ("ends", standing.ends),
    ("leftovers", standing.leftovers),
)

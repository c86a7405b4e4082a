"""Looks at what is there, for `awstune.ec2.plan`. It changes nothing and costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from awstune import names
from awstune.ec2 import (
    backstop,
    images,
    instances,
    keys,
    network,
    offers,
    pricelist,
    prices,
    quotas,
    reach,
    writing,
)
from awstune.ec2.actual import Actual, KeyFacts
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.ec2.wanted import Wanted
from awstune.errors import CloudError


def look(
    cloud: Cloud,
    wanted: Wanted,
    keys_dir: Path,
    *,
    table: prices.Prices | None = None,
    fetch: network.Fetch = network.fetch,
) -> Actual:
    """What is there of what is wanted.

    Args:
        cloud: where, and whose.
        wanted: decides what is looked for; a type that is not offered is replaced by its stand-in
            where ``or_similar`` says so.
        keys_dir: where private keys lie.
        table: prices; None asks AWS, and takes the package's dated table where it does not say.
        fetch: how the caller's address is asked for.

    Raises:
        UsageError: no such image, no default network, or nobody knows the caller's address.
        KeyFileError: a key file that others can read, or that is none.
    """
    there = tuple(instances.named(cloud, wanted.names))
    actual = Actual(
        region=cloud.region,
        owner=cloud.owner,
        prices=table or prices.shipped(),
        instances=there,
        type=wanted.type,
        key=key_facts(cloud, wanted, keys_dir),
    )
    actual = _with_network(cloud, wanted, actual, fetch)
    actual = replace(actual, backstop=cloud.has_backstop, unscheduled=_unscheduled(cloud, there))
    if {found.name for found in there if found.live} >= set(wanted.names):
        return actual
    return _with_type(cloud, wanted, actual)


def _unscheduled(cloud: Cloud, there: Sequence[Instance]) -> tuple[Instance, ...]:
    """Running ones of one's own whose launch ended before their end from outside was made."""
    ending = [
        one
        for one in there
        if one.owner == cloud.owner and one.state in ("pending", "running") and one.ends is not None
    ]
    try:
        armed = backstop.left(cloud, [one.id for one in ending])
    except CloudError:  # whoever may not look may launch all the same
        return ()
    return tuple(one for one in ending if one.id not in armed) if cloud.has_backstop else ()


def _with_network(cloud: Cloud, wanted: Wanted, actual: Actual, fetch: network.Fetch) -> Actual:
    there = network.network_of(cloud, wanted.subnet)
    if wanted.security_group:
        network.check_group(cloud, wanted.security_group, there.vpc_id)
        return replace(actual, network=there)
    by_ipv6 = there.ipv6 and not there.public
    typed = [network.cidr(wanted.ssh_from)] if wanted.ssh_from and not wanted.ssh_jump else []
    return replace(
        actual,
        network=there,
        group=network.find_group(cloud, network.group_name(wanted.name), there.vpc_id),
        ssh_from=network.caller_cidr(cloud, wanted.ssh_from, ipv6=by_ipv6, fetch=fetch),
        left_out=reach.left_out(cloud, typed, fetch=fetch),
    )


def _with_type(cloud: Cloud, wanted: Wanted, actual: Actual) -> Actual:
    there = bool(offers.offered(cloud, [wanted.type]))
    if not there or wanted.or_similar:
        actual = replace(actual, offered=there, stand_ins=offers.stand_ins(cloud, wanted.type))
        actual = _with_prices(cloud, wanted, actual, wanted.type)
    if not there:
        families = {quotas.family(one.type) or "" for one in actual.stand_ins}
        limits = {one: quotas.limit(cloud, one, wanted.market) for one in sorted(families - {""})}
        actual = replace(actual, quotas={one: limit for one, limit in limits.items() if limit})
        if not (wanted.or_similar and actual.stand_ins):
            return actual
        actual = replace(actual, type=actual.stand_ins[0].type, offered=True)
    return replace(
        _with_prices(cloud, wanted, actual, actual.type),
        image=images.find_image(cloud, wanted.image, actual.type),
        quota=quotas.find(cloud, actual.type, wanted.market),
        writing=writing.look(cloud, wanted.results_bucket) if wanted.results_bucket else None,
    )


def _with_prices(cloud: Cloud, wanted: Wanted, actual: Actual, type_: str) -> Actual:
    """Today's prices of the type and of its stand-ins, which say them too."""
    if actual.prices is not prices.shipped():
        return actual
    asked = dict.fromkeys([type_, *(one.type for one in actual.stand_ins)])
    table = pricelist.live(cloud, asked)
    if wanted.market == "spot":
        table = pricelist.with_spot(cloud, table, asked)
    near = tuple(table.types.get(one.type, one) for one in actual.stand_ins)
    return replace(actual, prices=table, stand_ins=near)


def key_facts(cloud: Cloud, wanted: Wanted, keys_dir: Path) -> KeyFacts:
    """What AWS and this disk know of the key pair.

    Raises:
        KeyFileError: the file is readable by others, or no private key.
    """
    own = Path(wanted.key).expanduser().absolute() if wanted.key else None
    own_public = keys.read_public(own) if own else None
    pair = keys.pair_name(wanted.name)
    path = keys.key_path(keys_dir, pair, cloud.region)
    return KeyFacts(
        pair=pair,
        path=str(path),
        here=keys.read_public(path) if path.exists() else None,
        at_aws=find_pair(cloud, pair),
        own=str(own) if own else None,
        own_public=own_public,
    )


def find_pair(cloud: Cloud, pair: str) -> keys.KeyPair | None:
    """AWS's side of a key pair; None where AWS does not know it."""
    found = cloud.ec2.describe_key_pairs(
        Filters=[{"Name": "key-name", "Values": [pair]}], IncludePublicKey=True
    )["KeyPairs"]
    if not found:
        return None
    tags = {tag["Key"]: tag["Value"] for tag in found[0].get("Tags", [])}
    return keys.KeyPair(pair, found[0].get("PublicKey", "").strip(), tags.get(names.TAG_OWNER, ""))

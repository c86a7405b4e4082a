"""Who has written a sweep to a results bucket, and what AWS says of them.

Before what a bucket has may be taken for all that there is, EC2 must say that whoever wrote it runs no
more: in whatever region that is, and whoever's it is. What cannot be known is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from awstune.ec2 import instances, regions, stored
from awstune.ec2.faults import NotPermitted
from awstune.ec2.instances import Instance
from awstune.ec2.session import Cloud
from awstune.errors import AwstuneError, CloudError, UnknownName, UsageError
from awstune.flow import access
from awstune.names import BUCKET_PREFIX, SPEC_FILE, WHERE_FILE
from awstune.remote.where import Where

_OTHERS = "the other regions"


@dataclass(frozen=True)
class Writer:
    """An instance that has written a sweep to a bucket.

    Attributes:
        id: the instance's.
        bucket: which.
        at: when it wrote the journal last.
        created: when the sweep was begun, which tells it from others of its name.
        where: what it knows of itself; None where an older awstune sent it there.
        one: as AWS shows it; None where AWS does not.
    """

    id: str
    bucket: str
    at: datetime
    created: float | None
    where: Where | None
    one: Instance | None = None

    @property
    def owner(self) -> str:
        """Whose it is, or was; empty where nobody knows."""
        told = self.where.owner if self.where else ""
        return self.one.owner if self.one else told

    def __str__(self) -> str:
        whose = f", of {self.owner}" if self.owner else ""
        return f"{self.id} (last written {self.at:%Y-%m-%d %H:%M}{whose})"


@dataclass(frozen=True)
class Sight:
    """What AWS shows of an account's instances.

    Attributes:
        instances: everyone's, those that have just ended among them.
        asked: the regions that have answered.
        silent: those that would not, with their errors: unknown is not none.
    """

    instances: Sequence[Instance]
    asked: frozenset[str]
    silent: Mapping[str, CloudError]

    def of(self, instance: str) -> Instance | None:
        """The instance of that id; None where none is shown."""
        return next((one for one in self.instances if one.id == instance), None)


def everywhere(cloud: Cloud) -> Sight:
    """Everyone's instances in all regions of the account, as far as they answer.

    Raises:
        CloudError: this region itself does not.
    """

    def ask(there: Cloud) -> list[Instance]:
        return instances.own(there, ended=True, everyone=True)

    try:
        answers, silent = regions.each(cloud, ask, for_instances=True)
    except CloudError as error:  # the regions cannot be listed
        answers, silent = [(cloud, ask(cloud))], {_OTHERS: error}
    found = [one for _, answer in answers for one in answer]
    return Sight(found, frozenset(there.region for there, _ in answers), silent)


def of_sweep(cloud: Cloud, bucket: str, sweep: str, sight: Sight | None = None) -> list[Writer]:
    """All that have written a sweep of that name, the one that wrote last first.

    Raises:
        CloudError: the bucket cannot be read.
    """
    return [_known(cloud, bucket, sweep, one, sight) for one in stored.writers(cloud, bucket, sweep)]


def _known(cloud: Cloud, bucket: str, sweep: str, found: stored.Writing, sight: Sight | None) -> Writer:
    place = BUCKET_PREFIX.format(sweep=sweep, instance=found.instance)
    try:
        spec = tomllib.loads(stored.read(cloud, bucket, place + SPEC_FILE).decode())
        created = float(spec["created"])
    except (ValueError, KeyError, TypeError):
        created = None
    where = None
    if found.told:
        with suppress(ValueError, TypeError, AttributeError):  # then it is looked for in all regions
            told = Where.parse(stored.read(cloud, bucket, place + WHERE_FILE).decode())
            where = told if isinstance(told.region, str) else None
    one = None if sight is None else sight.of(found.instance)
    return Writer(found.instance, bucket, found.at, created, where, one)


def chosen(writers: Sequence[Writer], sweep: str, owner: str, instance: str | None) -> Sequence[Writer]:
    """Those that have written one and the same sweep, one's own before anybody else's.

    Args:
        writers: all that there are of that name.
        sweep: the name.
        owner: who asks.
        instance: the id of one of them, as typed.

    Raises:
        UnknownName: there are several such sweeps, or none by that instance.
    """
    alike: dict[object, list[Writer]] = {}
    for one in writers:
        alike.setdefault(one.id if one.created is None else one.created, []).append(one)
    sweeps = list(alike.values())
    own = [some for some in sweeps if any(one.owner == owner for one in some)]
    if instance is not None:
        meant = [some for some in sweeps if any(one.id == instance for one in some)]
    else:
        meant = own or sweeps
    if len(meant) == 1:
        return meant[0]
    bucket, first = writers[0].bucket, (meant or sweeps)[0][0]
    shown = "; ".join(str(some[0]) for some in meant or sweeps)
    what = f"{len(meant)} sweeps are called {sweep}" if meant else f"{instance} has written no {sweep}"
    raise UnknownName(
        f"in the bucket {bucket} {what}: {shown}",
        f"awstune attach {sweep} --results-bucket {bucket} --from {first.id}",
    )


def asked(cloud: Cloud, sight: Sight, writer: Writer, sweep: str) -> Writer:
    """The same, with what AWS says of the instance where it is, or was.

    Raises:
        UsageError: that cannot be known.
    """
    where = writer.where
    if writer.one is not None:
        return writer
    if where is not None:
        access.refuse_another_account(cloud, where)
    if where is None and sight.silent:
        silent = sorted(sight.silent)
        raise _silent(writer, sweep, ", ".join(silent), sight.silent[silent[0]])
    if where is None or where.region in sight.asked:
        return writer
    try:
        there = replace(where, instance=writer.id)
        return replace(writer, one=access.described(cloud.at(where.region), there))
    except CloudError as error:
        raise _silent(writer, sweep, where.region, error) from error


def _silent(writer: Writer, sweep: str, region: str, error: CloudError) -> AwstuneError:
    hint = "the same command once EC2 answers there"
    if isinstance(error, NotPermitted):
        hint = "it takes ec2:DescribeRegions and ec2:DescribeInstances there: awstune iam has both"
    what = f"{writer.id}, which has written {sweep} to the bucket {writer.bucket}"
    why = f"{region} cannot be asked: {error.message}"
    return UsageError(f"whether {what}, still runs cannot be known: {why}", hint)

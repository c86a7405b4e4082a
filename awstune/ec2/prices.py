"""What things cost: the dated table that ships in the package, and arithmetic on it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from awstune.money import dollars

HOURS_A_MONTH = 730


@dataclass(frozen=True)
class TypeFacts:
    """What is known of an instance type.

    Attributes:
        type: such as ``p2.xlarge``.
        gpu: its GPU's name, empty where it has none.
        gpus: how many.
        gpu_memory_gib: GiB of each GPU.
        vcpus: virtual CPUs, which are what quotas count.
        usd_per_hour: on-demand Linux; None where nobody said.
    """

    type: str
    gpu: str
    gpus: int
    gpu_memory_gib: float
    vcpus: int
    usd_per_hour: float | None

    def __str__(self) -> str:
        """One line for a choice of types: ``g4dn.xlarge (1 x T4, 16 GiB, $0.53/h)``."""
        price = "price unknown" if self.usd_per_hour is None else f"{dollars(self.usd_per_hour)}/h"
        if not self.gpus:
            return f"{self.type} (no GPU, {price})"
        return f"{self.type} ({self.gpus} x {self.gpu}, {self.gpu_memory_gib:g} GiB, {price})"


@dataclass(frozen=True)
class Prices:
    """The package's dated table, and what AWS has said since.

    Attributes:
        region: where the table's hold.
        as_of: the table's year and month.
        types: facts and on-demand price by type.
        spot: the cheapest zone's spot price by type, where it was asked.
        gp3_gib_month: dollars a GiB of disk a month.
        public_ipv4_hour: dollars an hour for a public address.
        today: the types whose price AWS has said itself.
        today_in: of which region.
        today_on: on which day.
    """

    region: str
    as_of: str
    types: Mapping[str, TypeFacts] = field(repr=False)
    gp3_gib_month: float
    public_ipv4_hour: float
    spot: Mapping[str, float] = field(default_factory=dict, repr=False)
    today: frozenset[str] = frozenset()
    today_in: str = ""
    today_on: str = ""

    def usd_per_hour(self, type_: str, market: str = "on-demand") -> float | None:
        """The hourly price of one instance without its disk; None where it is unknown."""
        if market == "spot" and type_ in self.spot:
            return self.spot[type_]
        facts = self.types.get(type_)
        return facts.usd_per_hour if facts else None

    def dated(self, type_: str) -> tuple[str, str]:
        """Of which region a type's price is, and of when."""
        return (self.today_in, self.today_on) if type_ in self.today else (self.region, self.as_of)

    def source(self, types: Iterable[str]) -> str:
        """Where the prices of these types, and of what goes with them, come from, and of when they are."""
        own = dict.fromkeys(types)
        old = [type_ for type_ in own if type_ not in self.today]
        if len(old) == len(own):
            return f"{self.region} prices of {self.as_of}"
        of = "" if self.region == self.today_in else f"{self.region} of "
        beside = ", ".join([*old, "disk and address"])
        return f"{self.today_in} prices of {self.today_on}; {beside}: {of}{self.as_of}"

    def ceiling_per_hour(self, type_: str) -> float | None:
        """What an hour can cost at most: a spot instance never costs more than on-demand."""
        return self.usd_per_hour(type_)

    def disk_usd_per_hour(self, gib: float) -> float:
        """A gp3 disk's hourly price, which is due while the instance is stopped, too."""
        return gib * self.gp3_gib_month / HOURS_A_MONTH

    def with_types(self, facts: Mapping[str, TypeFacts]) -> Prices:
        """The same prices with more, or newer, types."""
        return replace(self, types={**self.types, **facts})


@cache
def shipped() -> Prices:
    """The table of the package: us-east-1, dated."""
    text = resources.files("awstune.ec2").joinpath("prices.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    types = {name: TypeFacts(name, *row) for name, row in table["types"].items()}
    return Prices(
        region=table["region"],
        as_of=table["as_of"],
        types=types,
        gp3_gib_month=table["gp3_gib_month"],
        public_ipv4_hour=table["public_ipv4_hour"],
    )


def nearest(wanted: TypeFacts | None, offered: Mapping[str, TypeFacts]) -> tuple[TypeFacts, ...]:
    """Types that can stand in for ``wanted``, the best first.

    As many GPUs, each with at least as much memory, the cheapest first; where there is none, any
    number of GPUs. A type without GPUs stands in for one without.

    Args:
        wanted: what was asked for; None where nothing is known of it: then one GPU of any size.
        offered: what there is, by type.
    """
    gpus, memory = (wanted.gpus, wanted.gpu_memory_gib) if wanted else (1, 0.0)
    able = [facts for facts in offered.values() if bool(facts.gpus) == bool(gpus) and facts.usd_per_hour]
    like = [facts for facts in able if facts.gpus == gpus and facts.gpu_memory_gib >= memory]
    return tuple(sorted(like or able, key=lambda facts: (facts.usd_per_hour or 0.0, facts.type)))

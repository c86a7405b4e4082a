"""What is there of what is wanted, as `awstune.ec2.survey` found it: a plan's other half. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from awstune import names
from awstune.ec2.images import Image
from awstune.ec2.instances import Instance
from awstune.ec2.keys import KeyPair
from awstune.ec2.network import Group, Network
from awstune.ec2.prices import Prices, TypeFacts
from awstune.ec2.quotas import Quota
from awstune.ec2.writing import Writing


@dataclass(frozen=True)
class KeyFacts:
    """What is there of the key pair.

    Attributes:
        pair: its name at AWS.
        path: where its private half belongs, on this machine.
        here: the public half of the file at ``path``; None where there is no file.
        at_aws: AWS's side of it; None where AWS does not know it.
        own: the user's own PEM; None for a key that awstune makes.
        own_public: the public half of ``own``.
    """

    pair: str
    path: str
    here: str | None = None
    at_aws: KeyPair | None = None
    own: str | None = None
    own_public: str | None = None


@dataclass(frozen=True)
class Actual:
    """What is there.

    Attributes:
        region: where.
        owner: who asks.
        prices: of the region.
        instances: those with one of the wanted names, whoever's, in all states.
        type: the type that will be launched: the wanted one, or its stand-in.
        offered: whether the region offers it.
        stand_ins: the nearest offered types where it is not.
        quotas: what the account may run of the stand-ins, by family.
        image: None where it was not looked for.
        key: the key pair.
        group: the security group of the name; None where there is none.
        network: the network that instances go to.
        ssh_from: the range that may reach port 22.
        quota: what the account may run of the type; None where nobody says.
        left_out: the caller's own address, where the range that was typed leaves it out.
        writing: what is there for a results bucket; None where none was asked for.
        backstop: whether the account has an end from outside for each instance.
        unscheduled: the instances that such an end is missing for.
    """

    region: str
    owner: str
    prices: Prices
    key: KeyFacts
    instances: tuple[Instance, ...] = ()
    type: str = names.DEFAULT_TYPE
    offered: bool = True
    stand_ins: tuple[TypeFacts, ...] = ()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    image: Image | None = None
    group: Group | None = None
    network: Network = field(default_factory=lambda: Network(""))
    ssh_from: str = ""
    quota: Quota | None = None
    left_out: str = ""
    writing: Writing | None = None
    backstop: bool = False
    unscheduled: tuple[Instance, ...] = ()

"""The steps of a plan: values that are shown, compared and applied, and do nothing themselves.

Each says in prose what it does, and which step of the course's walk through the EC2 console it
replaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from awstune.ec2 import guard

_NAMED = 4  # instances that are told one by one


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    action: ClassVar[str]

    @property
    def console(self) -> str:
        """The console step that it replaces."""
        raise NotImplementedError

    def prose(self) -> str:
        """The step in one sentence, without a full stop."""
        return self._say()

    def _say(self) -> str:
        raise NotImplementedError

    def to_json(self, *, explain: bool = False) -> dict[str, Any]:
        """``{action, ...}``: the step's own fields beside its name, with ``console`` where explained."""
        fields = {key: value for key, value in asdict(self).items() if not key.startswith("_")}
        return {"action": self.action, **fields, **({"console": self.console} if explain else {})}


@dataclass(frozen=True)
class ImportKeyPair(Step):
    """Hand AWS a public key.

    Attributes:
        pair: the key pair's name at AWS.
        path: where the private half lies, or will lie.
        public: the public half where it is known already; None generates a key.
        key_type: of a generated key.
        link: a user's own PEM that ``path`` shall point to; None for a key made here.
    """

    action = "import-key-pair"
    console = "Key pair > Create new key pair > Download, then chmod 600 key.pem"

    pair: str
    path: str
    public: str | None = None
    key_type: str = "ed25519"
    link: str | None = None

    def _say(self) -> str:
        if self.link:
            return f"import the public half of {self.link} as the key pair {self.pair}"
        if self.public:
            return f"import the public half of {self.path} as the key pair {self.pair}"
        return f"make a key pair {self.pair}; its private half stays here, mode 600, in {self.path}"


@dataclass(frozen=True)
class LinkKey(Step):
    """Remember here which file is the private half of a key pair that AWS has already."""

    action = "link-key"
    console = "Key pair > Choose an existing key pair"

    pair: str
    path: str
    link: str

    def _say(self) -> str:
        return f"use the key pair {self.pair} with {self.link}"


@dataclass(frozen=True)
class CreateGroup(Step):
    """Make a security group that admits nobody yet."""

    action = "create-security-group"
    console = "Network settings > Create security group"

    group: str
    vpc_id: str

    def _say(self) -> str:
        return f"create the security group {self.group} in {self.vpc_id}"


@dataclass(frozen=True)
class AllowSsh(Step):
    """Admit an address range to port 22."""

    action = "allow-ssh"
    console = "Network settings > Allow SSH traffic from > My IP"

    group: str
    ssh_from: str
    vpc_id: str = ""
    typed: bool = False

    def _say(self) -> str:
        if self.ssh_from.endswith("/0"):
            return f"let EVERYBODY ({self.ssh_from}) reach port 22"
        return f"let {self.ssh_from} reach port 22, and nobody else"


@dataclass(frozen=True)
class RevokeSsh(Step):
    """Admit an address range no longer."""

    action = "revoke-ssh"
    console = "Security groups > Edit inbound rules > Delete"

    group: str
    ssh_from: str
    vpc_id: str = ""

    def _say(self) -> str:
        return f"let {self.ssh_from} reach port 22 no longer"


@dataclass(frozen=True)
class JoinGroup(Step):
    """Let the instances of a group reach each other."""

    action = "join-security-group"
    console = "Security groups > Edit inbound rules > All TCP > Source: this security group"

    group: str
    vpc_id: str = ""

    def _say(self) -> str:
        return f"let the instances of {self.group} reach each other, and nobody else"


@dataclass(frozen=True)
class Fallback:
    """A type that will do where there is no capacity for the wanted one.

    Attributes:
        type: such as ``g4dn.xlarge``.
        usd_per_hour: its price on demand.
        facts: what it is, for the prose.
        rate: its price in the wanted market.
    """

    type: str
    usd_per_hour: float | None
    facts: str = ""
    rate: float | None = None


@dataclass(frozen=True)
class RunInstance(Step):
    """Run one instance.

    Attributes:
        name: its NAME.
        base: the NAME that key pair and security group are made for: without the -1 ... -N.
        type: such as ``p2.xlarge``.
        market: ``on-demand`` or ``spot``.
        image_id: ``ami-...``.
        image: the image's name.
        root_device: what its root volume is mapped to.
        disk_gib: its root disk.
        at_end: ``stop`` or ``terminate``.
        ttl_s: seconds until its end; None for no end.
        idle_s: seconds of idling that end it; None for no such end.
        max_usd: dollars that end it; None for no such end.
        usd_per_hour: the price that ``max_usd`` is reckoned with: on demand, which spot never exceeds.
        rate: its price an hour in its market as the plan found it; None where nobody knows it.
        address_usd_per_hour: its public address's.
        disk_usd_per_hour: the disk's.
        pair: its key pair.
        group: its security group: a name to look up, or an id.
        vpc_id: the network that the group is looked up in.
        subnet: None for the default network's.
        wishes: the tag that says what was asked for.
        tags: the user's own.
        facts: what the type is, for the prose.
        fallbacks: types that are asked for next where there is no capacity, in this order.
        ssh_jump: the host that SSH goes by way of; empty where it goes straight.
        bucket: the bucket that results are copied to; empty for none.
        imds_v1_boot: whether the image boots with a metadata service that asks for no tokens.
    """

    action = "run-instance"
    console = (
        "Region (top right) > Launch instances > Name, AMI by its name, Instance type, Configure storage "
        "> Launch instance"
    )

    name: str
    base: str
    type: str
    market: str
    image_id: str
    image: str
    root_device: str
    disk_gib: int
    at_end: str
    ttl_s: float | None
    pair: str
    group: str
    wishes: str
    idle_s: float | None = None
    max_usd: float | None = None
    usd_per_hour: float | None = None
    rate: float | None = None
    address_usd_per_hour: float = 0.0
    disk_usd_per_hour: float = 0.0
    vpc_id: str = ""
    subnet: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    facts: str = ""
    fallbacks: tuple[Fallback, ...] = ()
    ssh_jump: str = ""
    bucket: str = ""
    imds_v1_boot: bool = False

    @property
    def limits(self) -> guard.Limits:
        """What else ends it, as its disk has it."""
        hourly = (self.usd_per_hour or 0.0) + self.address_usd_per_hour
        return guard.Limits(self.idle_s, self.max_usd, hourly, self.disk_usd_per_hour)

    def _say(self) -> str:
        market = "on demand" if self.market == "on-demand" else "at the spot price"
        return (
            f"run {self.name}: {self.facts or self.type} {market}, from {self.image} ({self.image_id}), "
            f"with an encrypted disk of {self.disk_gib} GiB; {self._end()}{self._access()}{self._or_else()}"
        )

    def _access(self) -> str:
        said = f"; SSH goes by way of {self.ssh_jump}" if self.ssh_jump else ""
        return said + (f"; it may write to the bucket {self.bucket}" if self.bucket else "")

    def _or_else(self) -> str:
        others = ", then ".join(other.facts or other.type for other in self.fallbacks)
        return f"; where there is no capacity: {others}" if others else ""

    def _end(self) -> str:
        ends = [
            f"after {span(self.ttl_s)}" if self.ttl_s is not None else "",
            f"after {span(self.idle_s)} idle" if self.idle_s is not None else "",
            self.limits.cap_in_words,
        ]
        said = ", or ".join(end for end in ends if end)
        verb = "stops" if self.at_end == "stop" else "terminates"
        return f"it {verb} by itself {said}" if said else "NOTHING ENDS IT by itself"


@dataclass(frozen=True)
class ArmBackstop(Step):
    """Schedule the end from outside of an instance that an interrupted launch has left without one.

    Attributes:
        name: its NAME.
        base: the NAME that its key pair and security group were made for.
        id: ``i-...``.
        at_end: what its end does to it: ``stop`` or ``terminate``.
    """

    action = "arm-backstop"

    name: str
    base: str
    id: str
    at_end: str

    @property
    def console(self) -> str:
        """The console step that it replaces."""
        verb = "Stop" if self.at_end == "stop" else "Terminate"
        return f"EventBridge > Schedules > Create schedule > One-time > Target: EC2 {verb}Instances"

    def _say(self) -> str:
        return f"schedule the end of {self.name} from outside, too"


@dataclass(frozen=True)
class Wait(Step):
    """Wait until instances are ready."""

    action = "wait"
    console = (
        "Instances > Refresh until Instance state is Running and Status check is 2/2 checks passed, "
        "then copy the Public IPv4 address for ssh -i key.pem ubuntu@ADDRESS"
    )

    names: tuple[str, ...]

    def _say(self) -> str:
        verb = "is running and passes its" if len(self.names) == 1 else "are running and pass their"
        many = f"all {len(self.names)} instances" if len(self.names) > _NAMED else ", ".join(self.names)
        return f"wait until {many} {verb} status checks"


def told(steps: Sequence[Step]) -> list[Step]:
    """The steps as they are told: many instances that differ in their names only are one sentence."""
    runs = [step for step in steps if isinstance(step, RunInstance)]
    if len(runs) <= _NAMED or any(replace(run, name=runs[0].name) != runs[0] for run in runs):
        return list(steps)
    together = replace(runs[0], name=f"{runs[0].name} ... {runs[-1].name} ({len(runs)} instances), each")
    rest = [step for step in steps if step is runs[0] or not isinstance(step, RunInstance)]
    return [together if step is runs[0] else step for step in rest]


def span(seconds: float) -> str:
    """A duration as one types it: ``8h``, ``30m``, ``1h30m``, ``45s``."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if n]
    return "".join(parts) or "0s"

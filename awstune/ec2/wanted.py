"""What was asked for: a launch's options as typed, and what makes two launches the same one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from awstune import errors, names
from awstune.ec2.steps import span

Market = Literal["on-demand", "spot"]
AtEnd = Literal["stop", "terminate"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_WISHES_LENGTH = 256
# user@host:port, an alias of ssh_config, or an IPv6 address in brackets; nothing that a shell would act on.
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9a-fA-F:]+\])"
JUMP = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?{_HOST}(?::\d{{1,5}})?")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
_TAG_LENGTH, _TAG_VALUE_LENGTH = 128, 256


@dataclass(frozen=True)
class Wanted:
    """What was asked for, as typed. None is what was not typed, but for ``ttl_s`` and ``idle_s``.

    Attributes:
        name: NAME; with ``count`` above one the instances are NAME-1 ... NAME-N.
        count: how many.
        type: the instance type.
        market: ``on-demand`` or ``spot``.
        image: ``--ami``: an id, an exact name or a pattern.
        disk_gib: the root disk; by default 100, or what the image needs.
        ttl_s: seconds until the end, by default 8 hours; None for no end at all.
        idle_s: seconds of idling that end it, by default 30 minutes; None for no such end.
        max_usd: dollars that end it.
        at_end: by default ``stop`` on demand and ``terminate`` for spot.
        key: a private key file of the user's own.
        key_type: of a key that is made: ``ed25519`` or ``rsa``.
        ssh_from: the range that may reach port 22; by default the caller's own address.
        subnet: ``subnet-...``.
        security_group: ``sg-...``, used as it is.
        ssh_jump: ``[USER@]HOST[:PORT]`` that SSH goes by way of, or an alias of the user's ssh_config.
        results_bucket: a bucket that instances may write results to.
        or_similar: whether the nearest offered type will do.
        tags: the user's own.

    Raises:
        UsageError: a name that AWS or a file system would not take, or a number that means nothing.
    """

    name: str = names.DEFAULT_NAME
    count: int = 1
    type: str = names.DEFAULT_TYPE
    market: Market = "on-demand"
    image: str | None = None
    disk_gib: int | None = None
    ttl_s: float | None = names.DEFAULT_TTL_S
    idle_s: float | None = names.DEFAULT_IDLE_S
    max_usd: float | None = None
    at_end: AtEnd | None = None
    key: str | None = None
    key_type: str = "ed25519"
    ssh_from: str | None = None
    subnet: str | None = None
    security_group: str | None = None
    ssh_jump: str | None = None
    results_bucket: str | None = None
    or_similar: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            hint = "use letters, digits, dots, dashes and underscores, 63 at most"
            raise errors.UsageError(f"{self.name!r} cannot be an instance's name", hint)
        for option, value in (
            ("--count", self.count),
            ("--disk", self.disk_gib),
            ("--ttl", self.ttl_s),
            ("--idle", self.idle_s),
            ("--max-usd", self.max_usd),
        ):
            if value is not None and not value > 0:
                hint = f"leave {option} out, or give it more"
                raise errors.UsageError(f"{option} must be above zero, not {value:g}", hint)
        if self.market == "spot" and self.at_end == "stop":
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
            raise errors.UsageError(
                "a spot instance cannot be stopped at its end: AWS stops those of a persistent request only, "
                "and such a request starts another instance after the first is terminated",
                "leave --at-end out: it is terminated; or leave --spot out",
            )
        if self.ssh_jump is not None and not JUMP.fullmatch(self.ssh_jump):
            hint = "write it as [USER@]HOST[:PORT], or an alias of your ssh_config"
            raise errors.UsageError(f"--ssh-jump {self.ssh_jump!r} is no host", hint)
        if self.results_bucket is not None and not BUCKET.fullmatch(self.results_bucket):
            hint = "give its name alone, as `aws s3 ls` shows it: lower case letters, digits, dots and dashes"
            raise errors.UsageError(f"--results-bucket {self.results_bucket!r} is no bucket's name", hint)
        if any(tag.startswith((names.TAG_PREFIX, "aws:")) for tag in self.tags):
            raise errors.UsageError("tags of awstune: and aws: are not for --tag", "choose another tag name")
        for tag, text in self.tags.items():
            if len(tag) > _TAG_LENGTH or len(text) > _TAG_VALUE_LENGTH:
                limits = f"{_TAG_LENGTH} characters for a tag's name and {_TAG_VALUE_LENGTH} for its value"
                raise errors.UsageError(f"--tag {tag[:20]}... is too long", f"AWS takes {limits}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all instances that are wanted."""
        if self.count == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1))

    @property
    def end(self) -> AtEnd:
        """What the end does: a spot instance cannot be counted on to start again."""
        return self.at_end or ("terminate" if self.market == "spot" else "stop")

    def wishes(self) -> dict[str, Any]:
        """What makes two launches the same launch. Who may knock, and how many there are, does not.

        A default that help names is the same wish typed or left out (type, ttl, idle, at-end); a disk
        or an image is not: what is taken where none is typed depends on the day.
        """
        asked = {
            "type": self.type,
            "market": self.market,
            "ami": self.image,
            "disk": self.disk_gib,
            "ttl": "none" if self.ttl_s is None else span(self.ttl_s),
            "idle": "none" if self.idle_s is None else span(self.idle_s),
            "max-usd": self.max_usd,
            "at-end": self.end,
            "key": self.key,
            "subnet": self.subnet,
            "security-group": self.security_group,
            "ssh-jump": self.ssh_jump,
            "results-bucket": self.results_bucket,
            **{f"tag {key}": value for key, value in sorted(self.tags.items())},
        }
        return {key: value for key, value in asked.items() if value is not None}

    def hash(self) -> str:
        """Twelve hex digits that are the same for the same wishes."""
        text = json.dumps(self.wishes(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def wishes_tag(self) -> str:
        """The hash, and the wishes in words for whoever has to say what differs (256 characters)."""
        words = "; ".join(f"{key}={value}" for key, value in self.wishes().items())
        return f"{self.hash()} {words}"[:_WISHES_LENGTH]

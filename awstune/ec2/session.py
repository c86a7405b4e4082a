"""The way to AWS: one boto3 Session, its clients, and who is calling.

Every client's errors pass through `awstune.ec2.faults`, whoever calls it: a small class is put under
each client as botocore makes it (its event ``creating-client-class``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import create_credential_resolver
from botocore.exceptions import BotoCoreError
from botocore.utils import JSONFileCache

from awstune import names
from awstune.ec2.faults import NotPermitted, translated
from awstune.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_ec2 import EC2Client

MAX_TAG_VALUE = 256
_CLI_CACHE = "~/.aws/cli/cache"
_ATTEMPTS = 6
# Capacity errors come as HTTP 500: more attempts would ask the same full zone again.
_LAUNCH_ATTEMPTS = 1


@dataclass(frozen=True)
class Endpoint:
    """Another EC2 than AWS's, with the only keys it accepts.

    Attributes:
        url: such as ``http://127.0.0.1:5123``.
        access_key: an access key id.
        secret_key: its secret.
        populated: says in which regions it has instances; None where nobody knows that without asking EC2.
    """

    url: str
    access_key: str
    secret_key: str = field(repr=False)
    populated: Callable[[], Iterable[str]] | None = field(default=None, repr=False, compare=False)


class Cloud:
    """One region, seen by one caller.

    Args:
        session: where clients come from.
        region: such as ``us-east-1``.
        endpoint: None for AWS (or for what ``AWS_ENDPOINT_URL`` says).
    """

    def __init__(self, session: boto3.Session, region: str, endpoint: Endpoint | None = None) -> None:
        self.session = session
        self.region = region
        self.endpoint = endpoint
        self._clients: dict[tuple[str, str, int], Any] = {}
        session.events.register("creating-client-class", _speak_our_errors, unique_id="awstune-errors")

    @property
    def local(self) -> bool:
        """Whether this is the embedded cloud, which bills nothing."""
        return self.endpoint is not None

    def aws(self, command: str) -> str:
        """A command of AWS's own tool, to be pasted: it asks this region, as this caller."""
        profile = self.session.profile_name
        named = "" if profile == "default" else f" --profile {shlex.quote(profile)}"
        return f"`aws {command} --region {self.region}{named}`"

    @property
    def look_every_s(self) -> float:
        """Seconds between two looks at what has changed: AWS counts calls, the embedded cloud does not."""
        return 0.2 if self.local else 1.0

    def client(self, service: str, *, region: str | None = None, attempts: int = _ATTEMPTS) -> Any:
        """A client of ``service``, the same one each time.

        Args:
            service: boto3's name, such as ``ec2``.
            region: another region than this one's.
            attempts: how often botocore tries a call in all.
        """
        wanted = (service, region or self.region, attempts)
        if wanted not in self._clients:
            self._clients[wanted] = self._make_client(*wanted)
        return self._clients[wanted]

    @cached_property
    def ec2(self) -> EC2Client:
        """The client for everything but RunInstances."""
        client: EC2Client = self.client("ec2")
        return client

    @cached_property
    def launcher(self) -> EC2Client:
        """The client for RunInstances, which shows each capacity error at once."""
        client: EC2Client = self.client("ec2", attempts=_LAUNCH_ATTEMPTS)
        return client

    @cached_property
    def scheduler(self) -> Any:
        """The client for the ends from outside."""
        return self.client("scheduler")

    @cached_property
    def _identity(self) -> dict[str, str]:
        answer: dict[str, str] = self.client("sts").get_caller_identity()
        return answer

    @property
    def account(self) -> str:
        """The account's twelve digits."""
        return self._identity["Account"]

    @property
    def owner(self) -> str:
        """What `awstune:owner` says of this caller's things: see `owner_of`."""
        return owner_of(self._identity["Arn"])

    @property
    def _group_asker(self) -> Any:
        return self.client("scheduler", attempts=1)

    @cached_property
    def has_backstop(self) -> bool:
        """Whether the account's owner has applied ``infra/ttl-backstop.yaml`` in this region."""
        try:
            self._group_asker.get_schedule_group(Name="awstune")
        except CloudError:
            return False
        return True

    def make_clients(self) -> None:
        """Makes the clients that threads will share: a boto3 Session is not for several of them."""
        _ = self.ec2, self.launcher, self.scheduler, self._group_asker

    def decoded(self, error: NotPermitted) -> NotPermitted:
        """The same error saying why, where AWS sent an encoded account and the caller may decode it."""
        if not error.encoded:
            return error
        try:
            answer = self.client("sts").decode_authorization_message(EncodedMessage=error.encoded)
            why = json.loads(answer["DecodedMessage"])
        except (CloudError, ValueError, KeyError):
            return error
        word = (
            "an explicit deny, such as an organisation's"
            if why.get("explicitDeny")
            else "no policy allows it"
        )
        return NotPermitted(
            f"{error.message} ({word})", error.hint, code=error.code, operation=error.operation
        )

    def at(self, region: str) -> Cloud:
        """The same caller in that region."""
        if region == self.region:
            return self
        there = Cloud(self.session, region, self.endpoint)
        there.__dict__["_identity"] = self._identity
        return there

    def _make_client(self, service: str, region: str, attempts: int) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, user_agent_extra="awstune"
        )
        chosen: dict[str, Any] = {"region_name": region}
        if self.endpoint:
            config = config.merge(Config(proxies={}))
            chosen["endpoint_url"] = self.endpoint.url
        make: Any = self.session.client  # the stubs know each service's name, not any service's
        with translated():
            return make(service, config=config, **chosen)


def open_cloud(
    *,
    region: str | None = None,
    profile: str | None = None,
    endpoint: Endpoint | None = None,
    session: boto3.Session | None = None,
) -> Cloud:
    """The cloud that the options name; nothing is asked of it yet.

    Args:
        region: None takes the profile's, else us-east-1.
        profile: an AWS profile, None for boto3's own chain (environment, files, SSO, instance).
        endpoint: the embedded cloud. Its keys are used and no others: profiles, the environment's
            credentials and proxies are ignored.
        session: used as it is instead of one made here.

    Raises:
        UsageError: there is no such profile.
        CredentialsError: the configuration cannot be read.
    """
    with translated():
        if session is None:
            session = _endpoint_session(endpoint) if endpoint else _profile_session(profile)
        # The embedded cloud is in no profile's region.
        own = None if endpoint else session.region_name
    return Cloud(session, region or own or names.DEFAULT_REGION, endpoint)


def owner_of(arn: str) -> str:
    """The caller's ARN without its session part, as a tag value can hold it.

    ``arn:aws:sts::1:assumed-role/Dev/laptop`` and ``…/Dev/desktop`` are one owner. In a role that IAM
    Identity Center made, the session is the person, who shares the role with everybody of that permission
    set; there it stays. Tag values hold 256 characters; a longer ARN is hashed.

    Source: https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
    """
    owner = re.sub(r"^(arn:[^:]*:sts::\d*:assumed-role/(?!AWSReservedSSO_)[^/]+)/.*$", r"\1", arn)
    if len(owner) <= MAX_TAG_VALUE:
        return owner
    return f"sha256:{hashlib.sha256(owner.encode()).hexdigest()}"


def asks_for_a_code(profile: str | None) -> bool:
    """Whether a profile's role, or one that it is assumed by, may ask at the terminal for a second factor."""
    try:
        bare = botocore.session.Session(profile=profile)
        known, name = dict(bare.full_config["profiles"]), bare.profile or "default"
    except BotoCoreError:  # told where the session is made
        return False
    while name in known:
        facts = known.pop(name)
        if "mfa_serial" in facts:
            return True
        name = facts.get("source_profile", "")
    return False


def _profile_session(profile: str | None) -> boto3.Session:
    """The caller's own session; roles are assumed once an hour, not once a command, as the AWS CLI does.

    The cache is the CLI's, too: what `aws` has just assumed (and asked a code for) is used here.
    """
    bare = botocore.session.Session(profile=profile)
    cache: Any = _RoleCache(str(Path(_CLI_CACHE).expanduser()))
    bare.register_component("credential_provider", create_credential_resolver(bare, cache=cache))
    return boto3.Session(botocore_session=bare)


def _endpoint_session(endpoint: Endpoint) -> boto3.Session:
    # A session variable is (key in the file, environment's name, default, conversion): no environment here.
    unread = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    bare = botocore.session.Session(session_vars=unread)
    return boto3.Session(
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=names.DEFAULT_REGION,
        botocore_session=bare,
    )


class _RoleCache(JSONFileCache):
    """The AWS CLI's cache; where it cannot be written, a role is assumed again each time."""

    def __setitem__(self, cache_key: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            super().__setitem__(cache_key, value)


class _OurErrors:
    """Sits above botocore's client class, so that paginators and waiters speak our errors too."""

    def _make_api_call(self, operation_name: str, kwargs: dict[str, Any]) -> Any:
        with translated(operation_name):
            return super()._make_api_call(operation_name, kwargs)  # type: ignore[misc]  # a mixin: the class below it is botocore's own, made at run time


def _speak_our_errors(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _OurErrors)

"""`awstune iam`: the least-privilege policy, made from the list of calls that the code makes.

Whoever changes what the code calls changes `CALLS`; a test compares it with the calls that botocore saw.
Changing calls are confined to one's own: what carries the caller's tag `awstune:owner`, or gets it in the
same call; nothing is made in another's name, nor handed over. That tag is the caller's ARN. For an IAM user
IAM has it as a variable, so one user cannot touch what another launched. Of a role IAM knows the ARN of the
role, not that of the session that EC2 and STS see, so there the role has to be named (``--role``); unnamed,
what any role's sessions launched is allowed, since whoever may launch must be able to terminate. Schedules
carry no tags: their group is the limit there, and the role that they act under ends what awstune launched,
whoever's; `infra/README.md` says so.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html;
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:PrincipalArn,
aws:PrincipalType).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from awstune import errors, names

_ANY = "any"
_MADE = "made"
_MARKED = "marked"
_PARAMETERS = "parameters"
_SCHEDULES = "schedules"
_RESULTS = "results"
_LISTED = "listed"
_PROFILE = "profile"
_QUOTAS = "quotas"
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
_ROLE = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_OWNER = f"aws:ResourceTag/{names.TAG_OWNER}"
_NEW_OWNER = f"aws:RequestTag/{names.TAG_OWNER}"
_RESULTS_PROFILE = f"arn:aws:iam::*:instance-profile/{names.RESULTS_PROFILE}"
_SPOT_ROLE = "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"

# Operations for which IAM has a word of its own.
OTHERWISE = {"ListObjectsV2": "ListBucket"}
_BACKSTOP = [
    f"arn:aws:scheduler:*:*:schedule-group/{names.BACKSTOP_GROUP}",
    f"arn:aws:scheduler:*:*:schedule/{names.BACKSTOP_GROUP}/*",
]


@dataclass(frozen=True)
class Call:
    """One operation that the code calls.

    Attributes:
        action: IAM's name for it, such as ``ec2:RunInstances``.
        scope: ``any`` resource (AWS knows no narrower one), ``made`` (tagged in the same call),
            ``marked`` (tagged already),
            ``parameters`` (AWS's public ones), ``schedules`` (those of the backstop), ``results`` (what
            instances wrote to a bucket), ``listed`` (the names of it), ``profile`` (theirs), ``quotas``
            (those of EC2).
        why: what it is for.
        optional: whether everything but ``why`` works without it.
    """

    action: str
    scope: str
    why: str
    optional: bool = False


CALLS = (
    Call("ec2:DescribeInstances", _ANY, "ls, and what is there before a launch"),
    Call("ec2:DescribeInstanceStatus", _ANY, "waiting for the status checks"),
    Call("ec2:DescribeInstanceTypeOfferings", _ANY, "whether a type is offered, and in which zones"),
    Call("ec2:DescribeInstanceTypes", _ANY, "types", optional=True),
    Call("ec2:DescribeImages", _ANY, "images by name"),
    Call("ec2:DescribeKeyPairs", _ANY, "whether the key pair is there"),
    Call("ec2:DescribeSecurityGroups", _ANY, "whether the security group is there"),
    Call("ec2:DescribeVpcs", _ANY, "the default network"),
    Call("ec2:DescribeSubnets", _ANY, "the network of --subnet"),
    Call("ec2:DescribeVolumes", _ANY, "whether a disk is left after terminate"),
    Call("ec2:DescribeNetworkInterfaces", _ANY, "whether an interface is left after terminate"),
    Call("ec2:DescribeRegions", _ANY, "ls --all-regions; whether a sweep runs elsewhere", optional=True),
    Call("ec2:DescribeSpotPriceHistory", _ANY, "spot prices", optional=True),
    Call("ec2:RunInstances", _MADE, "launch"),
    Call("ec2:CreateSecurityGroup", _MADE, "launch: a group that admits one's own address only"),
    Call("ec2:ImportKeyPair", _MADE, "launch: the public half of a key made here"),
    Call("ec2:DeleteKeyPair", _MARKED, "terminate"),
    Call("ec2:CreateTags", _MARKED, "extend, start, and the rotation of the host key"),
    Call("ec2:AuthorizeSecurityGroupIngress", _MARKED, "port 22 from one's own address"),
    Call("ec2:RevokeSecurityGroupIngress", _MARKED, "the same, when the address has changed"),
    Call("ec2:DeleteSecurityGroup", _MARKED, "terminate"),
    Call("ec2:StartInstances", _MARKED, "start"),
    Call("ec2:StopInstances", _MARKED, "stop"),
    Call("ec2:TerminateInstances", _MARKED, "terminate"),
    Call("ec2:ModifyInstanceAttribute", _MARKED, "start: a new end"),
    Call("ec2:ModifyInstanceMetadataOptions", _MARKED, "tokens required, once an image of 2019 has booted"),
    Call("sts:GetCallerIdentity", _ANY, "whose things are whose"),
    Call("sts:DecodeAuthorizationMessage", _ANY, "why a call was refused", optional=True),
    Call("servicequotas:GetServiceQuota", _ANY, "the quota, before a launch meets it", optional=True),
    Call("servicequotas:RequestServiceQuotaIncrease", _QUOTAS, "doctor --request-quota", optional=True),
    Call("pricing:GetProducts", _ANY, "today's prices", optional=True),
    Call("scheduler:GetScheduleGroup", _SCHEDULES, "whether the account has the backstop", optional=True),
    Call("scheduler:CreateSchedule", _SCHEDULES, "launch: an end from outside", optional=True),
    Call("scheduler:UpdateSchedule", _SCHEDULES, "extend, start", optional=True),
    Call("scheduler:DeleteSchedule", _SCHEDULES, "terminate", optional=True),
    Call("scheduler:ListSchedules", _ANY, "terminate --all, doctor: whether one is left", optional=True),
    Call("scheduler:GetSchedule", _SCHEDULES, "whether one is left after terminate", optional=True),
    Call("ssm:GetParameter", _PARAMETERS, "--ami ssm:/aws/...", optional=True),
    Call("iam:GetInstanceProfile", _PROFILE, "launch --results-bucket: whether it is there", optional=True),
    Call("s3:ListBucket", _LISTED, "what a lost instance wrote to its results bucket", optional=True),
    Call("s3:GetObject", _RESULTS, "attach and resume --launch: bringing it here", optional=True),
)


def policy(*, role: str | None = None, everyone: bool = False) -> dict[str, Any]:
    """The policy document.

    Args:
        role: the name of the role that it is for, whose sessions are one owner; of a permission set of IAM
            Identity Center (AWSReservedSSO_...) everybody who has it. None is for users, and any role.
        everyone: whether what others launched with awstune may be changed, too.

    Raises:
        UsageError: that is no role's name.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Look", _of(_ANY), "*"),
            *_make(role),
            _statement(
                "LaunchFrom",
                ["ec2:RunInstances"],
                [_ec2(kind) for kind in ("image/*", "subnet/*", "security-group/*", "key-pair/*")],
            ),
            _statement("GroupsIn", ["ec2:CreateSecurityGroup"], _ec2("vpc/*")),
            _tag_on_create(),
            *([_marked("ChangeMarked", {"Null": {_OWNER: "false"}})] if everyone else _change(role)),
            _statement("MoreQuota", _of(_QUOTAS), "arn:aws:servicequotas:*:*:ec2/*"),
            _statement("PublicParameters", _of(_PARAMETERS), "arn:aws:ssm:*::parameter/aws/service/*"),
            _statement("Backstop", _of(_SCHEDULES), _BACKSTOP),
            _pass_role("BackstopActsAs", names.BACKSTOP_ROLE, "scheduler.amazonaws.com"),
            _pass_role("ResultsWrittenAs", names.RESULTS_PROFILE, "ec2.amazonaws.com"),
            _statement("ResultsProfile", _of(_PROFILE), _RESULTS_PROFILE),
            _results("ResultsListed", _LISTED, "arn:aws:s3:::*", {"StringLike": {"s3:prefix": "sweeps/*"}}),
            _results("ResultsRead", _RESULTS, "arn:aws:s3:::*/sweeps/*", {}),
            _statement("FirstSpotInstance", ["iam:CreateServiceLinkedRole"], _SPOT_ROLE),
        ],
    }


def actions() -> frozenset[str]:
    """All actions of `CALLS`."""
    return frozenset(call.action for call in CALLS)


def action_of(operation: str) -> str:
    """What IAM calls an operation of `CALLS`; any other as it is."""
    name = OTHERWISE.get(operation, operation)
    return next((action for action in actions() if action.partition(":")[2] == name), operation)


def _make(role: str | None) -> list[dict[str, Any]]:
    """In one's own name only: what bears somebody else's would be in that one's `ls`, and be trusted."""
    pairs = f"key-pair/{names.KEY_PAIR_NAME.format(name='*')}"
    kinds = ("instance/*", "volume/*", "network-interface/*", "security-group/*", pairs)
    made = [_ec2(kind) for kind in kinds]
    return [_statement(f"Make{of}", _of(_MADE), made, one) for of, one in _callers(_NEW_OWNER, role)]


def _tag_on_create() -> dict[str, Any]:
    creating = ["RunInstances", "CreateSecurityGroup", "ImportKeyPair"]
    condition = {"StringEquals": {"ec2:CreateAction": creating}}
    return _statement("TagOnCreate", ["ec2:CreateTags"], _ec2("*/*"), condition)


def _change(role: str | None) -> list[dict[str, Any]]:
    """One's own, which stays one's own: no tag may hand it to somebody else."""
    kept = dict(_callers(_NEW_OWNER, role, given="IfExists"))
    return [
        _marked(f"ChangeOwn{of}", {**one, **kept[of], "StringEquals": one["StringEquals"]})
        for of, one in _callers(_OWNER, role)
    ]


def _callers(tag: str, role: str | None, *, given: str = "") -> list[tuple[str, dict[str, Any]]]:
    """How IAM says that a tag names the caller: for users and for roles, or for one role alone.

    Args:
        tag: the condition key.
        role: as in `policy`.
        given: ``IfExists`` where a request without that tag will do.
    """
    if role is not None and not _ROLE.fullmatch(role):
        raise errors.UsageError(f"{role!r} is no role's name", "awstune iam --role Dev")
    sessions = "arn:aws:sts::${aws:PrincipalAccount}:assumed-role/"
    # A session of IAM Identity Center is a person, and stays in the tag.
    whose = [f"{sessions}{role}", f"{sessions}{role}/*"] if role else [f"{sessions}*"]
    of_role = {"StringEquals": {"aws:PrincipalType": "AssumedRole"}, f"StringLike{given}": {tag: whose}}
    of_user = {f"StringEquals{given}": {tag: "${aws:PrincipalArn}"}}
    return [("OfRole", of_role)] if role else [("", of_user), ("OfRole", of_role)]


def _marked(sid: str, condition: dict[str, Any]) -> dict[str, Any]:
    return _statement(sid, _of(_MARKED), _ec2("*/*"), condition)


def _pass_role(sid: str, role: str, service: str) -> dict[str, Any]:
    condition = {"StringEquals": {"iam:PassedToService": service}}
    return _statement(sid, ["iam:PassRole"], f"arn:aws:iam::*:role/{role}", condition)


def _results(sid: str, scope: str, resource: str, condition: dict[str, Any]) -> dict[str, Any]:
    """Of the account's own buckets: what a bucket is called is not known here."""
    own = {"StringEquals": {"s3:ResourceAccount": "${aws:PrincipalAccount}"}}
    return _statement(sid, _of(scope), resource, {**own, **condition})


def _of(scope: str) -> list[str]:
    return sorted(call.action for call in CALLS if call.scope == scope)


def _ec2(resource: str) -> str:
    return (
        f"arn:aws:ec2:*:*:{resource}" if not resource.startswith("image/") else f"arn:aws:ec2:*::{resource}"
    )


def _statement(sid: str, actions: list[str], resource: Any, condition: Any = None) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement

import fnmatch
import re
from types import SimpleNamespace

import pytest

from awstune import names
from awstune.ec2 import iam
from awstune.ec2.session import owner_of
from awstune.errors import UsageError
from tests import calls


def test_calls_and_policy_are_compared():
    """A call that the policy lacks, and an action that nothing calls, are named (see tests/calls.py)."""
    assert calls.findings(set(iam.actions())) == []
    assert calls.findings(iam.actions() - {"ec2:StopInstances"} | {"ec2:CreateVpc"}) == [
        "awstune calls ec2:CreateVpc, which `awstune iam` does not allow",
        "`awstune iam` allows ec2:StopInstances, which nothing calls",
    ]


@pytest.mark.parametrize(
    ("source", "chosen", "failed", "why"),
    [
        ("TESTPATHS", {}, 0, ""),
        ("ARGS", {}, 0, "not all tests were asked for"),
        ("INVOCATION_DIR", {}, 0, "not all tests were asked for"),
        ("TESTPATHS", {"keyword": "iam"}, 0, "tests were chosen"),
        ("TESTPATHS", {"markexpr": "not e2e"}, 0, "tests were chosen"),
        ("TESTPATHS", {"lf": True}, 0, "tests were chosen"),
        ("TESTPATHS", {"collectonly": True}, 0, "tests were chosen"),
        ("TESTPATHS", {}, 1, "tests have failed"),
    ],
)
def test_a_part_of_the_suite_is_never_taken_for_all(source, chosen, failed, why):
    """Only all tests, all passed, are compared with the policy; where none may be left out that is said."""
    option = SimpleNamespace(**({"keyword": "", "markexpr": "", "lf": False, "collectonly": False} | chosen))
    config = SimpleNamespace(option=option, args_source=pytest.Config.ArgsSource[source])
    assert calls.partly(config, failed=failed) == why


def test_every_action_is_allowed_once():
    """The policy allows exactly the actions of the list, and the two roles that others act under."""
    statements = iam.policy()["Statement"]
    allowed = {action for one in statements for action in one["Action"]}
    assert allowed == iam.actions() | {"iam:CreateServiceLinkedRole", "iam:PassRole"}
    assert len(iam.CALLS) == len(iam.actions())


def test_what_changes_things_is_confined():
    """No changing action has all resources for its own: it needs awstune's tag or name."""
    for one in iam.policy()["Statement"]:
        if one["Resource"] == "*":
            for action in one["Action"]:
                assert re.match(r"\w+:(Describe|Get|List|Decode)", action)
    own = {one["Sid"]: one for one in iam.policy()["Statement"]}
    assert "arn:aws:ec2:*:*:key-pair/awstune-*" in own["Make"]["Resource"]
    assert own["MoreQuota"]["Resource"] == "arn:aws:servicequotas:*:*:ec2/*"
    assert "ec2:TerminateInstances" in own["ChangeOwn"]["Action"]
    assert own["ChangeOwn"]["Action"] == own["ChangeOwnOfRole"]["Action"]


# What a launch takes from the account, such as an image: of nobody's.
_BESIDE = ("LaunchFrom", "GroupsIn", "TagOnCreate")
USER, OTHER = "arn:aws:iam::1:user/team/me", "arn:aws:iam::1:user/team/you"
DEV, OPS = "arn:aws:sts::1:assumed-role/Dev/laptop", "arn:aws:sts::1:assumed-role/Ops/desk"
SSO = "arn:aws:sts::1:assumed-role/AWSReservedSSO_Power_01ab/me@example.org"


def allows(policy, caller, action, *, has=None, gets=None):
    """Whether a policy allows an action on what has an owner's tag, or gets one, as IAM evaluates it."""
    role = ":assumed-role/" in caller
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    variables = {
        "aws:PrincipalAccount": "1",
        "aws:PrincipalArn": caller if not role else "arn:aws:iam::1:role/x",
    }
    tags = {f"aws:ResourceTag/{names.TAG_OWNER}": has, f"aws:RequestTag/{names.TAG_OWNER}": gets}
    context = {key: owner_of(owner) for key, owner in tags.items() if owner}
    context["aws:PrincipalType"] = "AssumedRole" if role else "User"

    def holds(operator, key, wanted):
        if operator == "Null" or key not in context:
            return key in context or operator.endswith("IfExists")
        patterns = [re.sub(r"\$\{(.*?)\}", lambda found: variables[found[1]], one) for one in words(wanted)]
        return any(fnmatch.fnmatchcase(context[key], one) for one in patterns)

    return any(
        all(holds(operator, *pair) for operator, keys in one["Condition"].items() for pair in keys.items())
        for one in policy["Statement"]
        if action in one["Action"] and one["Sid"] not in _BESIDE
    )


def words(value):
    """One or several, as IAM takes them."""
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("given", "caller", "owner", "may"),
    [
        ({}, USER, USER, True),
        ({}, USER, OTHER, False),
        ({}, USER, DEV, False),
        ({}, DEV, DEV, True),
        ({}, SSO, SSO, True),
        ({}, DEV, USER, False),
        ({}, DEV, OPS, True),  # IAM cannot tell, and nobody may be kept from ending what he pays for
        ({"role": "Dev"}, DEV, DEV.replace("laptop", "phone"), True),
        ({"role": "Dev"}, DEV, OPS, False),
        ({"role": "Dev"}, DEV, USER, False),
        ({"role": "AWSReservedSSO_Power_01ab"}, SSO, SSO, True),
        ({"role": "AWSReservedSSO_Power_01ab"}, SSO, DEV, False),
        ({"everyone": True}, USER, OTHER, True),
        ({"everyone": True}, DEV, USER, True),
    ],
)
def test_whose_instances_may_be_changed(given, caller, owner, may):
    """One's own always; others' only where IAM cannot tell roles apart, or where that was asked for."""
    assert allows(iam.policy(**given), caller, "ec2:TerminateInstances", has=owner) is may


@pytest.mark.parametrize(
    ("given", "caller", "other"), [({}, USER, OTHER), ({}, DEV, USER), ({"role": "Dev"}, DEV, OPS)]
)
def test_nothing_is_made_or_handed_over_in_anothers_name(given, caller, other):
    """What bears somebody's tag is in that one's `ls`, and trusted there: nobody else can have made it."""
    policy = iam.policy(**given)
    for action in ("ec2:RunInstances", "ec2:ImportKeyPair", "ec2:CreateSecurityGroup"):
        assert allows(policy, caller, action, gets=caller)
        assert not allows(policy, caller, action, gets=other)
        assert not allows(policy, caller, action)
    assert allows(policy, caller, "ec2:CreateTags", has=caller)
    assert allows(policy, caller, "ec2:CreateTags", has=caller, gets=caller)
    assert not allows(policy, caller, "ec2:CreateTags", has=caller, gets=other)
    assert not allows(policy, caller, "ec2:CreateTags", has=other, gets=caller)


def test_the_recorder_refuses_what_the_policy_lacks(cloud):
    """A call that the list does not hold fails the test that meets it (see conftest)."""
    from tests.unit.ec2.conftest import UNLISTED, check_listed

    assert UNLISTED == []
    assert not check_listed("ec2", "CreateVpc")
    assert check_listed("ec2", "RunInstances")


@pytest.mark.parametrize("given", [{}, {"role": "r" * 64}, {"everyone": True}])
def test_the_policy_is_short_enough(given):
    """A managed policy holds 6,144 characters without white space."""
    text = re.sub(r"\s", "", str(iam.policy(**given)))
    assert len(text) < 6144


@pytest.mark.parametrize("role", ["", "*", "arn:aws:iam::1:role/Dev", "r" * 65])
def test_a_role_is_a_name(role):
    """A wildcard would let in whom nobody named."""
    with pytest.raises(UsageError, match="is no role's name"):
        iam.policy(role=role)

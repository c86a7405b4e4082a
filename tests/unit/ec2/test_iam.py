import re

from awstune import names
from awstune.ec2 import iam
from tests import calls


def test_calls_and_policy_are_compared():
    """A call that the policy lacks, and an action that nothing calls, are named (see tests/calls.py)."""
    assert calls.findings(set(iam.actions())) == []
    assert calls.findings(iam.actions() - {"ec2:StopInstances"} | {"ec2:CreateVpc"}) == [
        "awstune calls ec2:CreateVpc, which `awstune iam` does not allow",
        "`awstune iam` allows ec2:StopInstances, which nothing calls",
    ]


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
                assert re.match(r"\w+:(Describe|Get|Decode|RequestServiceQuota)", action)
    own = {one["Sid"]: one for one in iam.policy()["Statement"]}
    assert own["ChangeOwn"]["Condition"] == {"Null": {f"aws:ResourceTag/{names.TAG_OWNER}": "false"}}
    assert own["KeyPairs"]["Resource"] == "arn:aws:ec2:*:*:key-pair/awstune-*"
    assert "ec2:TerminateInstances" in own["ChangeOwn"]["Action"]


def test_the_recorder_refuses_what_the_policy_lacks(cloud):
    """A call that the list does not hold fails the test that meets it (see conftest)."""
    from tests.unit.ec2.conftest import UNLISTED, check_listed

    assert UNLISTED == []
    assert not check_listed("ec2", "CreateVpc")
    assert check_listed("ec2", "RunInstances")


def test_the_policy_is_short_enough():
    """A managed policy holds 6,144 characters without white space."""
    text = re.sub(r"\s", "", str(iam.policy()))
    assert len(text) < 6144

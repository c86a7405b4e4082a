from pathlib import Path

import pytest
import yaml

from awstune.ec2 import backstop, iam

INFRA = Path(__file__).parents[3] / "infra"
FILES = sorted(path.name for path in INFRA.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as they stand."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, tag, node: {
        tag: node.value if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node, deep=True)
    },
)


def _template(name):
    return yaml.load((INFRA / name).read_text(), _Loader)  # noqa: S506  # our own files, by a safe loader's child


@pytest.mark.parametrize("name", FILES)
def test_every_template_is_clean(name):
    """The linter of CloudFormation has nothing to say against it."""
    from cfnlint.api import lint_file  # it takes seconds to load, in every process that collects

    assert lint_file(INFRA / name) == []


def test_the_user_policy_is_what_iam_prints():
    """The template and `awstune iam` say the same, word for word."""
    document = _template("user-policy.yaml")["Resources"]["UserPolicy"]["Properties"]["PolicyDocument"]
    assert document == iam.policy()


def test_the_backstop_is_found_by_its_names():
    """The template makes the group and the role that the code looks for."""
    made = _template("ttl-backstop.yaml")["Resources"]
    assert made["Schedules"]["Properties"]["Name"] == backstop.GROUP
    assert made["Role"]["Properties"]["RoleName"] == backstop.ROLE


def test_the_results_bucket_is_closed():
    """Encrypted, versioned, no public access of any kind, TLS only; an instance may only put."""
    made = _template("results-bucket.yaml")["Resources"]
    bucket = made["Results"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (allowed,) = made["Writer"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert allowed["Action"] == "s3:PutObject"


@pytest.mark.filterwarnings("ignore:Tried to parse AWS.:UserWarning")  # what moto does not implement
@pytest.mark.parametrize("name", FILES)
def test_it_is_deployed_and_deleted(cloud, name):
    """CloudFormation takes it, makes what moto implements of it, and takes it away again."""
    client = cloud.client("cloudformation")
    given = [{"ParameterKey": "Email", "ParameterValue": "me@example.org"}] if "budget" in name else []
    client.create_stack(
        StackName="x",
        TemplateBody=(INFRA / name).read_text(),
        Parameters=given,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    assert client.describe_stacks(StackName="x")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    if name == "user-policy.yaml":
        policies = cloud.client("iam").list_policies(Scope="Local")["Policies"]
        assert [one["PolicyName"] for one in policies] == ["awstune-user"]
    elif name == "ttl-backstop.yaml":
        assert cloud.client("iam").get_role(RoleName=backstop.ROLE)
    elif name == "results-bucket.yaml":
        assert len(cloud.client("s3").list_buckets()["Buckets"]) == 1
    client.delete_stack(StackName="x")
    assert client.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []

import botocore.exceptions
import botocore.parsers
import pytest
from moto import mock_aws

from awstune import errors
from awstune.ec2 import faults, session


def _client_error(code, message="No."):
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "RunInstances")


def test_the_owner_has_no_session_part():
    """Two sessions of one role are one owner; a user is himself."""
    assert session.owner_of("arn:aws:sts::1:assumed-role/Dev/laptop") == "arn:aws:sts::1:assumed-role/Dev"
    assert session.owner_of("arn:aws:iam::1:user/team/bob") == "arn:aws:iam::1:user/team/bob"
    # A permission set's role is shared; its session is the person.
    ann = "arn:aws:sts::1:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ann@example.com"
    assert session.owner_of(ann) == ann


def test_a_long_owner_fits_a_tag():
    """An ARN longer than a tag value is hashed, always the same."""
    arn = "arn:aws:iam::1:user/" + "x" * 300
    assert len(session.owner_of(arn)) <= 256
    assert session.owner_of(arn) == session.owner_of(arn)


def test_who_calls(cloud):
    """The owner and the account come from STS."""
    assert cloud.account == "123456789012"
    assert cloud.owner == "arn:aws:sts::123456789012:user/moto"
    assert cloud.at("eu-west-1").region == "eu-west-1"


def test_the_region_defaults_to_virginia(monkeypatch, tmp_path):
    """Without a flag and without a profile's region it is us-east-1."""
    _forget_aws(monkeypatch, tmp_path)
    assert session.open_cloud().region == "us-east-1"
    assert session.open_cloud(region="eu-west-1").region == "eu-west-1"


def test_a_profile_brings_its_region(monkeypatch, tmp_path):
    """The profile's region stands where no flag says otherwise."""
    _forget_aws(monkeypatch, tmp_path)
    (tmp_path / "config").write_text("[profile lab]\nregion = eu-north-1\n")
    assert session.open_cloud(profile="lab").region == "eu-north-1"


def test_a_command_of_awss_own_tool_asks_the_same_account(monkeypatch, tmp_path):
    """Region and profile stand in it, as a shell takes them; without a profile there is none to name."""
    _forget_aws(monkeypatch, tmp_path)
    (tmp_path / "config").write_text('[profile "my lab"]\n')
    there = session.open_cloud(profile="my lab", region="eu-west-1")
    assert there.aws("ec2 describe-vpcs") == "`aws ec2 describe-vpcs --region eu-west-1 --profile 'my lab'`"
    assert session.open_cloud().aws("s3 ls") == "`aws s3 ls --region us-east-1`"


def test_a_role_is_assumed_once_for_many_commands(monkeypatch, tmp_path):
    """What one process assumed, the next one takes from the AWS CLI's cache; the role is the owner."""
    _forget_aws(monkeypatch, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    role = "role_arn = arn:aws:iam::123456789012:role/Lab"
    (tmp_path / "config").write_text(f"[profile base]\n[profile lab]\n{role}\nsource_profile = base\n")
    (tmp_path / "credentials").write_text("[base]\naws_access_key_id = a\naws_secret_access_key = b\n")
    with mock_aws(config={"core": {"mock_credentials": False}}):
        first = session.open_cloud(profile="lab")
        assert first.owner == "arn:aws:sts::123456789012:assumed-role/Lab"
        assert len(list((tmp_path / ".aws/cli/cache").glob("*.json"))) == 1
        second = session.open_cloud(profile="lab").session.get_credentials().get_frozen_credentials()
        assert second == first.session.get_credentials().get_frozen_credentials()


@pytest.mark.parametrize(
    ("profile", "asks"),
    [("lab", True), ("through", True), ("plain", False), ("round", False), (None, False), ("nobody", False)],
)
def test_which_profiles_ask_for_a_code(monkeypatch, tmp_path, profile, asks):
    """One whose role wants a second factor, or that is assumed by way of such a role."""
    _forget_aws(monkeypatch, tmp_path)
    (tmp_path / "config").write_text(
        "[default]\nregion = us-east-1\n[profile plain]\nregion = us-east-1\n"
        "[profile lab]\nmfa_serial = arn:aws:iam::1:mfa/me\nsource_profile = plain\n"
        "[profile through]\nsource_profile = lab\n[profile round]\nsource_profile = round\n"
    )
    assert session.asks_for_a_code(profile) is asks


def test_an_unreadable_configuration_asks_for_nothing(monkeypatch, tmp_path):
    """What is wrong with it is told where it is used."""
    _forget_aws(monkeypatch, tmp_path)
    (tmp_path / "config").write_text("[profile lab\n")
    assert session.asks_for_a_code("lab") is False


def test_an_unknown_profile_is_a_usage_error(monkeypatch, tmp_path):
    """A profile that is not there is named, with how to see those that are."""
    _forget_aws(monkeypatch, tmp_path)
    with pytest.raises(errors.UsageError, match="nobody"):
        session.open_cloud(profile="nobody")


def test_no_credentials_come_with_the_fix(monkeypatch, tmp_path):
    """Without credentials the error says what to run, and how to try without an account."""
    _forget_aws(monkeypatch, tmp_path)
    with pytest.raises(errors.CredentialsError) as caught:
        session.open_cloud().ec2.describe_instances()
    assert "aws configure" in caught.value.hint
    assert "--cloud local" in caught.value.hint


def test_the_embedded_cloud_gets_exactly_its_keys(monkeypatch, tmp_path):
    """Profiles, real credentials, endpoints and proxies of the environment stay out."""
    _forget_aws(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere.example")
    seen = []
    endpoint = session.Endpoint("http://127.0.0.1:9", "AKIALOCAL", "secret")
    cloud = session.open_cloud(endpoint=endpoint)
    cloud.session.events.register("before-send.ec2", lambda request, **_: seen.append(request) or _answer())
    cloud.ec2.describe_instances()
    assert seen[0].url.startswith("http://127.0.0.1:9")
    assert "Credential=AKIALOCAL/" in seen[0].headers["Authorization"].decode()
    assert "X-Amz-Security-Token" not in seen[0].headers
    assert cloud.ec2._endpoint.http_session._proxy_config.proxy_url_for("http://127.0.0.1:9") is None
    assert cloud.local
    assert "secret" not in repr(endpoint)


def test_another_endpoint_needs_no_special_case(monkeypatch, tmp_path):
    """AWS_ENDPOINT_URL leads --cloud aws to any EC2-compatible endpoint."""
    _forget_aws(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    cloud = session.open_cloud()
    assert cloud.ec2.meta.endpoint_url == "http://127.0.0.1:9"
    assert not cloud.local


def test_capacity_errors_are_seen_at_once(cloud):
    """RunInstances is tried once by botocore, other calls more often."""
    assert cloud.launcher.meta.config.retries["total_max_attempts"] == 1
    assert cloud.ec2.meta.config.retries["total_max_attempts"] > 1
    assert cloud.ec2 is cloud.client("ec2")


@mock_aws
def test_every_clients_errors_are_ours(cloud):
    """Direct calls and paginators raise awstune's errors, with AWS's own code kept."""
    with pytest.raises(faults.Refused) as caught:
        cloud.ec2.describe_instances(InstanceIds=["i-00000000000000000"])
    assert caught.value.code == "InvalidInstanceID.NotFound"
    assert caught.value.operation == "DescribeInstances"
    with pytest.raises(errors.CloudError):
        list(cloud.ec2.get_paginator("describe_instances").paginate(InstanceIds=["i-00000000000000000"]))


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        ("InsufficientInstanceCapacity", "no_capacity", "later"),
        ("Unsupported", "no_capacity", "--type"),
        ("VcpuLimitExceeded", "quota", "--request-quota"),
        ("RequestLimitExceeded", "throttled", "again"),
        ("UnauthorizedOperation", "not_permitted", "awstune iam"),
        ("VPCIdNotSpecified", "cloud", "--subnet"),
        ("InvalidBlockDeviceMapping", "cloud", "--disk"),
        ("RequestExpired", "cloud", "clock"),
        ("OptInRequired", "cloud", "sign"),
        ("SomethingNew", "cloud", "doctor"),
        ("ExpiredToken", "credentials", "sign in again"),
        ("AuthFailure", "credentials", "sign in again"),
    ],
)
def test_each_of_awss_errors_has_its_class_and_fix(code, kind, hint):
    """AWS's code and words stay in the message, and the hint is the way out."""
    error = faults.refusal(_client_error(code, "AWS says no."))
    assert error.kind == kind
    assert f"{code}: AWS says no" in error.message
    assert hint in error.hint


PASS_ROLE = "User: u is not authorized to perform: iam:PassRole on resource: r because no policy allows it"


@pytest.mark.parametrize(
    ("operation", "words", "action"),
    [
        ("RunInstances", "You are not authorized.", "ec2:RunInstances"),
        ("RunInstances", f"You are not authorized. {PASS_ROLE}", "iam:PassRole"),
        ("GetCallerIdentity", "No.", "sts:GetCallerIdentity"),
        ("CreateSchedule", "No.", "scheduler:CreateSchedule"),
        ("GetParameter", "No.", "ssm:GetParameter"),
        ("GetProducts", "No.", "pricing:GetProducts"),
        ("GetServiceQuota", "No.", "servicequotas:GetServiceQuota"),
        ("GetInstanceProfile", "No.", "iam:GetInstanceProfile"),
        ("ListObjectsV2", "No.", "s3:ListBucket"),
        ("PutObject", "No.", "PutObject"),
    ],
)
def test_the_permission_that_is_missing(operation, words, action):
    """As IAM calls it: AWS's own word for it, else that of the policy that `awstune iam` prints."""
    error = faults.refusal(_client_error("AccessDeniedException", words), operation)
    assert error.hint == f"allow {action} for this caller; `awstune iam` prints the policy"


def test_only_capacity_is_called_capacity():
    """No other error of aws-facts is shown as a lack of capacity."""
    for code in ("VcpuLimitExceeded", "UnauthorizedOperation", "InvalidKeyPair.NotFound", "InternalError"):
        assert not isinstance(faults.refusal(_client_error(code)), faults.NoCapacity)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), "unreachable"),
        (botocore.exceptions.UnauthorizedSSOTokenError(), "credentials"),
        (botocore.parsers.ResponseParserError("invalid XML: <html>"), "unreachable"),
        (botocore.exceptions.NoRegionError(), "cloud"),
    ],
)
def test_failures_without_an_answer(raised, kind):
    """Errors that botocore makes itself become ours as well, with the way out."""
    with pytest.raises(errors.AwstuneError) as caught, faults.translated("DescribeInstances"):
        raise raised
    assert caught.value.kind == kind
    assert caught.value.hint


@pytest.mark.parametrize(("status", "kind"), [(500, "throttled"), (503, "throttled"), (400, "cloud")])
def test_what_aws_calls_by_no_name_that_we_know(status, kind):
    """A failing of AWS's own may come after it has acted; only what it refuses as ours is settled."""
    told = _client_error("SomethingNew")
    told.response["ResponseMetadata"] = {"HTTPStatusCode": status}
    error = faults.refusal(told)
    assert error.kind == kind
    assert faults.definite(error) is (kind == "cloud")


def _forget_aws(monkeypatch, folder):
    for name in (
        "PROFILE",
        "ACCESS_KEY_ID",
        "SECRET_ACCESS_KEY",
        "SESSION_TOKEN",
        "DEFAULT_REGION",
        "REGION",
    ):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def _answer():
    from botocore.awsrequest import AWSResponse

    class Body:
        def stream(self):
            yield b'<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"/>'

    return AWSResponse("http://127.0.0.1:9", 200, {}, Body())

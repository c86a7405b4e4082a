"""Profiles of companies: roles that are assumed, second factors, IAM Identity Center's sessions."""

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys

import pytest
from botocore.exceptions import TokenRetrievalError
from moto import mock_aws

from awstune.ec2 import faults, session
from awstune.errors import CredentialsError
from tests.serving import Answering, serving
from tests.unit.ec2.test_session import _forget_aws

ROLE = "arn:aws:iam::123456789012:role/Lab"
SSO = """
[profile lab]
sso_session = work
sso_account_id = 123456789012
sso_role_name = Dev
region = us-east-1
[sso-session work]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
"""


@pytest.fixture
def laptop(monkeypatch, tmp_path):
    """A home with nothing in it, and a place for AWS's files."""
    _forget_aws(monkeypatch, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _role(laptop, **more):
    lines = "".join(f"{key} = {value}\n" for key, value in more.items())
    (laptop / "config").write_text(
        f"[profile base]\n[profile lab]\nrole_arn = {ROLE}\nsource_profile = base\n{lines}"
    )
    (laptop / "credentials").write_text("[base]\naws_access_key_id = a\naws_secret_access_key = b\n")


def _cached(laptop, expires):
    """What `aws sso login` leaves behind."""
    folder = laptop / ".aws/sso/cache"
    folder.mkdir(parents=True)
    document = {
        "startUrl": "https://example.awsapps.com/start",
        "region": "us-east-1",
        "accessToken": "token",
        "expiresAt": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    name = hashlib.sha1(b"work", usedforsecurity=False).hexdigest()
    (folder / f"{name}.json").write_text(json.dumps(document))


def _now():
    return dt.datetime.now(dt.UTC)


def test_two_sessions_of_a_role_are_one_owner(laptop):
    """What one laptop tags, another one with the same role finds, whatever its session is called."""
    owners = set()
    with mock_aws(config={"core": {"mock_credentials": False}}):
        for name in ("laptop", "desktop"):
            _role(laptop, role_session_name=name)
            cloud = session.open_cloud(profile="lab")
            assert cloud.client("sts").get_caller_identity()["Arn"].endswith(f"/{name}")
            owners.add(cloud.owner)
    assert owners == {"arn:aws:sts::123456789012:assumed-role/Lab"}


def test_a_cache_that_cannot_be_written(laptop):
    """Where the AWS CLI's cache is a file, of all things, the role is assumed all the same."""
    _role(laptop)
    (laptop / ".aws").mkdir()
    (laptop / ".aws/cli").write_text("in the way")
    with mock_aws(config={"core": {"mock_credentials": False}}):
        assert session.open_cloud(profile="lab").owner.endswith("assumed-role/Lab")


def test_a_second_factor_without_a_terminal(laptop):
    """A role that asks for a code is refused with the command that asks for it, not with a traceback."""
    with pytest.raises(CredentialsError) as caught, faults.translated("GetCallerIdentity"):
        raise EOFError
    assert "nobody is there" in caught.value.message
    assert "aws sts get-caller-identity" in caught.value.hint


def _in_a_process_of_its_own(laptop, code, **env):
    """Botocore looks for SSO's sessions in the home that it was imported with."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS")}
    given = {"HOME": str(laptop), "AWS_CONFIG_FILE": str(laptop / "config"), **env}
    begin = "from awstune.ec2 import session\ncloud = session.open_cloud(profile='lab')\n"
    words = [sys.executable, "-c", begin + code]
    done = subprocess.run(words, env=clean | given, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


ASK = """
try:
    cloud.ec2.describe_instances()
except Exception as error:  # whichever it is, its name is printed
    print(type(error).__name__, "|", error.message, "|", error.hint)
"""


KEYS = "print(cloud.session.get_credentials().access_key)"


@pytest.mark.parametrize("had", [True, False])
def test_an_sso_session_that_has_ended(laptop, had):
    """Expired, or never begun: one message, no traceback, and the login that mends it."""
    (laptop / "config").write_text(SSO)
    if had:
        _cached(laptop, _now() - dt.timedelta(hours=1))
    out, err = _in_a_process_of_its_own(laptop, ASK)
    kind, message, hint = out.split(" | ")
    assert kind == "CredentialsError"
    assert ("expired" in message) == had
    assert "aws sso login" in hint
    assert err == ""


class _Portal(Answering):
    """IAM Identity Center, as far as it hands out a role's keys."""

    def get(self):
        expires = int((_now() + dt.timedelta(hours=1)).timestamp() * 1000)
        keys = {"accessKeyId": "ASIASSO", "secretAccessKey": "s", "sessionToken": "t", "expiration": expires}
        self.answer(200, json.dumps({"roleCredentials": keys}))


def test_an_sso_session_that_lasts(laptop):
    """The token that `aws sso login` left is exchanged for the role's keys."""
    (laptop / "config").write_text(SSO)
    _cached(laptop, _now() + dt.timedelta(hours=1))
    with serving(_Portal) as portal:
        out, err = _in_a_process_of_its_own(laptop, KEYS, AWS_ENDPOINT_URL_SSO=portal.url)
    assert out == "ASIASSO\n", err


def test_keys_that_end_while_one_waits(cloud):
    """A session that ends in the middle of anything is told as that, with the login."""
    events = cloud.ec2.meta.events

    def gone(**_):
        raise TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed")

    events.register("before-call.ec2.DescribeInstanceStatus", gone)
    try:
        with pytest.raises(CredentialsError) as caught:
            cloud.ec2.describe_instance_status()
    finally:
        events.unregister("before-call.ec2.DescribeInstanceStatus", gone)
    assert "aws sso login" in caught.value.hint


def test_keys_that_are_renewed_too_late():
    """Botocore says so with a bare RuntimeError; any other one stays what it is."""
    with pytest.raises(CredentialsError), faults.translated():
        raise RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired.")
    with pytest.raises(RuntimeError, match="else"), faults.translated():
        raise RuntimeError("something else")

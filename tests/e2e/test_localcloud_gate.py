"""Who may call the embedded cloud: its owner's programs, and nobody else."""

import http.client
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

from awstune import errors
from awstune.localcloud import client, lifecycle
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.e2e

PATHS = (
    "/",
    "/moto-api/",
    "/moto-api/reset",
    "/moto-api/data.json",
    "/awstune/switches/refuse-ssh",
    "/latest/meta-data/",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")


def _port(cloud):
    return urlsplit(cloud.endpoint_url).port


def ask(cloud, method, path, headers=None, body=b""):
    """The status and body of a request as it is given."""
    connection = http.client.HTTPConnection("127.0.0.1", _port(cloud), timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(cloud, method, path, body=b"", secret=None):
    """Headers that sign a request, by botocore's own signer."""
    request = botocore.awsrequest.AWSRequest(method, cloud.endpoint_url + path, data=body)
    credentials = botocore.credentials.Credentials(cloud.access_key, secret or cloud.secret_key)
    botocore.auth.SigV4Auth(credentials, "ec2", "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_unsigned_is_refused(cloud, method, path):
    """No path and no method answers a request that is not signed."""
    assert ask(cloud, method, path)[0] == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_a_web_page_is_refused_even_with_a_signature(cloud, method, path):
    """A request that carries an Origin is refused, whatever else it carries."""
    headers = signed(cloud, method, path) | {"Origin": "https://example.com"}
    assert ask(cloud, method, path, headers)[0] == 403


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "evil.localhost", "127.0.0.1:1", ""])
def test_a_foreign_host_is_refused(cloud, host):
    """A name that a browser was made to resolve to loopback does not pass."""
    body = b"Action=DescribeInstances&Version=2016-11-15"
    headers = signed(cloud, "POST", "/", body) | {"Host": host}
    assert ask(cloud, "POST", "/", headers, body)[0] == 403


def test_another_secret_is_refused(aws):
    """A signature made with another secret is AWS's SignatureDoesNotMatch."""
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        aws("ec2", secret_key="guessed").describe_instances()


def test_another_access_key_is_refused(aws):
    """Only the one access key is known."""
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        aws("sts", access_key="AKIAIOSFODNN7EXAMPLE").get_caller_identity()


def test_json_services_are_refused_in_their_own_words(aws):
    """The refusal is readable by a client of a JSON service too."""
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        aws("service-quotas", secret_key="guessed").list_services()


def test_an_altered_body_is_refused(cloud):
    """A signature covers the body."""
    headers = signed(cloud, "POST", "/", b"Action=DescribeInstances&Version=2016-11-15")
    status, answer = ask(cloud, "POST", "/", headers, b"Action=TerminateInstances&Version=2016")
    assert status == 403
    assert b"SignatureDoesNotMatch" in answer


def test_an_old_signature_is_refused(cloud):
    """A request cannot be sent again much later."""
    from awstune.localcloud import sigv4

    host = urlsplit(cloud.endpoint_url).netloc
    request = sigv4.Request("GET", "/awstune/instances", "", {"Host": host}, b"")
    scope = {"region": "local", "service": "awstune", "now": datetime.now(UTC) - timedelta(hours=1)}
    headers = sigv4.sign(request, cloud.access_key, cloud.secret_key, **scope)
    status, answer = ask(cloud, "GET", "/awstune/instances", headers)
    assert status == 403
    assert b"RequestExpired" in answer


def test_its_owner_is_let_in(cloud, aws):
    """The same calls, signed with the cloud's own keys, are answered."""
    assert aws("sts").get_caller_identity()["Account"] == "000000000000"
    status, answer = ask(cloud, "GET", "/awstune/instances", signed(cloud, "GET", "/awstune/instances"))
    assert status == 200
    assert isinstance(json.loads(answer), list)


def test_motos_own_controls_are_closed(cloud):
    """Not even their owner resets moto behind the instances' back."""
    assert ask(cloud, "POST", "/moto-api/reset", signed(cloud, "POST", "/moto-api/reset"))[0] == 404


def test_an_unknown_switch_is_an_error(cloud):
    """A switch that is not there is refused by name."""
    with pytest.raises(errors.CloudError, match="no-such-switch"):
        lifecycle.switch(cloud, "no-such-switch")


def test_a_rule_with_an_unknown_key_is_an_error(cloud):
    """A rule that says what no rule can say is refused."""
    with pytest.raises(errors.CloudError, match="colour"):
        client.call(cloud, "POST", "/awstune/rules", {"colour": "red"})

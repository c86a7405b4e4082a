"""Signatures, with botocore's own signer as the judge."""

from datetime import UTC, datetime, timedelta

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from awstune.localcloud import sigv4

KEYS = ("AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
URL = "http://127.0.0.1:4567"


def by_botocore(method="POST", target="/", body=b"Action=X&Version=1", service="ec2", headers=None):
    """A request as botocore signs it, now."""
    request = botocore.awsrequest.AWSRequest(method, URL + target, data=body, headers=headers or {})
    request.headers["Host"] = "127.0.0.1:4567"
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(*KEYS), service, "us-east-1")
    signer.add_auth(request)
    path, _, query = target.partition("?")
    return sigv4.Request(method, path, query, dict(request.headers.items()), body)


@pytest.mark.parametrize(
    ("method", "target", "service"),
    [
        ("POST", "/", "ec2"),
        ("GET", "/?Action=X&B=a%20b&A=1&A=0", "sts"),
        ("GET", "/schedules/awstune-x%2Fy", "scheduler"),
        ("DELETE", "/a/b?x=%E2%82%AC", "ec2"),
        ("POST", "/", "servicequotas"),
    ],
)
def test_what_botocore_signs_is_verified(method, target, service):
    """Every kind of request that botocore signs passes, and says what it was signed for."""
    scope = sigv4.verify(by_botocore(method, target, service=service), *KEYS, datetime.now(UTC))
    assert (scope.service, scope.region, scope.access_key) == (service, "us-east-1", KEYS[0])


def test_its_own_signature_is_verified():
    """What is signed here passes here."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    request = sigv4.Request("PUT", "/awstune/x", "", {"Host": "127.0.0.1:1"}, b"{}")
    headers = sigv4.sign(request, *KEYS, region="local", service="awstune", now=now)
    signed = sigv4.Request("PUT", "/awstune/x", "", headers, b"{}")
    assert sigv4.verify(signed, *KEYS, now).service == "awstune"


def changed(request, **parts):
    """The request with other parts."""
    words = {name: getattr(request, name) for name in ("method", "path", "query", "headers", "body")}
    return sigv4.Request(**(words | parts))


@pytest.mark.parametrize(
    "parts",
    [{"method": "GET"}, {"path": "/x"}, {"query": "a=b"}, {"body": b"Action=Y"}],
)
def test_nothing_can_be_changed(parts):
    """Method, path, query and body are all covered."""
    with pytest.raises(sigv4.NotSigned) as refused:
        sigv4.verify(changed(by_botocore(), **parts), *KEYS, datetime.now(UTC))
    assert refused.value.code == "SignatureDoesNotMatch"


def test_a_signed_header_cannot_be_changed():
    """Host is covered."""
    request = by_botocore()
    moved = changed(request, headers=dict(request.headers) | {"Host": "evil"})
    with pytest.raises(sigv4.NotSigned, match="signature"):
        sigv4.verify(moved, *KEYS, datetime.now(UTC))


def test_an_unsigned_host_is_refused():
    """A signature that does not cover Host proves nothing about where it was sent."""
    request = by_botocore()
    words = request.headers["Authorization"].replace("host;", "")
    with pytest.raises(sigv4.NotSigned, match="Host"):
        sigv4.verify(
            changed(request, headers=dict(request.headers) | {"Authorization": words}),
            *KEYS,
            datetime.now(UTC),
        )


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "MissingAuthenticationToken"),
        ("Basic dXNlcjpwYXNz", "MissingAuthenticationToken"),
        ("AWS4-HMAC-SHA256 nonsense", "MissingAuthenticationToken"),
    ],
)
def test_other_words_are_no_signature(authorization, code):
    """A missing or foreign Authorization is AWS's MissingAuthenticationToken."""
    request = changed(by_botocore(), headers={"Authorization": authorization})
    with pytest.raises(sigv4.NotSigned) as refused:
        sigv4.verify(request, *KEYS, datetime.now(UTC))
    assert refused.value.code == code


@pytest.mark.parametrize("shift", [timedelta(minutes=16), timedelta(minutes=-16), timedelta(days=1)])
def test_a_date_far_from_now_is_refused(shift):
    """A request is good for a quarter of an hour."""
    with pytest.raises(sigv4.NotSigned) as refused:
        sigv4.verify(by_botocore(), *KEYS, datetime.now(UTC) + shift)
    assert refused.value.code == "RequestExpired"


def test_a_missing_date_is_refused():
    """Without a date there is nothing to date the request by."""
    request = by_botocore()
    headers = {k: v for k, v in request.headers.items() if k != "X-Amz-Date"}
    with pytest.raises(sigv4.NotSigned) as refused:
        sigv4.verify(changed(request, headers=headers), *KEYS, datetime.now(UTC))
    assert refused.value.code == "IncompleteSignature"


def test_other_keys_are_refused():
    """Another access key and another secret are told apart."""
    for keys, code in (
        (("AKIAOTHER", KEYS[1]), "InvalidClientTokenId"),
        ((KEYS[0], "other"), "SignatureDoesNotMatch"),
    ):
        with pytest.raises(sigv4.NotSigned) as refused:
            sigv4.verify(by_botocore(), *keys, datetime.now(UTC))
        assert refused.value.code == code

"""The metadata service, asked directly."""

from http import HTTPStatus

import pytest

from awstune.localcloud.metadata import SPOT_NOTICE, Answer, Metadata

TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"


@pytest.fixture
def clock():
    """A clock that the test moves."""
    return [100.0]


@pytest.fixture
def service(clock):
    """A service with a few values."""
    values = {
        "instance-id": "i-1",
        "placement/region": "us-east-1",
        "placement/availability-zone": "us-east-1a",
    }
    return Metadata(values, now=lambda: clock[0])


@pytest.fixture
def get(service):
    """Asks with a fresh token."""

    def ask(path):
        token = service.answer("PUT", "/latest/api/token", {TTL: "60"}).body
        return service.answer("GET", path, {TOKEN: token})

    return ask


def test_values_and_listings(get):
    """A value is its text; a folder lists its entries, with a slash for a folder."""
    assert get("/latest/meta-data/instance-id") == Answer(HTTPStatus.OK, "i-1")
    assert get("/latest/meta-data/placement/region").body == "us-east-1"
    assert get("/latest/meta-data/placement/").body == "availability-zone\nregion"
    assert get("/latest/meta-data/").body == "instance-id\nplacement/"


@pytest.mark.parametrize(
    "path", ["/latest/meta-data/none", "/latest/user-data", "/", "/latest/meta-data/instance"]
)
def test_what_is_not_there(get, path):
    """Unknown paths are 404, and so is user-data, which carries a private key."""
    assert get(path).status == HTTPStatus.NOT_FOUND


def test_without_a_token(service):
    """IMDSv1 is not answered."""
    assert service.answer("GET", "/latest/meta-data/", {}).status == HTTPStatus.UNAUTHORIZED
    assert service.answer("GET", "/latest/meta-data/", {TOKEN: "x"}).status == HTTPStatus.UNAUTHORIZED


def test_a_token_expires(service, clock):
    """A token is good for as long as was asked."""
    token = service.answer("PUT", "/latest/api/token", {TTL: "60"}).body
    clock[0] += 59
    assert service.answer("GET", "/latest/meta-data/", {TOKEN: token}).status == HTTPStatus.OK
    clock[0] += 1
    assert service.answer("GET", "/latest/meta-data/", {TOKEN: token}).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("ttl", ["", "0", "-1", "21601", "long"])
def test_a_token_for_a_bad_time(service, ttl):
    """One second to six hours."""
    assert service.answer("PUT", "/latest/api/token", {TTL: ttl}).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("header", ["origin", "x-forwarded-for"])
def test_who_is_sent_by_another(service, header):
    """Web pages and proxies get nothing."""
    assert service.answer("PUT", "/latest/api/token", {TTL: "60", header: "x"}).status == HTTPStatus.FORBIDDEN


def test_a_notice_comes_and_goes(service, get):
    """The spot notice is 404 until it is there."""
    path = f"/latest/meta-data/{SPOT_NOTICE}"
    assert get(path).status == HTTPStatus.NOT_FOUND
    service.change({SPOT_NOTICE: "{}"})
    assert get(path).body == "{}"
    service.change({SPOT_NOTICE: None})
    assert get(path).status == HTTPStatus.NOT_FOUND


def test_other_methods(service):
    """Only GET reads."""
    token = service.answer("PUT", "/latest/api/token", {TTL: "60"}).body
    assert (
        service.answer("POST", "/latest/meta-data/", {TOKEN: token}).status == HTTPStatus.METHOD_NOT_ALLOWED
    )

"""The gate, as a WSGI application by itself."""

import io
from datetime import UTC, datetime
from wsgiref.util import setup_testing_defaults

import pytest

from awstune.localcloud import gate, sigv4

KEYS = gate.Keys("AKIA", "secret")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOST = "127.0.0.1:80"


def call(method="POST", path="/", body=b"Action=X", signed=True, **environ):
    """(status, body) of one request; the application behind says what reached it."""

    def behind(environ, start_response):
        start_response("200 OK", [])
        return [environ[gate.SCOPE].service.encode(), b" ", environ["wsgi.input"].read()]

    world = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": HOST, "CONTENT_LENGTH": str(len(body))}
    setup_testing_defaults(world)
    world["wsgi.input"] = io.BytesIO(body)
    if signed:
        request = sigv4.Request(method, path, "", {"Host": HOST}, body)
        headers = sigv4.sign(request, KEYS.access_key, KEYS.secret_key, region="r", service="ec2", now=NOW)
        world |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    world |= environ
    said = []
    app = gate.Gate(behind, KEYS, frozenset({HOST}), now=lambda: NOW)
    answer = b"".join(app(world, lambda status, _headers: said.append(status)))
    return int(said[0].split()[0]), answer


def test_a_signed_request_passes_whole():
    """The application behind gets the verified scope and the whole body."""
    assert call(body=b"Action=Y") == (200, b"ec2 Action=Y")


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:80", ""])
def test_any_origin_is_refused(origin):
    """Whatever a browser says of where it is, it is refused."""
    assert call(HTTP_ORIGIN=origin)[0] == 403


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "localhost:80", ""])
def test_any_other_host_is_refused(host):
    """Only the very names it was given are its own."""
    assert call(HTTP_HOST=host)[0] == 403


def test_unsigned_is_refused_in_ec2s_words():
    """The refusal carries AWS's code in the XML that botocore reads."""
    status, answer = call(signed=False)
    assert status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in answer


def test_unsigned_json_is_refused_in_json():
    """A JSON service's client is refused in JSON."""
    status, answer = call(signed=False, CONTENT_TYPE="application/x-amz-json-1.1")
    assert status == 403
    assert b'"__type": "MissingAuthenticationToken"' in answer


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "-1"}, 413),
        ({"CONTENT_LENGTH": "many"}, 413),
        ({"CONTENT_LENGTH": str(gate.MAX_BODY_BYTES + 1)}, 413),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
    ],
)
def test_a_body_of_unknown_or_endless_length_is_refused(environ, status):
    """A body is read whole before anything is decided, so its length must be known and bounded."""
    assert call(**environ)[0] == status

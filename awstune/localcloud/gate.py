"""The gate before the embedded cloud: whoever may call it may run commands as this user.

It stands before every path and method, moto's own ``/moto-api`` and the fault rules included. A
request passes if it names this very host, carries no ``Origin`` (so no browser sent it), and is
signed with the secret that lies in a file only its owner can read.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from wsgiref.headers import Headers

from awstune.localcloud import answers, sigv4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 64 * 1024 * 1024
SCOPE = "awstune.scope"
BODY = "awstune.body"


@dataclass(frozen=True)
class Keys:
    """The one pair of keys that this cloud knows."""

    access_key: str
    secret_key: str


class Refused(Exception):
    """A request that does not pass."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Gate:
    """WSGI application that lets only its owner's requests through to ``app``.

    Args:
        app: what stands behind the gate; it finds the verified `sigv4.Scope` in ``environ[SCOPE]``
            and the whole body in ``environ[BODY]``.
        keys: the pair to check signatures with.
        hosts: the exact ``Host`` headers that are this server's own names.
        now: the clock that signatures are dated against.
    """

    def __init__(
        self,
        app: WSGIApplication,
        keys: Keys,
        hosts: frozenset[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._now = now

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let one request through, or refuse it."""
        try:
            self._check_sender(environ)
            body = _read_body(environ)
            request = _request(environ, body)
            scope = sigv4.verify(request, self._keys.access_key, self._keys.secret_key, self._now())
        except Refused as refused:
            return answers.error(environ, start_response, refused.status, refused.code, str(refused))
        except sigv4.NotSigned as unsigned:
            return answers.error(environ, start_response, 403, unsigned.code, str(unsigned))
        environ[SCOPE] = scope
        environ[BODY] = body
        return self._app(environ, start_response)

    def _check_sender(self, environ: WSGIEnvironment) -> None:
        if environ.get("HTTP_ORIGIN") is not None:
            raise Refused(403, "AccessDenied", "Requests that come from a web page are refused.")
        if environ.get("HTTP_HOST", "") not in self._hosts:
            raise Refused(403, "AccessDenied", "This server answers only to its own loopback address.")


def _read_body(environ: WSGIEnvironment) -> bytes:
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise Refused(411, "MissingContentLength", "Send a Content-Length.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise Refused(413, "RequestEntityTooLarge", f"The body may have {MAX_BODY_BYTES} bytes.")
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _request(environ: WSGIEnvironment, body: bytes) -> sigv4.Request:
    # The path as it was sent: signatures cover the percent-encoded form.
    path = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO", "/")
    return sigv4.Request(
        method=environ["REQUEST_METHOD"],
        path=path.partition("?")[0],
        query=environ.get("QUERY_STRING", ""),
        headers=dict(_headers(environ).items()),
        body=body,
    )


def _headers(environ: WSGIEnvironment) -> Headers:
    headers = Headers()
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            headers[key[5:].replace("_", "-")] = value
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-")] = environ[key]
    return headers

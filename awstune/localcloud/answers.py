"""Answers that the embedded cloud gives itself, in the form that the caller's protocol reads.

EC2 answers errors in one XML, the other query services in another, JSON services in a header and a
document: botocore shows the code and message only if they come in the right one.
"""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

_EC2 = "<Response><Errors><Error>{error}</Error></Errors><RequestID>{request}</RequestID></Response>"
_QUERY = (
    "<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{request}</RequestId></ErrorResponse>"
)


def send(
    start_response: StartResponse,
    status: int,
    body: bytes,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> Iterable[bytes]:
    """Send ``body`` with its length and type."""
    lines = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    start_response(f"{status} {_phrase(status)}", list(lines.items()))
    return [body]


def document(start_response: StartResponse, value: Any, status: int = 200) -> Iterable[bytes]:
    """Send ``value`` as JSON."""
    return send(start_response, status, json.dumps(value).encode(), "application/json")


def error(
    environ: WSGIEnvironment, start_response: StartResponse, status: int, code: str, message: str
) -> Iterable[bytes]:
    """Send an error as the service that was called would."""
    if _speaks_json(environ):
        body = json.dumps({"__type": code, "message": message}).encode()
        headers = {"x-amzn-errortype": code}
        return send(start_response, status, body, "application/x-amz-json-1.1", headers)
    form = _EC2 if "/ec2/" in environ.get("HTTP_AUTHORIZATION", "") else _QUERY
    words = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    body = form.format(error=words, request=uuid.uuid4()).encode()
    return send(start_response, status, body, "text/xml")


def _speaks_json(environ: WSGIEnvironment) -> bool:
    return "json" in environ.get("CONTENT_TYPE", "") or "HTTP_X_AMZ_TARGET" in environ


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"

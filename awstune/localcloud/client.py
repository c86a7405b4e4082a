"""Signed calls to what the embedded cloud offers beside AWS: its instances, switches and fault rules."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from awstune import errors
from awstune.localcloud import sigv4

if TYPE_CHECKING:
    from awstune.localcloud.state import LocalCloud

SERVICE = "awstune"
_TIMEOUT_S = 30.0
_HTTP_OK = 300


def call(
    cloud: LocalCloud, method: str, path: str, document: Any = None, *, timeout_s: float = _TIMEOUT_S
) -> Any:
    """Send ``document`` as JSON, and return the JSON that comes back.

    Raises:
        errors.CloudError: the server refused; the message is its own.
        errors.CloudNotRunning: nobody answers there, or not in time.
    """
    parts = urlsplit(cloud.endpoint_url)
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Host": parts.netloc, "Content-Type": "application/json"}
    request = sigv4.Request(method, path, "", headers, body)
    scope: dict[str, Any] = {"region": "local", "service": SERVICE, "now": datetime.now(UTC)}
    signed = sigv4.sign(request, cloud.access_key, cloud.secret_key, **scope)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request(method, path, body, signed)
        answer = connection.getresponse()
        return _read(answer.status, answer.read())
    except OSError as error:
        raise errors.CloudNotRunning("the embedded cloud does not answer", "awstune local start") from error
    finally:
        connection.close()


def _read(status: int, body: bytes) -> Any:
    answer = json.loads(body) if body else None
    if status >= _HTTP_OK:
        raise errors.CloudError(str(answer.get("message", answer) if isinstance(answer, dict) else answer))
    return answer

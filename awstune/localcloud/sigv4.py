"""AWS Signature Version 4, both ways: what the embedded cloud asks of a request, and how to sign one.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. Only the
``Authorization`` header form: nothing presigned, no session tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/\s,]+)/(\d{8})/([^/\s,]*)/([^/\s,]*)/aws4_request, ?"
    r"SignedHeaders=([^\s,]+), ?Signature=([0-9a-f]{64})"
)
_STAMP = "%Y%m%dT%H%M%SZ"
_UNSIGNED = "UNSIGNED-PAYLOAD"  # what an upload says instead of its hash, as S3 lets it


class NotSigned(Exception):
    """A request that does not carry a signature made with the secret; ``code`` is AWS's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Request:
    """What a signature covers. ``path`` is as it was sent (percent-encoded), ``query`` without the ``?``."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Scope:
    """What a signature says of itself."""

    access_key: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str


def parse(authorization: str) -> Scope:
    """Read an ``Authorization`` header.

    Raises:
        NotSigned: it is missing or of another kind.
    """
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        raise NotSigned("MissingAuthenticationToken", "Request is missing Authentication Token")
    access_key, date, region, service, signed, signature = match.groups()
    return Scope(access_key, date, region, service, tuple(signed.split(";")), signature)


def verify(request: Request, access_key: str, secret_key: str, now: datetime) -> Scope:
    """The scope of a request that was signed with exactly these keys, not long ago.

    Raises:
        NotSigned: with AWS's code for what is wrong.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    scope = parse(headers.get("authorization", ""))
    if not hmac.compare_digest(scope.access_key, access_key):
        raise NotSigned("InvalidClientTokenId", "The security token included in the request is invalid.")
    _check_date(headers.get("x-amz-date", ""), scope, now)
    if "host" not in scope.signed:
        raise NotSigned("SignatureDoesNotMatch", "The Host header is not signed.")
    _check_body(headers, request.body, scope.service)
    if not hmac.compare_digest(_signature(request, headers, scope, secret_key), scope.signature):
        raise NotSigned(
            "SignatureDoesNotMatch", "The request signature does not match the one calculated here."
        )
    return scope


def sign(
    request: Request, access_key: str, secret_key: str, *, region: str, service: str, now: datetime
) -> dict[str, str]:
    """The headers of ``request`` with those that sign it added. They must hold ``Host``."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["x-amz-date"] = now.astimezone(UTC).strftime(_STAMP)
    headers["x-amz-content-sha256"] = _sha256(request.body)
    signed = tuple(sorted(headers))
    scope = Scope(access_key, headers["x-amz-date"][:8], region, service, signed, "")
    signature = _signature(request, headers, scope, secret_key)
    credential = f"{access_key}/{scope.date}/{region}/{service}/aws4_request"
    words = f"Credential={credential}, SignedHeaders={';'.join(signed)}, Signature={signature}"
    return headers | {"authorization": f"AWS4-HMAC-SHA256 {words}"}


def _check_date(stamp: str, scope: Scope, now: datetime) -> None:
    try:
        sent = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotSigned("IncompleteSignature", "X-Amz-Date is missing or malformed.") from error
    if abs(now - sent) > MAX_SKEW or stamp[:8] != scope.date:
        raise NotSigned("RequestExpired", f"Request has expired: it is dated {stamp}.")


def _check_body(headers: Mapping[str, str], body: bytes, service: str) -> None:
    said = headers.get("x-amz-content-sha256")
    unsigned = service == "s3" and said == _UNSIGNED
    if said is not None and said != _sha256(body) and not unsigned:
        raise NotSigned("SignatureDoesNotMatch", "The body is not the one that was signed.")


def _signature(request: Request, headers: Mapping[str, str], scope: Scope, secret_key: str) -> str:
    canonical = "\n".join(
        [
            request.method,
            _canonical_path(request.path, scope.service),
            _canonical_query(request.query),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in scope.signed),
            "",
            ";".join(scope.signed),
            headers.get("x-amz-content-sha256") or _sha256(request.body),
        ]
    )
    where = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), where, _sha256(canonical.encode())])
    key = f"AWS4{secret_key}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _canonical_path(path: str, service: str) -> str:
    # Every service but S3 encodes the path, as it was sent, a second time.
    return path or "/" if service == "s3" else quote(path or "/", safe="/~")


def _canonical_query(query: str) -> str:
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, True))
    return "&".join(f"{k}={v}" for k, v in pairs)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

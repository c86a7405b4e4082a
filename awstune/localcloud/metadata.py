"""An instance's metadata service (IMDSv2), on its own address and a port of its own.

169.254.169.254 cannot be bound without root; SDKs find this one by the environment variable
``AWS_EC2_METADATA_SERVICE_ENDPOINT``. User-data is not served: it carries a private host key, and any
user of the laptop could ask.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
SPOT_NOTICE = "spot/instance-action"
REBALANCE = "events/recommendations/rebalance"
_TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105 (a header's name)
_TTL = f"{_TOKEN}-ttl-seconds"
_ROOT = "/latest/meta-data/"
_MAX_TTL_S = 21600
_MAX_HEADERS = 100


@dataclass(frozen=True)
class Answer:
    """One answer of the service."""

    status: HTTPStatus
    body: str = ""


class Metadata:
    """What the service knows, and how it answers.

    Args:
        values: texts by their path below ``/latest/meta-data/``.
        now: a clock in seconds that does not go back.
    """

    def __init__(self, values: Mapping[str, str], now: Callable[[], float] = time.monotonic) -> None:
        self._values = dict(values)
        self._now = now
        self._tokens: dict[str, float] = {}

    def change(self, values: Mapping[str, str | None]) -> None:
        """Set some values; None takes one away."""
        self._values |= {path: value for path, value in values.items() if value is not None}
        for path in [path for path, value in values.items() if value is None]:
            self._values.pop(path, None)

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer one request; names of ``headers`` are in lower case."""
        if "origin" in headers or "x-forwarded-for" in headers:
            return Answer(HTTPStatus.FORBIDDEN)
        if (method, path) == ("PUT", "/latest/api/token"):
            return self._new_token(headers.get(_TTL, ""))
        if self._tokens.get(headers.get(_TOKEN, ""), 0.0) <= self._now():
            return Answer(HTTPStatus.UNAUTHORIZED)
        if method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        return self._look_up(path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        with contextlib.suppress(ConnectionError, ValueError, asyncio.IncompleteReadError):
            method, path, _ = (await reader.readline()).decode("latin-1").split()
            answer = self.answer(method, path, await _headers(reader))
            writer.write(_http(answer))
            await writer.drain()
        writer.close()

    def _new_token(self, ttl: str) -> Answer:
        if not ttl.isdigit() or not 1 <= int(ttl) <= _MAX_TTL_S:
            return Answer(HTTPStatus.BAD_REQUEST)
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self._now() + int(ttl)
        return Answer(HTTPStatus.OK, token)

    def _look_up(self, path: str) -> Answer:
        name = path.removeprefix(_ROOT)
        if path.startswith(_ROOT) and name in self._values:
            return Answer(HTTPStatus.OK, self._values[name])
        folder = f"{name.rstrip('/')}/" if name else ""
        inside = {entry.removeprefix(folder) for entry in self._values if entry.startswith(folder)}
        names = sorted({head + slash for head, slash, _ in (entry.partition("/") for entry in inside)})
        if not path.startswith(_ROOT) or not names:
            return Answer(HTTPStatus.NOT_FOUND)
        return Answer(HTTPStatus.OK, "\n".join(names))


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := (await reader.readline()).decode("latin-1").strip()) and len(headers) < _MAX_HEADERS:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _http(answer: Answer) -> bytes:
    body = answer.body.encode()
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body

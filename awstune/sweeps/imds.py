"""The metadata service of the instance that this process runs on (IMDSv2), by the standard library.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html.
"""

from __future__ import annotations

import http.client
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
ADDRESS = "http://169.254.169.254"
_TTL_S = 21600
_TIMEOUT_S = 2.0


class Metadata:
    """Asks for what the instance knows of itself.

    Args:
        endpoint: the service's address.
        now: a clock in seconds that does not go back.
    """

    def __init__(self, endpoint: str = ADDRESS, now: Callable[[], float] = time.monotonic) -> None:
        self._host = urlsplit(endpoint).netloc
        self._now = now
        self._token, self._until = "", float("-inf")

    def get(self, path: str) -> str | None:
        """The text below ``/latest/meta-data/``; None where there is none, or nobody answers."""
        try:
            if self._now() >= self._until:
                self._take_token()
            status, text = self._ask(
                "GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token}
            )
        except (OSError, http.client.HTTPException):
            return None
        if status == HTTPStatus.UNAUTHORIZED:  # it forgets its tokens when the instance is started anew
            self._until = float("-inf")
        return text if status == HTTPStatus.OK else None

    def _take_token(self) -> None:
        words = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TTL_S)}
        status, text = self._ask("PUT", "/latest/api/token", words)
        if status == HTTPStatus.OK:
            self._token, self._until = text, self._now() + _TTL_S / 2

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

"""An AWS that refuses every call, with the code that the caller's access key id is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.serving import Answering, serving

WORDS = {
    "SignatureDoesNotMatch": "Signature expired: 20261123T000000Z is now earlier than 20261123T010000Z",
    "ExpiredToken": "The security token included in the request is expired",
    "RequestExpired": "Request has expired.",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
}
EC2 = "<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"
STS = "<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"


class _Refusing(Answering):
    def post(self) -> None:
        body = self.body()
        found = re.search(r"Credential=([^/]+)/", self.headers["Authorization"])
        assert found
        code = found[1]
        words = WORDS.get(code, "You are not authorized")
        error = f"<Error><Code>{code}</Code><Message>{words}</Message></Error>"
        document = STS if b"GetCallerIdentity" in body else EC2
        self.answer(403, document.format(error=error), Content_Type="text/xml")


@contextmanager
def refusing() -> Iterator[str]:
    """Its address, while it runs."""
    with serving(_Refusing) as server:
        yield server.url

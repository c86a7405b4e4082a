"""An AWS that refuses every call, with the code that the caller's access key id is."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = {
    "SignatureDoesNotMatch": "Signature expired: 20261123T000000Z is now earlier than 20261123T010000Z",
    "ExpiredToken": "The security token included in the request is expired",
    "RequestExpired": "Request has expired.",
    "AuthFailure": "AWS was not able to validate the provided access credentials",
}
EC2 = "<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"
STS = "<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = re.search(r"Credential=([^/]+)/", self.headers["Authorization"])
        assert found
        code = found[1]
        words = WORDS.get(code, "You are not authorized")
        error = f"<Error><Code>{code}</Code><Message>{words}</Message></Error>"
        answer = (STS if b"GetCallerIdentity" in body else EC2).format(error=error).encode()
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def refusing() -> Iterator[str]:
    """Its address, while it runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()

"""Web servers of the tests, on loopback: a handler says what is answered, and nothing is left of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering(BaseHTTPRequestHandler):
    """What handlers share: the request's body, one way to answer, and no word on stderr.

    A handler has ``get``, ``post`` or ``put``, whichever it answers.
    """

    def do_GET(self) -> None:
        """Hand it on."""
        self.get()

    def do_POST(self) -> None:
        """Hand it on."""
        self.post()

    def do_PUT(self) -> None:
        """Hand it on."""
        self.put()

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, text: str | bytes = b"", **headers: str) -> None:
        """One answer; a header's name is written with underscores."""
        content = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: type[Answering], **remembers: object) -> Iterator[ThreadingHTTPServer]:
    """A server while the block runs; its ``url`` has no slash at its end.

    Args:
        handler: answers each request.
        remembers: attributes of the server, which handlers reach as ``self.server``.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        vars(server).update(remembers, url=f"http://127.0.0.1:{server.server_port}")
        # Its end is looked for as often as this.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
